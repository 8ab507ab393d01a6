// The small parts: snapshot, scheduler, backoff, cancellation.

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "src/backoff.h"
#include "src/scheduler.h"
#include "src/snapshot.h"
#include "src/status.h"
#include "tests/fixture.h"
#include "tests/manual_scheduler.h"

namespace valetkey::client::internal {
namespace {

// Counts what lives, and is broken when it is dead.
struct Value {
  explicit Value(int number) : number(number), copy(number) { ++living; }
  ~Value() {
    copy = -1;
    --living;
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  const int number;
  int copy;
  static inline std::atomic<int> living{0};
};

TEST(SnapshotTest, HoldsTheLastValueAndNoOther) {
  {
    Snapshot<Value> snapshot;
    EXPECT_EQ(snapshot.Load(), nullptr);
    snapshot.Store(std::make_shared<Value>(1));
    const auto first = snapshot.Load();
    EXPECT_EQ(first->number, 1);
    snapshot.Store(std::make_shared<Value>(2));
    EXPECT_EQ(snapshot.Load()->number, 2);
    EXPECT_EQ(first->number, 1);
    EXPECT_EQ(Value::living, 2);
    snapshot.Store(nullptr);
    EXPECT_EQ(snapshot.Load(), nullptr);
    EXPECT_EQ(Value::living, 1);
  }
  EXPECT_EQ(Value::living, 0);
}

TEST(SnapshotTest, ReadersSeeLivingValuesThatOnlyGoForward) {
  constexpr int kValues = 3000;
  Snapshot<Value> snapshot;
  snapshot.Store(std::make_shared<Value>(0));
  std::atomic<bool> bad{false};
  std::vector<std::thread> readers;
  readers.reserve(6);  // more than there are shards
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      int last = 0;
      while (last != kValues) {
        const auto value = snapshot.Load();
        if (value->copy != value->number || value->number < last) bad = true;
        last = value->number;
      }
    });
  }
  for (int i = 1; i <= kValues; ++i) {
    snapshot.Store(std::make_shared<Value>(i));
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(bad);
  EXPECT_EQ(Value::living, 1);
}

TEST(SchedulerTest, RunsInOrderWhatIsNotCancelled) {
  const auto scheduler = NewScheduler();
  Mutex mutex;
  CondVar changed;
  std::vector<int> ran;
  const auto note = [&](int number) {
    return [&, number] {
      const MutexLock lock(mutex);
      ran.push_back(number);
      changed.SignalAll();
    };
  };
  scheduler->RunAfter(absl::Milliseconds(40), note(3));
  const auto cancelled = scheduler->RunAfter(absl::Milliseconds(30), note(2));
  scheduler->RunAfter(absl::Milliseconds(20), note(1));
  scheduler->RunAfter(absl::ZeroDuration(), note(0));
  scheduler->RunAfter(absl::InfiniteDuration(), note(9));
  scheduler->Cancel(cancelled);
  {
    const MutexLock lock(mutex);
    while (ran.size() < 3) changed.Wait(mutex);
    EXPECT_EQ(ran, (std::vector<int>{0, 1, 3}));
  }
  scheduler->Stop();
  scheduler->RunAfter(absl::ZeroDuration(), note(4));
  scheduler->Stop();
  EXPECT_EQ(ran.size(), 3u);
}

TEST(BackoffTest, DoublesToFiveSecondsWithChance) {
  ManualScheduler scheduler;
  Backoff backoff;
  for (const int milliseconds : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    EXPECT_EQ(backoff.Next(scheduler), absl::Milliseconds(milliseconds));
  }
  backoff.Reset();
  scheduler.SetRandom(0);
  EXPECT_EQ(backoff.Next(scheduler), absl::Milliseconds(50));
  scheduler.SetRandom(0.999);
  EXPECT_LT(backoff.Next(scheduler), absl::Milliseconds(300));
  EXPECT_EQ(backoff.After(
                WithRetryDelay(absl::UnavailableError(""), absl::Seconds(7)),
                scheduler),
            absl::Seconds(7));
}

TEST(CancellationTest, RunsWhatIsRegisteredOnce) {
  Cancellation cancellation;
  int first = 0;
  int second = 0;
  cancellation.Register([&] { ++first; });
  cancellation.Unregister(cancellation.Register([&] { ++second; }));
  EXPECT_FALSE(cancellation.cancelled());
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  cancellation.Register([&] { ++second; });
  EXPECT_EQ(second, 1);
}

}  // namespace
}  // namespace valetkey::client::internal
