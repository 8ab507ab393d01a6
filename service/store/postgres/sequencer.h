// Gives events their numbers.
//
// Numbers taken while a transaction runs become visible out of order: a reader
// that has seen 7 would step over 6, which commits later. So events are
// committed without a number, and numbered afterwards, by one at a time of all
// that share the database: in one transaction, a sequencer locks the outbox's
// only row, and then, with a snapshot taken after it has the lock, numbers what
// has been committed without a number, in the order of ids, on from the newest.
// What is numbered is therefore committed, in one gapless order in which
// numbers only ever appear at the end. An event whose writer had seen another
// has the higher id, and is numbered with it or later.
//
// It runs when told to (NumbersOf), shared by all who wait, and now and then to
// look for what a replica that died has left. Thread-safe.

#ifndef VALETKEY_STORE_POSTGRES_SEQUENCER_H_
#define VALETKEY_STORE_POSTGRES_SEQUENCER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/async/wake_signal.h"
#include "service/base/mutex.h"
#include "service/net/sql/postgres.h"
#include "service/store/records.h"

namespace valetkey::store::postgres {

struct SequencerOptions {
  absl::Duration interval = absl::Milliseconds(250);  // of looking
  absl::Duration timeout = absl::Seconds(5);          // of one round
  // Told of each answer that carried the server's clock. May be null.
  std::function<void(const sql::PostgresResult& carrier, absl::Time now)> clock;
};

class Sequencer {
 public:
  using Listener = std::function<void(const std::vector<Event>&)>;

  // `newest` is the number from which on the listener is told. The pool and
  // the executor's thread outlive it.
  Sequencer(sql::PostgresPool& pool, asio::any_io_executor executor,
            SequencerOptions options, std::int64_t newest);
  // REQUIRES: not on the executor's thread.
  ~Sequencer();

  // The numbers of events that have been committed, by id; 0 for one that has
  // none within the time. Resumes on the caller's executor.
  Task<std::vector<std::int64_t>> NumbersOf(std::vector<std::int64_t> ids,
                                            absl::Duration timeout);
  // Told of every event above `newest`, whoever wrote it, in order and one call
  // at a time, before those who wait for its number.
  void SetListener(Listener listener);
  // Begins to end; the destructor waits for it.
  void Close();

 private:
  struct Waiter {
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> numbers;
    std::size_t missing = 0;
    const std::shared_ptr<WakeSignal> signal = std::make_shared<WakeSignal>();
  };

  Task<void> Run();
  enum class Work { kNone, kTell, kNumber };
  // Looks for what there is to do.
  Task<absl::StatusOr<Work>> Look();
  // Numbers, if that is the work, tells and resolves; what is left of it.
  Task<absl::StatusOr<Work>> Round(Work work);
  std::vector<std::int64_t> Missing();
  void Tell(const std::vector<Event>& events);
  void Resolve(const sql::PostgresResult& numbers);
  bool HasWaiters();
  void Note(const absl::Status& status);

  sql::PostgresPool& pool_;
  const SequencerOptions options_;
  const std::shared_ptr<WakeSignal> kick_ = std::make_shared<WakeSignal>();
  std::atomic<bool> closed_{false};
  std::int64_t told_;     // the task's: the newest that the listener knows
  bool failing_ = false;  // the task's
  Mutex mutex_;
  std::list<std::shared_ptr<Waiter>> waiting_ VK_GUARDED_BY(mutex_);
  Mutex listener_mutex_;
  Listener listener_ VK_GUARDED_BY(listener_mutex_);
  TaskScope scope_;
};

}  // namespace valetkey::store::postgres

#endif  // VALETKEY_STORE_POSTGRES_SEQUENCER_H_
