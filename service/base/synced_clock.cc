#include "service/base/synced_clock.h"

#include "absl/time/clock.h"

namespace valetkey {
namespace {

// A worse observation replaces a better one that is so old: quartz drifts by
// less than a millisecond in that time.
constexpr auto kWorth = std::chrono::seconds(10);

std::int64_t Nanos(std::chrono::steady_clock::duration duration) {
  return std::chrono::nanoseconds(duration).count();
}

}  // namespace

SyncedClock::SyncedClock(Source source)
    : source_(source),
      offset_(absl::ToUnixNanos(absl::Now()) -
              Nanos(source().time_since_epoch())) {}

absl::Time SyncedClock::Now() const {
  return absl::FromUnixNanos(Nanos(source_().time_since_epoch()) +
                             offset_.load(std::memory_order_relaxed));
}

void SyncedClock::Observe(Steady::time_point sent, Steady::time_point received,
                          absl::Time told) {
  const Steady::duration round_trip = received - sent;
  MutexLock lock(mutex_);
  if (round_trip > round_trip_ && received - observed_ < kWorth) return;
  round_trip_ = round_trip;
  observed_ = received;
  offset_.store(absl::ToUnixNanos(told) -
                    Nanos((sent + round_trip / 2).time_since_epoch()),
                std::memory_order_relaxed);
}

absl::Duration SyncedClock::Skew() const { return absl::Now() - Now(); }

}  // namespace valetkey
