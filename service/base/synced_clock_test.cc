#include "service/base/synced_clock.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

using Steady = SyncedClock::Steady;

Steady::time_point fake_now{std::chrono::hours(5)};
Steady::time_point FakeNow() { return fake_now; }

class SyncedClockTest : public ::testing::Test {
 protected:
  static void Pass(std::chrono::milliseconds time) { fake_now += time; }
  // A reply that took `round_trip` and told `told` in the middle of it.
  void Reply(std::chrono::milliseconds round_trip, absl::Time told) {
    const Steady::time_point sent = fake_now;
    fake_now += round_trip;
    clock_.Observe(sent, fake_now, told);
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'700'000'000);
  SyncedClock clock_{FakeNow};
};

TEST_F(SyncedClockTest, IsTheSystemsAtFirst) {
  EXPECT_LT(absl::AbsDuration(clock_.Now() - absl::Now()), absl::Minutes(1));
}

TEST_F(SyncedClockTest, FollowsTheStoreWhateverTheSystemSays) {
  Reply(std::chrono::milliseconds(10), start_);
  EXPECT_EQ(clock_.Now(), start_ + absl::Milliseconds(5));
  Pass(std::chrono::milliseconds(1000));
  EXPECT_EQ(clock_.Now(), start_ + absl::Milliseconds(1005));
  EXPECT_GT(clock_.Skew(), absl::Hours(24));
}

TEST_F(SyncedClockTest, ASlowReplySaysLess) {
  Reply(std::chrono::milliseconds(2), start_);
  // Told at its very end, of which the clock knows nothing.
  Reply(std::chrono::milliseconds(800), start_ + absl::Milliseconds(801));
  EXPECT_EQ(clock_.Now(), start_ + absl::Milliseconds(801));
  // Unless nothing better has come for long.
  Pass(std::chrono::milliseconds(10'000));
  Reply(std::chrono::milliseconds(800), start_ + absl::Seconds(100));
  EXPECT_EQ(clock_.Now(), start_ + absl::Seconds(100.4));
  // And a quick one is better at once.
  Reply(std::chrono::milliseconds(1), start_ + absl::Seconds(50));
  EXPECT_EQ(clock_.Now(), start_ + absl::Seconds(50.0005));
}

}  // namespace
}  // namespace valetkey
