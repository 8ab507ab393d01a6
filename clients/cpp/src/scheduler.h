// Time, timers and chance: what a test replaces to be the same at every run.

#ifndef VALETKEY_CLIENT_SRC_SCHEDULER_H_
#define VALETKEY_CLIENT_SRC_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace valetkey::client::internal {

// Thread-safe. Functions run one after the other on a thread of the scheduler,
// and must not block.
class Scheduler {
 public:
  using TimerId = std::uint64_t;  // never 0
  virtual ~Scheduler() = default;

  // The time of day: against it an expiry is compared.
  virtual absl::Time Now() const = 0;
  // Since some moment, never set back: by it waits and deadlines are measured.
  virtual absl::Duration Elapsed() const = 0;
  // Evenly in [0, 1).
  virtual double Random() = 0;
  virtual TimerId RunAfter(absl::Duration delay,
                           std::function<void()> function) = 0;
  // Forgets the timer. Its function may be running.
  virtual void Cancel(TimerId id) = 0;
  // Forgets all timers, now and from now on, and joins the thread. Not from a
  // function of the scheduler.
  virtual void Stop() = 0;
};

std::shared_ptr<Scheduler> NewScheduler();

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_SCHEDULER_H_
