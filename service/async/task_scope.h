// Owns running coroutines, so that none outlives what it uses.
//
//   scope.Spawn(executor, "publish events", Publish());
//   ...
//   scope.Close();            // cancels what waits, refuses new ones
//   scope.Join(deadline);     // blocks a thread that runs no executor
//
// Executors are those of one thread (a Reactor) or strands: cancellation is
// delivered on them. It ends the wait at hand (SleepFor, WaitFor, an Asio
// operation) with an error, throws nothing, and is repeated while Join waits,
// so that a task which begins another wait ends that too. Cancelled or not, a
// spawned task runs at least up to its first wait.
//
// An exception that leaves a task is logged under its name; it ends the
// process, for coroutines here report errors as absl::Status. Thread-safe.

#ifndef VALETKEY_ASYNC_TASK_SCOPE_H_
#define VALETKEY_ASYNC_TASK_SCOPE_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/task.h"

namespace valetkey {

class TaskScope {
 public:
  TaskScope();
  // REQUIRES: joined, or nothing was spawned.
  ~TaskScope();

  // Runs the task on the executor, never before this returns. False, and
  // nothing is run, once closed.
  bool Spawn(asio::any_io_executor executor, absl::string_view name,
             Task<void> task);
  // The same for a task that must be finished even at shutdown (a refresh
  // whose answer would be lost): Close does not cancel it.
  bool SpawnUncancelled(asio::any_io_executor executor, absl::string_view name,
                        Task<void> task);

  // Refuses new tasks and asks cancellable ones to end.
  void Close();
  // Waits until no task runs and all that tasks held is destroyed. False if the
  // time ran out; then the names of those left are logged.
  bool Join(absl::Duration timeout);
  int running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace valetkey

#endif  // VALETKEY_ASYNC_TASK_SCOPE_H_
