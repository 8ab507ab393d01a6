// Definitions in the PostgreSQL store: what is theirs alone, as statements and
// as readers of their results. Pure functions.
//
// A change that deletes a definition looks for providers of it once it has
// deleted it; one that makes a provider holds the definition's row before. So
// whichever comes second waits for the first, and sees what it did.

#ifndef VALETKEY_STORE_POSTGRES_DEFINITIONS_H_
#define VALETKEY_STORE_POSTGRES_DEFINITIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "service/net/sql/postgres_value.h"
#include "service/store/postgres/tables.h"
#include "service/store/store.h"

namespace valetkey::store::postgres {

sql::PostgresStatement SelectDefinitions();
absl::StatusOr<AddedDefinitions> DefinitionsOf(
    const sql::PostgresResult& result);
sql::PostgresStatement SelectDefinitionsRevision();

// Both fail with a division by zero: if the definition is gone, if a provider
// is of it.
sql::PostgresStatement HoldDefinition(const std::string& name);
sql::PostgresStatement CheckUnused(const std::string& name);
// To be run with each change of a definition.
sql::PostgresStatement RaiseDefinitionsRevision();

}  // namespace valetkey::store::postgres

#endif  // VALETKEY_STORE_POSTGRES_DEFINITIONS_H_
