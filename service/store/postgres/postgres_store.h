// The store that replicas share: a PostgreSQL, 15 or later.
//
// Update holds no lock between its round trips: it reads the rows, runs the
// change, and writes on condition that every row written still is as it was
// read; if one is not, it begins again. So a client that stops, even in the
// middle, stands in nobody's way. Rows that a change only reads are of one
// moment, but may be changed by others before it is committed; what rows need
// to exist is held by foreign keys.
//
// Events are numbered after their commit (sequencer.h): one order for all
// replicas, without gaps. A replica's listener hears of all events, also those
// of others, within a quarter of a second; but of none older than the store's
// opening here.
//
// Each call has one round trip, but for Update, which has two, and a third if
// there are events. A server that fails over is followed if the URL names its
// hosts; it must have what it has acknowledged (synchronous replication), or
// tokens are lost with it.

#ifndef VALETKEY_STORE_POSTGRES_POSTGRES_STORE_H_
#define VALETKEY_STORE_POSTGRES_POSTGRES_STORE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/base/clock.h"
#include "service/net/sql/postgres_options.h"
#include "service/store/store.h"

namespace valetkey::store {

struct PostgresStoreOptions {
  // See service/net/sql/postgres_url.h. A proxy between must not share
  // connections (pgbouncer: pool_mode = session).
  std::string url;
  // All of these outlive the store.
  ReactorPool* reactors = nullptr;
  Random* random = &Random::System();
  // For tests: in place of the server's clock.
  const Clock* clock = nullptr;
  // Connections. More of them let the server work on more at a time; many
  // calls share each as it is.
  int connections = 4;
  // Of a call, in all its round trips.
  absl::Duration write_timeout = absl::Seconds(10);
  absl::Duration read_timeout = absl::Seconds(10);
  // Of opening: connecting and bringing the tables up to date.
  absl::Duration open_timeout = absl::Seconds(30);
  // How long an Update waits for its events' numbers.
  absl::Duration number_timeout = absl::Seconds(1);
  // What else there is to set of the connections; `url`, `connections` and
  // `random` are those above.
  sql::PostgresOptions connection;
  // Called with the server's clock each time that an answer carried it, at
  // least every quarter of a second: the server's clock stood so at some moment
  // between the two. On any thread, several at a time; must return quickly.
  std::function<void(std::chrono::steady_clock::time_point sent,
                     std::chrono::steady_clock::time_point received,
                     absl::Time server_now)>
      on_time;
};

// Connects and brings the tables up to date. Blocks. FIELD_INVALID for a URL
// that is none; STORE_UNAVAILABLE, naming the server, if it cannot be used.
// REQUIRES: not on a reactor's thread, neither here nor in the store's
// destructor. Coroutines that wait for the store are to be joined before.
absl::StatusOr<std::unique_ptr<Store>> NewPostgresStore(
    PostgresStoreOptions options);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_POSTGRES_POSTGRES_STORE_H_
