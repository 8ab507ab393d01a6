#include "service/async/task_scope.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/async/promise.h"
#include "service/async/reactor.h"
#include "service/base/log.h"

namespace valetkey {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Hours(1);

Task<void> Count(std::atomic<int>* count) {
  ++*count;
  co_return;
}

// Says whether its sleep was cut short.
Task<void> Sleep(absl::Duration time, std::atomic<int>* slept,
                 std::atomic<int>* woken) {
  if (co_await SleepFor(time)) {
    ++*slept;
  } else {
    ++*woken;
  }
}

Task<void> SleepAgainAndAgain(int times, std::atomic<int>* woken) {
  for (int i = 0; i < times; ++i) {
    if (!co_await SleepFor(kLong)) ++*woken;
  }
}

Task<void> Wait(std::shared_ptr<Promise<int>> promise,
                std::atomic<int>* result) {
  *result = co_await WaitFor(promise, kLong) ? 1 : 2;
}

Task<void> Set(std::shared_ptr<Promise<int>> promise) {
  promise->Set(7);
  co_return;
}

Task<void> Hold(std::shared_ptr<int>, absl::Duration time) {
  co_await SleepFor(time);
}

Task<void> Throw() {
  throw std::runtime_error("boom");
  co_return;
}

TEST(TaskScopeTest, RunsAndJoins) {
  ReactorPool reactors(3);
  TaskScope scope;
  std::atomic<int> count = 0;
  for (int i = 0; i < 300; ++i) {
    EXPECT_TRUE(
        scope.Spawn(reactors.At(i % 3).executor(), "count", Count(&count)));
  }
  EXPECT_TRUE(scope.Join(kLong));
  EXPECT_EQ(count, 300);
  EXPECT_EQ(scope.running(), 0);
  // A joined scope that is not closed goes on.
  EXPECT_TRUE(scope.Spawn(reactors.At(0).executor(), "one", Count(&count)));
  EXPECT_TRUE(scope.Join(kLong));
  EXPECT_EQ(count, 301);
}

TEST(TaskScopeTest, RefusesOnceClosed) {
  Reactor reactor(0);
  TaskScope scope;
  scope.Close();
  scope.Close();
  std::atomic<int> count = 0;
  EXPECT_FALSE(scope.Spawn(reactor.executor(), "late", Count(&count)));
  EXPECT_FALSE(
      scope.SpawnUncancelled(reactor.executor(), "late", Count(&count)));
  EXPECT_TRUE(scope.Join(absl::ZeroDuration()));
  EXPECT_EQ(count, 0);
}

TEST(TaskScopeTest, CloseEndsWhatWaits) {
  ReactorPool reactors(2);
  TaskScope scope;
  std::atomic<int> slept = 0;
  std::atomic<int> woken = 0;
  std::atomic<int> result = 0;
  auto promise = std::make_shared<Promise<int>>(reactors.At(0).executor());
  scope.Spawn(reactors.At(0).executor(), "wait", Wait(promise, &result));
  for (int i = 0; i < 100; ++i) {
    scope.Spawn(reactors.At(i % 2).executor(), "sleep",
                Sleep(kLong, &slept, &woken));
  }
  EXPECT_FALSE(scope.Join(absl::Milliseconds(20)));
  EXPECT_EQ(scope.running(), 101);
  scope.Close();
  EXPECT_TRUE(scope.Join(kLong));
  EXPECT_EQ(woken, 100);
  EXPECT_EQ(slept, 0);
  EXPECT_EQ(result, 2);
}

TEST(TaskScopeTest, LaterWaitsEndToo) {
  Reactor reactor(0);
  TaskScope scope;
  std::atomic<int> woken = 0;
  scope.Spawn(reactor.executor(), "stubborn", SleepAgainAndAgain(5, &woken));
  scope.Close();
  EXPECT_TRUE(scope.Join(kLong));
  EXPECT_EQ(woken, 5);
}

TEST(TaskScopeTest, UncancelledTasksFinish) {
  Reactor reactor(0);
  TaskScope scope;
  std::atomic<int> slept = 0;
  std::atomic<int> woken = 0;
  std::atomic<int> result = 0;
  auto promise = std::make_shared<Promise<int>>(reactor.executor());
  scope.SpawnUncancelled(reactor.executor(), "flight", Wait(promise, &result));
  scope.SpawnUncancelled(reactor.executor(), "short",
                         Sleep(absl::Milliseconds(80), &slept, &woken));
  scope.Close();
  EXPECT_FALSE(scope.Join(absl::Milliseconds(200)));
  EXPECT_EQ(slept, 1);
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(result, 0);
  TaskScope other;
  other.Spawn(reactor.executor(), "set", Set(promise));
  EXPECT_TRUE(scope.Join(kLong));
  EXPECT_TRUE(other.Join(kLong));
  EXPECT_EQ(result, 1);
}

TEST(TaskScopeTest, JoinNamesTheTardy) {
  Reactor reactor(0);
  TaskScope scope;
  std::string logged;
  SetLogSink([&](absl::string_view line) { logged = std::string(line); });
  std::atomic<int> slept = 0;
  std::atomic<int> woken = 0;
  scope.Spawn(reactor.executor(), "publish events",
              Sleep(kLong, &slept, &woken));
  EXPECT_FALSE(scope.Join(absl::Milliseconds(1)));
  SetLogSink(nullptr);
  EXPECT_THAT(logged, HasSubstr("publish events"));
  scope.Close();
  EXPECT_TRUE(scope.Join(kLong));
}

TEST(TaskScopeTest, JoinedTasksHoldNothing) {
  Reactor reactor(0);
  for (int i = 0; i < 200; ++i) {
    auto held = std::make_shared<int>(i);
    TaskScope scope;
    scope.Spawn(reactor.executor(), "hold",
                Hold(held, i % 2 == 0 ? absl::ZeroDuration() : kLong));
    if (i % 2 != 0) scope.Close();
    ASSERT_TRUE(scope.Join(kLong));
    ASSERT_EQ(held.use_count(), 1) << i;
  }
}

TEST(TaskScopeTest, TasksOfADeadLoopAreGone) {
  TaskScope scope;
  auto held = std::make_shared<int>(1);
  {
    asio::io_context loop(1);
    scope.Spawn(loop.get_executor(), "begun", Hold(held, kLong));
    loop.poll();
    scope.Spawn(loop.get_executor(), "never begun", Hold(held, kLong));
    scope.Close();
    EXPECT_EQ(scope.running(), 2);
  }
  EXPECT_EQ(scope.running(), 0);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(scope.Join(absl::ZeroDuration()));
}

// Spawning and closing from many threads at once; for the thread sanitizer.
TEST(TaskScopeTest, SpawnRacesClose) {
  ReactorPool reactors(2);
  for (int round = 0; round < 30; ++round) {
    TaskScope scope;
    std::atomic<int> slept = 0;
    std::atomic<int> woken = 0;
    std::atomic<int> spawned = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          if (scope.Spawn(reactors.At((t + i) % 2).executor(), "sleep",
                          Sleep(kLong, &slept, &woken))) {
            ++spawned;
          }
        }
      });
    }
    threads.emplace_back([&] { scope.Close(); });
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(scope.Join(kLong));
    ASSERT_EQ(woken, spawned);
  }
}

// Blocking work on a pool, and home again, while the scope is closed.
Task<void> VisitPool(Reactor* home, asio::any_io_executor pool,
                     std::atomic<int>* wrong) {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < 20; ++i) {
    co_await SwitchTo(pool);
    if (home->InThread()) ++*wrong;
    co_await SwitchTo(executor);
    if (!home->InThread()) ++*wrong;
    if (!co_await SleepFor(absl::Microseconds(10))) co_return;
  }
  while (co_await SleepFor(kLong)) {
  }
}

TEST(TaskScopeTest, SwitchesWhileClosing) {
  Reactor reactor(0);
  asio::thread_pool pool(2);
  for (int round = 0; round < 20; ++round) {
    TaskScope scope;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 10; ++i) {
      scope.Spawn(reactor.executor(), "visit",
                  VisitPool(&reactor, pool.get_executor(), &wrong));
    }
    scope.Close();
    ASSERT_TRUE(scope.Join(kLong));
    ASSERT_EQ(wrong, 0);
  }
  pool.join();
}

TEST(TaskScopeDeathTest, AnExceptionEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Reactor reactor(0);
        TaskScope scope;
        scope.Spawn(reactor.executor(), "bad task", Throw());
        scope.Join(kLong);
      },
      "an exception left a task task=\"bad task\" error=boom");
}

TEST(TaskScopeDeathTest, DestroyedBeforeItIsJoined) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        asio::io_context loop(1);
        TaskScope scope;
        scope.Spawn(loop.get_executor(), "left", Hold(nullptr, kLong));
      },
      "destroyed before it was joined");
}

}  // namespace
}  // namespace valetkey
