// Update of the SQLite store, inside a transaction: reads the rows, runs the
// change, writes what differs, and enforces what service/store/store.h
// promises about rows that depend on others.

#ifndef VALETKEY_STORE_SQLITE_CHANGE_H_
#define VALETKEY_STORE_SQLITE_CHANGE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/net/sql/sqlite.h"
#include "service/store/store.h"

namespace valetkey::store {

// After an error the transaction holds part of it: roll back.
absl::StatusOr<Rows> ApplyChange(sql::Sqlite& db, const RowKeys& keys,
                                 const Change& change, absl::Time now);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_CHANGE_H_
