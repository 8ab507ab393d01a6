// Errors of PostgreSQL, told apart by code and not by text.
//
// Every error of net/sql's PostgreSQL client is a STORE_UNAVAILABLE whose
// message names the endpoint and never a value; if a server has refused a
// statement, what it said is with it. Thread-safe.

#ifndef VALETKEY_NET_SQL_POSTGRES_ERROR_H_
#define VALETKEY_NET_SQL_POSTGRES_ERROR_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct pg_result;

namespace valetkey::sql {

struct PostgresError {
  std::string sqlstate;    // five characters
  std::string constraint;  // its name, for errors of class 23; else ""
  int statement = 0;       // which of the batch, from 0
};

// Conditions that callers act on.
inline constexpr char kDivisionByZero[] = "22012";
inline constexpr char kForeignKeyViolation[] = "23503";
inline constexpr char kUniqueViolation[] = "23505";
inline constexpr char kReadOnlyTransaction[] = "25006";
inline constexpr char kUnknownStatement[] = "26000";
inline constexpr char kSerializationFailure[] = "40001";
inline constexpr char kDeadlockDetected[] = "40P01";
inline constexpr char kLockNotAvailable[] = "55P03";
inline constexpr char kQueryCanceled[] = "57014";

// What the server said; nullopt for any other error, such as a lost connection,
// after which it is unknown what has been done.
std::optional<PostgresError> PostgresErrorOf(const absl::Status& status);

// "database db:5432/valetkey: what".
absl::Status DatabaseError(absl::string_view endpoint, absl::string_view what);

// The error in a result. The server's text is repeated only where it cannot
// hold a value that was sent.
absl::Status StatementError(absl::string_view endpoint, const pg_result* result,
                            int statement);

// The same error, sharing no memory with the given one: for another thread.
absl::Status CopyError(const absl::Status& status);

// "" or what libpq says of a connection, on one line.
std::string OneLine(absl::string_view message);

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_ERROR_H_
