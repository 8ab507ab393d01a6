// The tables of the SQLite store, and how a file with them is opened.
//
// See service/store/record.proto for what is a column and what is in the
// record. A change of the tables is a migration, appended to the list in
// schema.cc: all that are missing run in one transaction when the store opens.

#ifndef VALETKEY_STORE_SQLITE_SCHEMA_H_
#define VALETKEY_STORE_SQLITE_SCHEMA_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/base/clock.h"
#include "service/net/sql/sqlite.h"

namespace valetkey::store {

// The version that this program makes and reads.
int SchemaVersion();

// Makes the folder (0700) and the file (0600) if there are none.
absl::Status MakeDatabaseFile(const std::string& path);

// A connection with the settings that a writer needs: WAL, and an fsync at
// each commit.
absl::StatusOr<std::unique_ptr<sql::Sqlite>> OpenWriter(
    const std::string& path);
// A connection that cannot write.
absl::StatusOr<std::unique_ptr<sql::Sqlite>> OpenReader(
    const std::string& path);

// Refuses a file that is damaged, of another program, or of a newer version
// of this one; files above `max_checked_bytes` are not read through for
// damage. Then brings the tables up to date, all in one transaction.
absl::Status CheckAndMigrate(sql::Sqlite& db, const std::string& path,
                             std::int64_t max_checked_bytes, Random& random);

// The store's id, made when the tables were.
absl::StatusOr<std::string> ReadStoreId(sql::Sqlite& db);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_SCHEMA_H_
