// Follows the outbox of a store that other processes write to as well: tells of
// every event, in order and once, soon after it was committed by whomever.
//
//   Follower follower(store, listener, {});
//   scope.Spawn(executor, "follow events", follower.Run());
//   ... follower.Wake();  // when there is reason to think that there is news
//
// The listener is called before the look that found the events counts as done,
// so that whoever forgets what the events are about has forgotten it by then.
// Wake and caught_up are thread-safe.

#ifndef VALETKEY_EVENTS_FOLLOWER_H_
#define VALETKEY_EVENTS_FOLLOWER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/wake_signal.h"
#include "service/store/store.h"

namespace valetkey::events {

struct FollowerOptions {
  int batch = 1024;
  // Looks this often without being woken.
  absl::Duration interval = absl::Milliseconds(250);
};

struct FollowerListener {
  std::function<void(const std::vector<store::Event>&)> on_events;
  // All that was committed before the time has been told of.
  std::function<void(std::chrono::steady_clock::time_point)> on_caught_up;
  // Events were trimmed before they were told of: anything may have changed.
  std::function<void()> on_missed;
};

class Follower {
 public:
  // The store outlives the follower, and the follower outlives Run.
  Follower(store::Store& store, FollowerListener listener,
           FollowerOptions options);

  void Wake();

  // Begins after the newest event, and follows until the task is cancelled.
  // Awaited once.
  Task<void> Run();

 private:
  // One look; whether there may be more.
  Task<absl::StatusOr<bool>> Look();

  store::Store& store_;
  const FollowerListener listener_;
  const FollowerOptions options_;
  const std::shared_ptr<WakeSignal> signal_;
  bool begun_ = false;
  bool away_ = false;  // the store did not answer the last look
  std::int64_t position_ = 0;
};

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_FOLLOWER_H_
