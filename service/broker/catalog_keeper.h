// Definitions that operators add: kept in the store, and from there made part
// of the catalog of each server that shares it. Rights are checked by the RPC
// layer. Keeps nothing itself: there may be several over one catalog.
// Thread-safe. Errors carry a Reason.
//
// The server that changes one has taken it over when the call returns; the
// others hear of it with their next beat (Hear), within seconds. A definition
// that this version of the program cannot use, as another wrote it, is logged
// and left out: its providers are then without their catalog entry.

#ifndef VALETKEY_BROKER_CATALOG_KEEPER_H_
#define VALETKEY_BROKER_CATALOG_KEEPER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/catalog/catalog.h"
#include "service/catalog/check_text.h"
#include "service/store/store.h"

namespace valetkey::broker {

struct CheckedDefinition {
  catalog::CheckedText text;
  std::string dry_run;  // "" if there are faults, or it cannot be made
};

class CatalogKeeper {
 public:
  // Both outlive this object.
  CatalogKeeper(store::Store& store, catalog::Catalog& catalog)
      : store_(store), catalog_(catalog) {}

  const catalog::Catalog& catalog() const { return catalog_; }

  // Takes over what the store has.
  Task<absl::Status> Load();
  // The same, if that is not of this revision already (Store::Beat).
  Task<void> Hear(std::int64_t revision);

  // FIELD_INVALID of `text` if there is none or it is too long, and of
  // `inputs`, if those given do not fit the definition.
  absl::StatusOr<CheckedDefinition> Check(
      const std::string& text,
      const std::map<std::string, std::string>& inputs) const;

  // FIELD_INVALID, RESOURCE_EXISTS.
  Task<absl::StatusOr<store::AddedDefinition>> Create(std::string text);
  // CATALOG_ENTRY_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID.
  Task<absl::StatusOr<store::AddedDefinition>> Update(std::string name,
                                                      std::string etag,
                                                      std::string text);
  // CATALOG_ENTRY_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID, RESOURCE_IN_USE.
  Task<absl::Status> Delete(std::string name, std::string etag);

 private:
  // Why there is no added definition of that name: FIELD_INVALID or
  // CATALOG_ENTRY_NOT_FOUND.
  absl::Status NotAdded(const std::string& name) const;
  // Takes over a change of ours, if it was committed.
  Task<void> TakeOver(absl::Status changed);

  store::Store& store_;
  catalog::Catalog& catalog_;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_CATALOG_KEEPER_H_
