// The clock of a store that several machines share, as seen from here.
//
//   SyncedClock clock;
//   clock.Observe(sent, received, told);   // at each reply that tells the time
//   clock.Now();                           // the store's time, as far as known
//
// It runs on this machine's steady clock, so that a machine whose wall clock
// is minutes wrong, or jumps, reckons no differently. An observation is true to
// half its round trip; the best of late is used. Until the first one, the
// system's clock. Thread-safe; Now takes no lock.

#ifndef VALETKEY_BASE_SYNCED_CLOCK_H_
#define VALETKEY_BASE_SYNCED_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "service/base/clock.h"
#include "service/base/mutex.h"

namespace valetkey {

class SyncedClock final : public Clock {
 public:
  using Steady = std::chrono::steady_clock;

  // For tests: where the steady clock is.
  using Source = Steady::time_point (*)();
  explicit SyncedClock(Source source = &Steady::now);

  absl::Time Now() const override;
  // The store said `told` between `sent` and `received`.
  void Observe(Steady::time_point sent, Steady::time_point received,
               absl::Time told);
  // How far the system's wall clock is ahead of the store's.
  absl::Duration Skew() const;

 private:
  const Source source_;
  // Nanoseconds from the steady clock to the store's.
  std::atomic<std::int64_t> offset_;
  Mutex mutex_;
  // Of the observation in use. Its worth fades as clocks drift apart.
  Steady::duration round_trip_ VK_GUARDED_BY(mutex_) = Steady::duration::max();
  Steady::time_point observed_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_SYNCED_CLOCK_H_
