#include "service/base/clock.h"

#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

TEST(ClockTest, SystemClockIsTheSystems) {
  const absl::Time before = absl::Now();
  const absl::Time now = Clock::System().Now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, absl::Now());
}

TEST(ClockTest, FakeClockStandsUntilMoved) {
  FakeClock clock(absl::FromUnixSeconds(100));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(100));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(105));
  clock.Set(absl::FromUnixSeconds(7));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(7));
}

TEST(RandomTest, SystemBytesDiffer) {
  Random& random = Random::System();
  EXPECT_EQ(random.Bytes(0).size(), 0u);
  const std::string one = random.Bytes(32);
  EXPECT_EQ(one.size(), 32u);
  EXPECT_NE(one, random.Bytes(32));
}

TEST(RandomTest, FakeRepeatsFromItsSeed) {
  FakeRandom a(7);
  FakeRandom b(7);
  FakeRandom c(8);
  const std::string bytes = a.Bytes(19);
  EXPECT_EQ(bytes, b.Bytes(19));
  EXPECT_NE(bytes, c.Bytes(19));
  EXPECT_NE(bytes, a.Bytes(19));
}

TEST(RandomTest, UnitIsUniformInItsRange) {
  FakeRandom random(1);
  double sum = 0;
  double least = 1;
  double most = 0;
  constexpr int kCount = 10000;
  for (int i = 0; i < kCount; ++i) {
    const double unit = random.Unit();
    ASSERT_GE(unit, 0);
    ASSERT_LT(unit, 1);
    sum += unit;
    least = std::min(least, unit);
    most = std::max(most, unit);
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.02);
  EXPECT_LT(least, 0.01);
  EXPECT_GT(most, 0.99);
}

}  // namespace
}  // namespace valetkey
