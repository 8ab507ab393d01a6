// Settings shared by all connections to one PostgreSQL.

#ifndef VALETKEY_NET_SQL_POSTGRES_OPTIONS_H_
#define VALETKEY_NET_SQL_POSTGRES_OPTIONS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/net/sql/postgres_url.h"

namespace valetkey::sql {

struct PostgresOptions {
  PostgresUrl url;
  std::string application_name = "valetkey";  // in pg_stat_activity
  int connections = 4;                        // at least 1
  // For one address of one host.
  absl::Duration connect_timeout = absl::Seconds(5);
  // While there is no connection, a call waits so long for one.
  absl::Duration connect_wait = absl::Milliseconds(500);
  // A connection that owes an answer for so long without giving any is dropped.
  // Longer than statement_timeout, which makes a server answer that can.
  absl::Duration stall_timeout = absl::Seconds(6);
  // An idle connection is tried so often.
  absl::Duration ping_interval = absl::Seconds(5);
  // The server's own limits for what it is sent.
  absl::Duration statement_timeout = absl::Seconds(5);
  absl::Duration lock_timeout = absl::Seconds(2);
  absl::Duration idle_in_transaction_timeout = absl::Seconds(5);
  // Other parameters of the server, as for SET.
  std::vector<std::pair<std::string, std::string>> settings;
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(3);
  // Calls without an answer, on each connection, and calls that wait for one.
  std::size_t max_in_flight = 4096;
  Random* random = &Random::System();  // outlives the pool
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_OPTIONS_H_
