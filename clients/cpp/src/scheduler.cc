#include "src/scheduler.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "src/mutex.h"

namespace valetkey::client::internal {
namespace {

using Steady = std::chrono::steady_clock;

// Longer than anybody waits, and far from where the clock's type ends.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 365);

class ThreadScheduler final : public Scheduler {
 public:
  ThreadScheduler()
      : random_(std::random_device{}()), thread_([this] { Run(); }) {}
  ~ThreadScheduler() override { Stop(); }

  absl::Time Now() const override { return absl::Now(); }

  absl::Duration Elapsed() const override {
    return absl::FromChrono(Steady::now().time_since_epoch());
  }

  double Random() override {
    const MutexLock lock(mutex_);
    return std::uniform_real_distribution<double>(0, 1)(random_);
  }

  TimerId RunAfter(absl::Duration delay,
                   std::function<void()> function) override {
    const MutexLock lock(mutex_);
    const TimerId id = ++last_id_;
    if (stopped_) return id;
    const Key key = {Steady::now() + absl::ToChronoNanoseconds(
                                         std::min(delay, kLongestDelay)),
                     id};
    const bool first = timers_.empty() || key < timers_.begin()->first;
    timers_.emplace(key, std::move(function));
    times_.emplace(id, key.first);
    if (first) changed_.SignalAll();
    return id;
  }

  void Cancel(TimerId id) override {
    // Destroyed without the lock: it may hold the last reference to something
    // that cancels a timer.
    std::function<void()> function;
    const MutexLock lock(mutex_);
    const auto time = times_.find(id);
    if (time == times_.end()) return;
    const auto timer = timers_.find({time->second, id});
    function = std::move(timer->second);
    timers_.erase(timer);
    times_.erase(time);
  }

  void Stop() override {
    std::map<Key, std::function<void()>> forgotten;
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      forgotten.swap(timers_);
      times_.clear();
      changed_.SignalAll();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Key = std::pair<Steady::time_point, TimerId>;

  void Run() {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "valetkey");
#endif
    while (true) {
      std::function<void()> function = Next();
      if (!function) return;
      function();
    }
  }

  // Waits for the next one that is due; none once it is stopped.
  std::function<void()> Next() {
    const MutexLock lock(mutex_);
    while (!stopped_) {
      if (timers_.empty()) {
        changed_.Wait(mutex_);
        continue;
      }
      const auto first = timers_.begin();
      if (first->first.first > Steady::now()) {
        changed_.WaitUntil(mutex_, first->first.first);
        continue;
      }
      std::function<void()> function = std::move(first->second);
      times_.erase(first->first.second);
      timers_.erase(first);
      return function;
    }
    return nullptr;
  }

  Mutex mutex_;
  CondVar changed_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, std::function<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  std::map<TimerId, Steady::time_point> times_ ABSL_GUARDED_BY(mutex_);
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace

std::shared_ptr<Scheduler> NewScheduler() {
  return std::make_shared<ThreadScheduler>();
}

}  // namespace valetkey::client::internal
