// The providers that ValetKey knows: definitions loaded from text format.
//
// A file holds one ProviderDefinition and is named after its id,
// `pinterest.textproto`. The built-in ones are compiled in; files of a folder
// (--catalog_dir) add to them or replace them. Errors name file, line and
// field. Thread-safe: read-only after loading.

#ifndef VALETKEY_CATALOG_CATALOG_H_
#define VALETKEY_CATALOG_CATALOG_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "valetkey/catalog/v1/definition.pb.h"

namespace valetkey::catalog {

using Definition = ::valetkey::catalog::v1::ProviderDefinition;

class Catalog {
 public:
  // The built-in definitions, then those of `folder` ("" for none).
  static absl::StatusOr<Catalog> Load(const std::string& folder);

  // nullptr: no such entry. `id` without "catalog/". The pointer stays valid
  // as long as someone holds it.
  std::shared_ptr<const Definition> Find(absl::string_view id) const;
  // The definition with the environment's overrides applied ("" is
  // production); nullptr if there is no such entry or environment.
  std::shared_ptr<const Definition> Find(absl::string_view id,
                                         absl::string_view environment) const;
  // By id.
  std::vector<std::shared_ptr<const Definition>> List() const;

 private:
  void Add(Definition definition);

  std::map<std::string, std::shared_ptr<const Definition>, std::less<>>
      entries_;
  // "id/environment", merged.
  std::map<std::string, std::shared_ptr<const Definition>, std::less<>>
      environments_;
};

// The text of a definition's file, and the definition of a file, which is named
// after it.
absl::StatusOr<std::string> ReadDefinitionText(const std::string& path);
absl::StatusOr<Definition> ReadDefinition(const std::string& path);

// Parses and checks one definition; `file` is for the errors.
absl::StatusOr<Definition> ParseDefinition(absl::string_view file,
                                           absl::string_view text);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_CATALOG_H_
