#include "service/async/promise.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

void Ignore(std::exception_ptr) {}

struct Outcome {
  enum Kind { kPending, kSet, kNotSet };
  Kind kind = kPending;
};

Task<void> Wait(std::shared_ptr<Promise<std::string>> promise,
                absl::Duration timeout, Outcome* outcome) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const bool set = co_await WaitFor(promise, timeout);
  outcome->kind = set ? Outcome::kSet : Outcome::kNotSet;
}

class PromiseTest : public ::testing::Test {
 protected:
  void Spawn(absl::Duration timeout, Outcome* outcome) {
    asio::co_spawn(loop_, Wait(promise_, timeout, outcome), Ignore);
  }

  asio::io_context loop_{1};
  std::shared_ptr<Promise<std::string>> promise_ =
      std::make_shared<Promise<std::string>>(loop_.get_executor());
};

TEST_F(PromiseTest, IsThereAtOnceWhenSet) {
  promise_->Set("v");
  Outcome outcome;
  Spawn(absl::ZeroDuration(), &outcome);
  loop_.run();
  EXPECT_EQ(outcome.kind, Outcome::kSet);
  EXPECT_EQ(promise_->value(), "v");
}

TEST_F(PromiseTest, SetWakesAllButNeverInside) {
  std::vector<Outcome> outcomes(1000);
  for (Outcome& outcome : outcomes) Spawn(absl::InfiniteDuration(), &outcome);
  loop_.poll();
  promise_->Set("v");
  EXPECT_TRUE(promise_->is_set());
  for (const Outcome& outcome : outcomes) {
    ASSERT_EQ(outcome.kind, Outcome::kPending);
  }
  loop_.run();
  for (const Outcome& outcome : outcomes) {
    ASSERT_EQ(outcome.kind, Outcome::kSet);
  }
}

// The one whose time ran out leaves, and no other.
TEST_F(PromiseTest, EachHasItsOwnLimit) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::vector<int> limits(40);
  std::iota(limits.begin(), limits.end(), 0);
  std::shuffle(limits.begin(), limits.end(), std::mt19937(seed));
  std::vector<Outcome> outcomes(limits.size());
  for (std::size_t i = 0; i < limits.size(); ++i) {
    // Every other one has long, in an order unlike that of their arrival.
    Spawn(limits[i] % 2 == 0 ? absl::Milliseconds(limits[i]) : absl::Hours(1),
          &outcomes[i]);
  }
  const std::size_t short_ones = limits.size() / 2;
  const auto left = [&] {
    return static_cast<std::size_t>(std::count_if(
        outcomes.begin(), outcomes.end(),
        [](const Outcome& o) { return o.kind != Outcome::kPending; }));
  };
  while (left() < short_ones) loop_.run_one();
  loop_.poll();
  for (std::size_t i = 0; i < limits.size(); ++i) {
    EXPECT_EQ(outcomes[i].kind,
              limits[i] % 2 == 0 ? Outcome::kNotSet : Outcome::kPending)
        << limits[i];
  }
  promise_->Set("v");
  loop_.run();
  for (std::size_t i = 0; i < limits.size(); ++i) {
    EXPECT_EQ(outcomes[i].kind,
              limits[i] % 2 == 0 ? Outcome::kNotSet : Outcome::kSet);
  }
}

TEST_F(PromiseTest, LimitsOfNoUse) {
  std::vector<Outcome> outcomes(3);
  Spawn(absl::ZeroDuration(), &outcomes[0]);
  Spawn(-absl::Seconds(1), &outcomes[1]);
  Spawn(-absl::InfiniteDuration(), &outcomes[2]);
  loop_.run();
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, Outcome::kNotSet);
  }
  Outcome huge;
  Spawn(absl::Hours(24 * 365 * 1000), &huge);
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(huge.kind, Outcome::kPending);
}

TEST_F(PromiseTest, CancellingAWaiterLeavesTheOthers) {
  Outcome cancelled;
  Outcome other;
  asio::cancellation_signal signal;
  asio::co_spawn(loop_, Wait(promise_, absl::InfiniteDuration(), &cancelled),
                 asio::bind_cancellation_slot(signal.slot(), Ignore));
  Spawn(absl::InfiniteDuration(), &other);
  loop_.poll();
  signal.emit(asio::cancellation_type::terminal);
  loop_.poll();
  EXPECT_EQ(cancelled.kind, Outcome::kNotSet);
  EXPECT_EQ(other.kind, Outcome::kPending);
  EXPECT_FALSE(promise_->is_set());
  promise_->Set("v");
  loop_.run();
  EXPECT_EQ(other.kind, Outcome::kSet);
}

TEST_F(PromiseTest, SetAndTheLimitAtOnce) {
  Outcome outcome;
  Spawn(absl::ZeroDuration(), &outcome);
  asio::post(loop_, [this] { promise_->Set("v"); });
  loop_.run();
  EXPECT_NE(outcome.kind, Outcome::kPending);
}

// The sanitizers are what fails here.
TEST(PromiseLifetimeTest, LoopEndsWhileTasksWait) {
  std::vector<Outcome> outcomes(5);
  std::weak_ptr<Promise<std::string>> weak;
  {
    asio::io_context loop(1);
    auto promise = std::make_shared<Promise<std::string>>(loop.get_executor());
    weak = promise;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      asio::co_spawn(
          loop,
          Wait(promise,
               i % 2 == 0 ? absl::InfiniteDuration() : absl::Milliseconds(1),
               &outcomes[i]),
          Ignore);
    }
    promise.reset();
    loop.poll();
  }
  EXPECT_TRUE(weak.expired());
}

TEST(PromiseLifetimeTest, WaitersMayOutliveTheSettersReference) {
  asio::io_context loop(1);
  auto promise = std::make_shared<Promise<std::string>>(loop.get_executor());
  Outcome outcome;
  asio::co_spawn(loop, Wait(promise, absl::InfiniteDuration(), &outcome),
                 Ignore);
  loop.poll();
  promise->Set("v");
  promise.reset();
  loop.run();
  EXPECT_EQ(outcome.kind, Outcome::kSet);
}

}  // namespace
}  // namespace valetkey
