// Definitions in the SQLite store: what is theirs alone. All functions work in
// the transaction that the connection is in.

#ifndef VALETKEY_STORE_SQLITE_DEFINITIONS_H_
#define VALETKEY_STORE_SQLITE_DEFINITIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/net/sql/sqlite.h"
#include "service/store/store.h"

namespace valetkey::store {

absl::StatusOr<AddedDefinitions> ListDefinitions(sql::Sqlite& db);
absl::StatusOr<std::int64_t> DefinitionsRevision(sql::Sqlite& db);

// RESOURCE_IN_USE if a provider is of it.
absl::Status DeleteDefinition(sql::Sqlite& db, const std::string& name);
// To be called with each change of a definition.
absl::Status RaiseDefinitionsRevision(sql::Sqlite& db);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_DEFINITIONS_H_
