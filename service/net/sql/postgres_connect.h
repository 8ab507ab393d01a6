// Makes a connection without blocking the event loop: hosts are looked up by
// Asio, and tried one address after the other.

#ifndef VALETKEY_NET_SQL_POSTGRES_CONNECT_H_
#define VALETKEY_NET_SQL_POSTGRES_CONNECT_H_

#include <libpq-fe.h>

#include <memory>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/net/sql/postgres_options.h"

namespace valetkey::sql {

struct PostgresCloser {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PostgresHandle = std::unique_ptr<PGconn, PostgresCloser>;

// A connection in pipeline mode that does not block, to a server that can be
// written to. Ends early, with an error, when the task is cancelled. `options`
// outlives the task.
Task<absl::StatusOr<PostgresHandle>> ConnectPostgres(
    const PostgresOptions& options);

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_CONNECT_H_
