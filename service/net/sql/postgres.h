// PostgreSQL for coroutines: a few connections, each with many batches under
// way at a time, none of which waits for the one before it.
//
//   PostgresPool pool(reactors, options);
//   std::vector<PostgresStatement> batch;
//   batch.push_back({"UPDATE t SET n = n + 1 WHERE name = $1",
//                    {PostgresValue::Text("a")}});
//   batch.push_back({"SELECT n FROM t", {}});
//   auto results = co_await pool.Run(std::move(batch), absl::Seconds(5));
//   if (results.ok()) (*results)[1].Int(0, 0);
//
// A batch is one round trip and one implicit transaction: all of it is done or
// nothing, at READ COMMITTED, each statement seeing what was committed when it
// began. The first error ends it. There is no transaction over several
// batches, so a client that stops holds no lock.
//
// A connection that is lost is made again, with a backoff. While there is none
// a call waits for one a short time (connect_wait) and then fails. Behind a
// proxy that pools connections by transaction, prepared statements are lost;
// such proxies are not supported.
//
// Thread-safe, but for construction and destruction.

#ifndef VALETKEY_NET_SQL_POSTGRES_H_
#define VALETKEY_NET_SQL_POSTGRES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task.h"
#include "service/base/mutex.h"
#include "service/net/sql/postgres_connection.h"
#include "service/net/sql/postgres_error.h"
#include "service/net/sql/postgres_options.h"
#include "service/net/sql/postgres_value.h"

namespace valetkey::sql {

class PostgresPool {
 public:
  // Starts to connect. The reactors outlive the pool.
  PostgresPool(ReactorPool& reactors, PostgresOptions options);
  // Closes and waits. REQUIRES: not on a reactor's thread; no call waits.
  ~PostgresPool();

  // A result for each statement. Resumes on the caller's executor, which runs
  // on one thread or is a strand. STORE_UNAVAILABLE: the server refused a
  // statement (PostgresErrorOf: nothing was done); there was no connection, or
  // too many calls wait (nothing was done); or the connection was lost or the
  // time ran out after it was sent (nobody knows, as the message says).
  // Cancelling the waiting task has no effect: the timeout ends it.
  Task<absl::StatusOr<std::vector<PostgresResult>>> Run(
      std::vector<PostgresStatement> batch, absl::Duration timeout);

  // Waits for a first connection; why there is none when the time is over.
  Task<absl::Status> WaitUntilConnected(absl::Duration timeout);

  // Ends all connections: what waits fails, and all that comes after. The
  // destructor waits for it.
  void Close();

  // Connections that are up.
  int connected() const;
  // How many times one was made.
  std::int64_t connects() const;
  std::string endpoint() const { return options_.url.Endpoint(); }

 private:
  using Clock = std::chrono::steady_clock;

  // The one with the least to do, of those that are up.
  PostgresConnection* Choose();
  // Waits until a connection has come up or failed to; false if too many wait.
  Task<bool> WaitForChange(absl::Duration timeout);
  void OnChange();
  // Logs when the last connection goes and when one is there again; not each
  // of them, for they mostly come and go together.
  void LogChange();
  absl::Status Trouble() const;

  ReactorPool& reactors_;
  const PostgresOptions options_;
  std::atomic<unsigned> next_{0};
  Mutex mutex_;
  std::vector<std::shared_ptr<WakeSignal>> waiting_ VK_GUARDED_BY(mutex_);
  bool up_ VK_GUARDED_BY(mutex_) = false;
  std::string logged_ VK_GUARDED_BY(mutex_);  // the trouble last logged
  std::vector<std::unique_ptr<PostgresConnection>> connections_;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_H_
