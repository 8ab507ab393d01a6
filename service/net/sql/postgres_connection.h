// A connection to PostgreSQL that comes back by itself after a loss, on one
// executor; what the pool has several of.

#ifndef VALETKEY_NET_SQL_POSTGRES_CONNECTION_H_
#define VALETKEY_NET_SQL_POSTGRES_CONNECTION_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/async/wake_signal.h"
#include "service/base/mutex.h"
#include "service/net/sql/postgres_link.h"
#include "service/net/sql/postgres_options.h"

namespace valetkey::sql {

// A batch on its way through a connection, and its waiter. Thread-safe.
class PostgresCall {
 public:
  explicit PostgresCall(std::vector<PostgresStatement> batch)
      : batch_(std::move(batch)) {}

  const std::vector<PostgresStatement>& batch() const { return batch_; }
  const std::shared_ptr<WakeSignal>& signal() const { return signal_; }

  // For the connection. Begin: false if nobody waits any more. End: nullopt if
  // the batch was not sent.
  bool Begin();
  void End(std::optional<PostgresLink::Results> results);

  // For the waiter.
  enum class Outcome { kOpen, kNotSent, kDone };
  Outcome outcome();
  PostgresLink::Results TakeResults();  // REQUIRES: kDone
  // False if it has been sent. If true, it will not be.
  bool Withdraw();

 private:
  enum class State { kQueued, kSent, kNotSent, kDone, kWithdrawn };

  const std::vector<PostgresStatement> batch_;
  const std::shared_ptr<WakeSignal> signal_ = std::make_shared<WakeSignal>();
  Mutex mutex_;
  State state_ VK_GUARDED_BY(mutex_) = State::kQueued;
  std::optional<PostgresLink::Results> results_ VK_GUARDED_BY(mutex_);
};

class PostgresConnection {
 public:
  // `options` outlives it. `changed` is called on the executor when the
  // connection has come up, was lost, or could not be made.
  // REQUIRES: the executor runs on one thread.
  PostgresConnection(asio::any_io_executor executor,
                     const PostgresOptions& options,
                     std::function<void()> changed);
  // As Join.
  ~PostgresConnection();

  // Starts to connect. Call once.
  void Open();
  // Closes and waits; `changed` is not called any more. REQUIRES: another
  // thread runs the executor.
  void Join();

  // All of these on any thread.
  void Start(std::shared_ptr<PostgresCall> call);
  bool healthy() const;
  std::size_t in_flight() const;
  std::int64_t connects() const;
  // Why there is none; OK at first and while there is.
  absl::Status trouble() const;
  void Close();

 private:
  struct State;

  const std::shared_ptr<State> state_;
  TaskScope scope_;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_CONNECTION_H_
