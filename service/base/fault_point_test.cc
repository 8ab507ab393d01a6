#include "service/base/fault_point.h"

#include <signal.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

using fault_point_internal::Arm;

class FaultPointTest : public ::testing::Test {
 protected:
  ~FaultPointTest() override { Arm(""); }
};

using FaultPointDeathTest = FaultPointTest;

TEST_F(FaultPointTest, DoesNothingUnlessArmed) {
  FaultPoint("a");
  EXPECT_FALSE(fault_point_internal::maybe_armed.load());
  ASSERT_TRUE(Arm("b:kill"));
  FaultPoint("a");
}

TEST_F(FaultPointTest, Sleeps) {
  ASSERT_TRUE(Arm("a:sleep_ms=20:2"));
  const absl::Time begin = absl::Now();
  FaultPoint("a");
  FaultPoint("b");
  FaultPoint("a");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(20));
}

TEST_F(FaultPointTest, RefusesWhatItCannotRead) {
  for (const char* list :
       {"a", "a:", ":kill", "a:stop", "a:sleep_ms=", "a:sleep_ms=-1",
        "a:sleep_ms=x", "a:kill:0", "a:kill:x", "a:kill:1:1", "a:kill,b"}) {
    EXPECT_FALSE(Arm(list)) << list;
  }
  EXPECT_TRUE(Arm("a:kill:2, b:sleep_ms=0"));
}

TEST_F(FaultPointDeathTest, KillsAtThePassageGiven) {
  EXPECT_EXIT(
      {
        Arm("a:kill:3");
        for (int i = 0; i < 2; ++i) FaultPoint("a");
        std::fputs("alive\n", stderr);
        FaultPoint("a");
        std::fputs("too late\n", stderr);
      },
      ::testing::KilledBySignal(SIGKILL), "^alive\n$");
}

}  // namespace
}  // namespace valetkey
