#include "service/broker/breakers.h"

#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const char kEndpoint[] = "https://a.example/token";
const char kProvider[] = "applications/shop/providers/a";

class BreakersTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) {
      auto pass = breakers_.Admit(kEndpoint, kProvider);
      ASSERT_TRUE(pass.ok()) << pass.status();
      pass->Failed();
    }
  }
  absl::Status Try() { return breakers_.Admit(kEndpoint, kProvider).status(); }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  FakeRandom random_{1};
  Breakers breakers_{clock_,
                     random_,
                     {.failures = 3,
                      .min_open = absl::Seconds(2),
                      .max_open = absl::Seconds(10)}};
};

TEST_F(BreakersTest, OpensAfterFailuresInARow) {
  Fail(2);
  EXPECT_THAT(breakers_.List(), IsEmpty());
  breakers_.Admit(kEndpoint, kProvider)->Succeeded();
  Fail(2);
  EXPECT_TRUE(Try().ok());
  Fail(1);
  const absl::Status refused = Try();
  EXPECT_EQ(ReasonOf(refused), Reason::kProviderUnavailable);
  EXPECT_GE(RetryAfterOf(refused), absl::Seconds(1));
  EXPECT_LE(RetryAfterOf(refused), absl::Seconds(2));
  EXPECT_THAT(breakers_.ClosedOff(), ElementsAre(kProvider));
  ASSERT_EQ(breakers_.List().size(), 1u);
  EXPECT_EQ(breakers_.List()[0].endpoint, kEndpoint);
  EXPECT_EQ(breakers_.List()[0].failures, 3);
  // Another endpoint is not concerned.
  EXPECT_TRUE(breakers_.Admit("https://b.example/token", "").ok());
}

TEST_F(BreakersTest, OneTrialAtATimeAndTheFirstThatSucceedsClosesIt) {
  Fail(3);
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(breakers_.ClosedOff(), IsEmpty());
  {
    auto trial = breakers_.Admit(kEndpoint, kProvider);
    ASSERT_TRUE(trial.ok());
    EXPECT_FALSE(Try().ok());
    EXPECT_THAT(breakers_.ClosedOff(), ElementsAre(kProvider));
    trial->Failed();
  }
  EXPECT_FALSE(Try().ok());
  clock_.Advance(absl::Seconds(4));
  auto trial = breakers_.Admit(kEndpoint, kProvider);
  ASSERT_TRUE(trial.ok());
  trial->Succeeded();
  EXPECT_TRUE(Try().ok());
  EXPECT_THAT(breakers_.List(), IsEmpty());
  Fail(2);
  EXPECT_TRUE(Try().ok());
}

TEST_F(BreakersTest, OpenTimesGrowToTheirMost) {
  Fail(3);
  absl::Duration longest;
  for (int i = 0; i < 20; ++i) {
    const absl::Duration left = breakers_.List()[0].open_until - clock_.Now();
    longest = std::max(longest, left);
    EXPECT_LE(left, absl::Seconds(10));
    clock_.Advance(left);
    Fail(1);
  }
  EXPECT_GT(longest, absl::Seconds(7));
}

TEST_F(BreakersTest, ATrialThatWasNotSentLeavesTheNextOneItsTurn) {
  Fail(3);
  clock_.Advance(absl::Seconds(2));
  {
    std::optional<Breakers::Pass> moved;
    moved.emplace(*breakers_.Admit(kEndpoint, kProvider));
    EXPECT_FALSE(Try().ok());
  }
  EXPECT_TRUE(breakers_.Admit(kEndpoint, kProvider).ok());
}

TEST_F(BreakersTest, WhatWasUnderWayWhenItOpenedCountsForNothing) {
  auto late = breakers_.Admit(kEndpoint, kProvider);
  auto good = breakers_.Admit(kEndpoint, kProvider);
  Fail(3);
  const absl::Time until = breakers_.List()[0].open_until;
  late->Failed();
  EXPECT_EQ(breakers_.List()[0].open_until, until);
  EXPECT_EQ(breakers_.List()[0].failures, 3);
  // But an answer is an answer.
  good->Succeeded();
  EXPECT_TRUE(Try().ok());
}

TEST_F(BreakersTest, AnEndpointOfOneShopDoesNotCloseOffTheProvider) {
  for (int i = 0; i < 3; ++i) breakers_.Admit(kEndpoint, "")->Failed();
  EXPECT_FALSE(breakers_.Admit(kEndpoint, "").ok());
  EXPECT_THAT(breakers_.ClosedOff(), IsEmpty());
}

}  // namespace
}  // namespace valetkey::broker
