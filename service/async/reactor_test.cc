#include "service/async/reactor.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "service/async/task_scope.h"

namespace valetkey {
namespace {

TEST(ReactorTest, RunsOnItsOwnThread) {
  Reactor a(0);
  Reactor b(1);
  EXPECT_EQ(b.index(), 1);
  EXPECT_FALSE(a.InThread());
  std::promise<bool> in_a;
  asio::post(a.executor(),
             [&] { in_a.set_value(a.InThread() && !b.InThread()); });
  EXPECT_TRUE(in_a.get_future().get());
}

TEST(ReactorTest, ANameStaysWhereItIs) {
  ReactorPool pool(4);
  EXPECT_EQ(pool.size(), 4);
  std::set<int> used;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "applications/a/connections/c" + std::to_string(i);
    Reactor& reactor = pool.For(name);
    EXPECT_EQ(&reactor, &pool.For(name));
    EXPECT_EQ(&reactor, &pool.At(reactor.index()));
    used.insert(reactor.index());
  }
  EXPECT_EQ(used.size(), 4u);
}

TEST(ReactorTest, DropsWhatIsNotDone) {
  auto held = std::make_shared<int>(1);
  {
    Reactor reactor(0);
    asio::steady_timer timer(reactor.executor(), std::chrono::hours(1));
    timer.async_wait([held](boost::system::error_code) {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

Task<void> Chain(ReactorPool* pool, int* plain, std::atomic<int>* wrong) {
  for (int i = 0; i < 100; ++i) {
    ++*plain;
    if (!pool->At(0).InThread()) ++*wrong;
    co_await SleepFor(absl::ZeroDuration());
  }
}

// State kept by one reactor needs no lock; for the thread sanitizer.
TEST(ReactorTest, OneReactorNeedsNoLock) {
  ReactorPool pool(2);
  TaskScope scope;
  int plain = 0;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 20; ++i) {
    scope.Spawn(pool.At(0).executor(), "chain", Chain(&pool, &plain, &wrong));
  }
  ASSERT_TRUE(scope.Join(absl::Hours(1)));
  EXPECT_EQ(plain, 2000);
  EXPECT_EQ(wrong, 0);
}

Task<void> Nothing() { co_return; }

// Goes to and fro between two reactors until it is dropped.
Task<void> Shuttle(ReactorPool* pool, std::atomic<int>* rounds) {
  for (;;) {
    co_await asio::co_spawn(pool->At(1).executor(), Nothing(),
                            asio::use_awaitable);
    ++*rounds;
  }
}

// A task on its way between two reactors holds on to both; for the address
// and thread sanitizers.
TEST(ReactorTest, APoolEndsWhileTasksGoToAndFro) {
  for (int i = 0; i < 50; ++i) {
    std::atomic<int> rounds = 0;
    auto pool = std::make_unique<ReactorPool>(2);
    for (int task = 0; task < 4; ++task) {
      asio::co_spawn(pool->At(0).executor(), Shuttle(pool.get(), &rounds),
                     [](std::exception_ptr) {});
    }
    while (rounds < 10) std::this_thread::yield();
    pool.reset();
  }
}

}  // namespace
}  // namespace valetkey
