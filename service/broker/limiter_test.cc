#include "service/broker/limiter.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;

void Ignore(std::exception_ptr) {}

Task<void> Take(std::shared_ptr<Limiter> limiter, int number,
                std::vector<int>* order,
                std::optional<Limiter::Permit>* permit) {
  permit->emplace(co_await limiter->Acquire());
  order->push_back(number);
}

class LimiterTest : public ::testing::Test {
 protected:
  void Spawn(const std::shared_ptr<Limiter>& limiter, int number) {
    asio::co_spawn(loop_, Take(limiter, number, &order_, &permits_[number]),
                   Ignore);
  }
  void Poll() {
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_{1};
  std::vector<int> order_;
  std::vector<std::optional<Limiter::Permit>> permits_{10};
};

TEST_F(LimiterTest, LetsSoManyInAndTheNextInTheirOrder) {
  const auto limiter = std::make_shared<Limiter>(2);
  for (int i = 0; i < 5; ++i) Spawn(limiter, i);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1));
  permits_[1].reset();
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1, 2));
  permits_[0].reset();
  permits_[2].reset();
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1, 2, 3, 4));
  permits_[3].reset();
  permits_[4].reset();
  // All are free again, and no more than there were.
  for (int i = 5; i < 8; ++i) Spawn(limiter, i);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST_F(LimiterTest, NobodyOvertakesWhoWaits) {
  const auto limiter = std::make_shared<Limiter>(1);
  Spawn(limiter, 0);
  Spawn(limiter, 1);
  Poll();
  // The permit passes on at once; the one that comes now finds none, although
  // the other has not resumed yet.
  permits_[0].reset();
  Spawn(limiter, 2);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1));
  permits_[1].reset();
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1, 2));
}

TEST_F(LimiterTest, PermitsAreReleasedOnce) {
  const auto limiter = std::make_shared<Limiter>(1);
  Spawn(limiter, 0);
  Poll();
  Limiter::Permit moved = *std::move(permits_[0]);
  permits_[0].reset();
  Spawn(limiter, 1);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0));
  // Assigning over a permit releases the one that was there.
  moved = Limiter::Permit();
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1));
  Spawn(limiter, 2);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1));
}

TEST_F(LimiterTest, APermitKeepsItsLimiterAlive) {
  auto limiter = std::make_shared<Limiter>(1);
  const std::weak_ptr<Limiter> weak = limiter;
  Spawn(limiter, 0);
  Spawn(limiter, 1);
  limiter.reset();
  Poll();
  EXPECT_FALSE(weak.expired());
  permits_[0].reset();
  Poll();
  EXPECT_THAT(order_, ElementsAre(0, 1));
  permits_[1].reset();
  EXPECT_TRUE(weak.expired());
}

TEST_F(LimiterTest, ACancelledWaiterCostsNoPermit) {
  const auto limiter = std::make_shared<Limiter>(1);
  Spawn(limiter, 0);
  Poll();
  asio::cancellation_signal signal;
  asio::co_spawn(loop_, Take(limiter, 1, &order_, &permits_[1]),
                 asio::bind_cancellation_slot(signal.slot(), Ignore));
  Spawn(limiter, 2);
  Poll();
  EXPECT_THAT(order_, ElementsAre(0));
  signal.emit(asio::cancellation_type::terminal);
  Poll();
  // What it returned with is empty: giving it back lets nobody in.
  permits_[1].reset();
  Poll();
  EXPECT_THAT(std::count(order_.begin(), order_.end(), 2), 0);
  permits_[0].reset();
  Poll();
  permits_[2].reset();
  Poll();
  // There is one permit still, and only one.
  order_.clear();
  Spawn(limiter, 5);
  Spawn(limiter, 6);
  Poll();
  EXPECT_THAT(order_, ElementsAre(5));
  permits_[5].reset();
  Poll();
  EXPECT_THAT(order_, ElementsAre(5, 6));
}

// The sanitizers are what fails here.
TEST(LimiterLifetimeTest, LoopEndsWhileSomeWait) {
  auto limiter = std::make_shared<Limiter>(1);
  const std::weak_ptr<Limiter> weak = limiter;
  std::vector<int> order;
  std::vector<std::optional<Limiter::Permit>> permits(3);
  {
    asio::io_context loop(1);
    for (int i = 0; i < 3; ++i) {
      asio::co_spawn(loop, Take(limiter, i, &order, &permits[i]), Ignore);
    }
    loop.poll();
    EXPECT_THAT(order, ElementsAre(0));
  }
  // Those who waited are gone, and so are their places.
  limiter.reset();
  EXPECT_FALSE(weak.expired());
  permits.clear();
  EXPECT_TRUE(weak.expired());
}

TEST(LimiterLifetimeTest, AGrantThatNobodyTakesPassesOn) {
  auto limiter = std::make_shared<Limiter>(1);
  std::vector<int> order;
  std::vector<std::optional<Limiter::Permit>> permits(3);
  asio::io_context stays(1);
  {
    asio::io_context goes(1);
    asio::co_spawn(stays, Take(limiter, 0, &order, &permits[0]), Ignore);
    stays.poll();
    asio::co_spawn(goes, Take(limiter, 1, &order, &permits[1]), Ignore);
    goes.poll();
    asio::co_spawn(stays, Take(limiter, 2, &order, &permits[2]), Ignore);
    stays.restart();
    stays.poll();
    // Granted to the second, whose loop ends before it resumes.
    permits[0].reset();
  }
  stays.restart();
  stays.poll();
  EXPECT_THAT(order, ElementsAre(0, 2));
}

struct Load {
  std::shared_ptr<Limiter> limiter;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> wrong_thread{0};
  std::atomic<int> done{0};
};

Task<void> Work(Load* load, Reactor* home, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const Limiter::Permit permit = co_await load->limiter->Acquire();
    if (!home->InThread()) ++load->wrong_thread;
    const int inside = ++load->inside;
    int most = load->most;
    while (inside > most && !load->most.compare_exchange_weak(most, inside)) {
    }
    if (i % 3 == 0) co_await SleepFor(absl::ZeroDuration());
    --load->inside;
  }
  ++load->done;
}

TEST(LimiterThreadsTest, HoldsAcrossReactors) {
  constexpr int kPermits = 3;
  constexpr int kTasks = 40;
  ReactorPool reactors(4);
  TaskScope scope;
  Load load;
  load.limiter = std::make_shared<Limiter>(kPermits);
  for (int i = 0; i < kTasks; ++i) {
    Reactor& home = reactors.At(i % reactors.size());
    ASSERT_TRUE(scope.SpawnUncancelled(home.executor(), "work",
                                       Work(&load, &home, 200)));
  }
  ASSERT_TRUE(scope.Join(absl::Seconds(120)));
  EXPECT_EQ(load.done, kTasks);
  EXPECT_EQ(load.inside, 0);
  EXPECT_EQ(load.most, kPermits);
  EXPECT_EQ(load.wrong_thread, 0);
}

}  // namespace
}  // namespace valetkey::broker
