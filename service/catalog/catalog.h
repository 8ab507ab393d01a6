// The providers that ValetKey knows: definitions loaded from text format.
//
// A file holds one ProviderDefinition and is named after its id,
// `pinterest.textproto`. The built-in ones are compiled in; files of a folder
// (--catalog_dir) add to them or replace them. Errors name file, line and
// field.
//
// Definitions that people add while the server runs stand in front of both.
// They are all put in at once (SetAdded); a definition that was found before
// lives on, as it was, for who holds it. An id is free when one is added; if a
// later version of the program or a file brings it too, the added one stays in
// force, for providers were configured by it.
//
// Thread-safe. Reading takes a lock for as long as it takes to copy a pointer;
// what is read is immutable.

#ifndef VALETKEY_CATALOG_CATALOG_H_
#define VALETKEY_CATALOG_CATALOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/mutex.h"
#include "valetkey/catalog/v1/definition.pb.h"

namespace valetkey::catalog {

using Definition = ::valetkey::catalog::v1::ProviderDefinition;

enum class Source { kBuiltIn, kFile, kAdded };

struct Entry {
  std::shared_ptr<const Definition> definition;
  Source source = Source::kBuiltIn;
  // Of one that was added: as the store has it.
  std::string text;
  std::int64_t revision = 0;
};

class Catalog {
 public:
  // The built-in definitions, then those of `folder` ("" for none).
  static absl::StatusOr<Catalog> Load(const std::string& folder);

  Catalog();
  // A copy shares the definitions; what is added to one is not in the other.
  Catalog(const Catalog& other);
  Catalog& operator=(const Catalog& other);

  // nullptr: no such entry. `id` without "catalog/". The pointer stays valid
  // as long as someone holds it.
  std::shared_ptr<const Definition> Find(absl::string_view id) const;
  // The definition with the environment's overrides applied ("" is
  // production); nullptr if there is no such entry or environment.
  std::shared_ptr<const Definition> Find(absl::string_view id,
                                         absl::string_view environment) const;
  std::shared_ptr<const Entry> FindEntry(absl::string_view id) const;
  // By id.
  std::vector<std::shared_ptr<const Definition>> List() const;
  std::vector<std::shared_ptr<const Entry>> ListEntries() const;

  // The entry that the program or a file brings, though an added one may stand
  // in front of it.
  std::shared_ptr<const Entry> FindOwn(absl::string_view id) const;

  // Takes these in place of all that were added before. `revision` rises with
  // each change of them: an older one than is known is ignored.
  // REQUIRES: their definitions have passed ParseDefinition.
  void SetAdded(std::int64_t revision,
                std::vector<std::shared_ptr<const Entry>> added);
  // That of the added ones in force; -1 before the first SetAdded. What was
  // found at an earlier one may be another now.
  std::int64_t added_revision() const;

 private:
  // All there is at one moment.
  struct Snapshot {
    // Takes the place of one of the same id.
    void Add(std::shared_ptr<const Entry> entry);

    std::int64_t added_revision = -1;
    std::map<std::string, std::shared_ptr<const Entry>, std::less<>> entries;
    // "id/environment", merged.
    std::map<std::string, std::shared_ptr<const Definition>, std::less<>>
        environments;
  };

  explicit Catalog(std::shared_ptr<const Snapshot> own);

  std::shared_ptr<const Snapshot> Now() const VK_EXCLUDES(mutex_);

  std::shared_ptr<const Snapshot> own_;  // without what was added
  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> now_ VK_GUARDED_BY(mutex_);
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
