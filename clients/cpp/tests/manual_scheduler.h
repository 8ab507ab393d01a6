// A scheduler whose time a test moves, and whose chance it says.

#ifndef VALETKEY_CLIENT_TESTS_MANUAL_SCHEDULER_H_
#define VALETKEY_CLIENT_TESTS_MANUAL_SCHEDULER_H_

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "src/mutex.h"
#include "src/scheduler.h"

namespace valetkey::client::internal {

// Thread-safe. Timers run on the thread that moves the time.
class ManualScheduler final : public Scheduler {
 public:
  absl::Time Now() const override {
    const MutexLock lock(mutex_);
    return start_ + elapsed_;
  }
  absl::Duration Elapsed() const override {
    const MutexLock lock(mutex_);
    return elapsed_;
  }
  double Random() override {
    const MutexLock lock(mutex_);
    return random_;
  }
  TimerId RunAfter(absl::Duration delay,
                   std::function<void()> function) override {
    const MutexLock lock(mutex_);
    const TimerId id = ++last_id_;
    if (stopped_) return id;
    timers_.emplace(id, Timer{elapsed_ + delay, std::move(function)});
    changed_.SignalAll();
    return id;
  }
  void Cancel(TimerId id) override {
    std::function<void()> function;
    const MutexLock lock(mutex_);
    const auto found = timers_.find(id);
    if (found == timers_.end()) return;
    function = std::move(found->second.function);
    timers_.erase(found);
  }
  void Stop() override {
    std::map<TimerId, Timer> forgotten;
    const MutexLock lock(mutex_);
    stopped_ = true;
    forgotten.swap(timers_);
  }

  void SetRandom(double random) {
    const MutexLock lock(mutex_);
    random_ = random;
  }

  // Lets so much time pass, and runs what comes due, in order.
  void Advance(absl::Duration time) {
    absl::Duration end;
    {
      const MutexLock lock(mutex_);
      end = elapsed_ + time;
    }
    while (true) {
      std::function<void()> function;
      {
        const MutexLock lock(mutex_);
        auto first = timers_.end();
        for (auto it = timers_.begin(); it != timers_.end(); ++it) {
          if (it->second.due <= end &&
              (first == timers_.end() || it->second.due < first->second.due)) {
            first = it;
          }
        }
        if (first == timers_.end()) {
          elapsed_ = end;
          return;
        }
        elapsed_ = std::max(elapsed_, first->second.due);
        function = std::move(first->second.function);
        timers_.erase(first);
      }
      function();
    }
  }

  // How long until each timer, the soonest first.
  std::vector<absl::Duration> Delays() const {
    const MutexLock lock(mutex_);
    return DelaysLocked();
  }
  // Waits until there is a timer in [from, to] from now: what a call does when
  // its answer comes. False after 10 s.
  bool AwaitTimer(absl::Duration from, absl::Duration to) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const MutexLock lock(mutex_);
    while (true) {
      for (const absl::Duration delay : DelaysLocked()) {
        if (from <= delay && delay <= to) return true;
      }
      if (std::chrono::steady_clock::now() >= deadline) return false;
      changed_.WaitUntil(mutex_, deadline);
    }
  }
  bool AwaitTimer(absl::Duration delay) {
    return AwaitTimer(delay - absl::Microseconds(1),
                      delay + absl::Microseconds(1));
  }

 private:
  struct Timer {
    absl::Duration due;
    std::function<void()> function;
  };

  std::vector<absl::Duration> DelaysLocked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<absl::Duration> delays;
    for (const auto& [id, timer] : timers_) {
      delays.push_back(timer.due - elapsed_);
    }
    std::sort(delays.begin(), delays.end());
    return delays;
  }

  mutable Mutex mutex_;
  CondVar changed_;
  const absl::Time start_ = absl::Now();
  absl::Duration elapsed_ ABSL_GUARDED_BY(mutex_);
  double random_ ABSL_GUARDED_BY(mutex_) = 0.5;
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<TimerId, Timer> timers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_TESTS_MANUAL_SCHEDULER_H_
