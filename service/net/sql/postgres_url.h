// Where a PostgreSQL is and how to be let in, as one URL of libpq's:
//
//   postgres://user:password@host:port/database?sslmode=verify-full
//   postgres:///database?host=/run/postgresql&user=valetkey
//   postgres://one,two:5433/database       the first that can be written to
//
// Every parameter of libpq may follow the "?", such as sslrootcert, sslcert,
// sslkey and passfile; libpq's environment variables fill in what is missing.
// Errors name the part that is wrong and never repeat what was given, for any
// part may hold a misplaced password. Pure; thread-safe.

#ifndef VALETKEY_NET_SQL_POSTGRES_URL_H_
#define VALETKEY_NET_SQL_POSTGRES_URL_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/secret.h"

namespace valetkey::sql {

struct PostgresHost {
  std::string name;  // a host, an address, or the folder of a socket; "" is
                     // libpq's default
  std::string port;  // "" is libpq's default
};

struct PostgresUrl {
  // libpq's parameters, but for those that follow.
  std::map<std::string, std::string> parameters;
  std::vector<PostgresHost> hosts;  // at least one
  SecretString password;
  bool has_password = false;

  // For logs and errors: "host:5432/database", without user and password.
  std::string Endpoint() const;
};

// FIELD_INVALID if it is none.
absl::StatusOr<PostgresUrl> ParsePostgresUrl(absl::string_view text);

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_URL_H_
