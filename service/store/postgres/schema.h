// The tables of the PostgreSQL store, and how a database gets them.
//
// See service/store/record.proto for what is a column and what is in the
// record. A change of the tables is a migration, appended to the list in
// schema.cc: all that are missing run in one transaction when a store opens,
// under a lock, so that of many that open at a time one runs them.

#ifndef VALETKEY_STORE_POSTGRES_SCHEMA_H_
#define VALETKEY_STORE_POSTGRES_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/net/sql/postgres.h"

namespace valetkey::store {

// The version that this program makes and reads.
int PostgresSchemaVersion();

struct PostgresStoreState {
  std::string id;           // made when the tables were
  std::int64_t newest = 0;  // the newest event's number
};

// Waits for a connection and brings the tables up to date. STORE_UNAVAILABLE
// if the database is of a newer version or of another program, or the time is
// over.
Task<absl::StatusOr<PostgresStoreState>> PreparePostgres(
    sql::PostgresPool& pool, Random& random, absl::Duration timeout);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_POSTGRES_SCHEMA_H_
