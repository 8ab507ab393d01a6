#include "service/events/event_hub.h"

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Result = absl::StatusOr<std::vector<store::Event>>;

class EventHubTest : public testing::Test {
 protected:
  EventHubTest() { NewHub(4); }

  void NewHub(int ring_size) {
    EventHubOptions options;
    options.ring_size = ring_size;
    options.poll_interval = absl::Milliseconds(5);
    hub_ = std::make_unique<EventHub>(store_, options);
    store_.SetCommitListener(
        [hub = hub_.get()](const auto& events) { hub->Committed(events); });
  }

  void Commit(const std::string& application, int count = 1) {
    auto rows = store_.UpdateNow({}, [&](store::Rows& given) {
      for (int i = 0; i < count; ++i) {
        store::Event event;
        event.application = application;
        given.events.push_back(event);
      }
      return absl::OkStatus();
    });
    ASSERT_TRUE(rows.ok());
  }

  std::vector<std::int64_t> Next(std::int64_t after, int limit,
                                 std::string application = "",
                                 absl::Duration timeout = {}) {
    scanned_ = -1;
    Result events = RunSync(
        hub_->Next(after, limit, std::move(application), timeout, &scanned_));
    EXPECT_TRUE(events.ok()) << events.status();
    std::vector<std::int64_t> sequences;
    if (!events.ok()) return sequences;
    for (const store::Event& event : *events) {
      sequences.push_back(event.sequence);
    }
    return sequences;
  }

  Task<void> NextInto(std::int64_t after, std::string application,
                      std::optional<Result>* result) {
    co_await asio::this_coro::throw_if_cancelled(false);
    *result = co_await hub_->Next(after, 100, std::move(application),
                                  absl::InfiniteDuration(), &scanned_);
  }

  store::FakeStore store_;
  std::unique_ptr<EventHub> hub_;
  std::int64_t scanned_ = -1;
};

TEST_F(EventHubTest, GivesWhatIsThere) {
  EXPECT_EQ(*RunSync(hub_->Newest()), 0);
  Commit("a", 3);
  EXPECT_EQ(*RunSync(hub_->Newest()), 3);
  EXPECT_THAT(Next(0, 2), ElementsAre(1, 2));
  EXPECT_EQ(scanned_, 2);
  EXPECT_THAT(Next(2, 2), ElementsAre(3));
  EXPECT_EQ(scanned_, 3);
  EXPECT_THAT(Next(3, 2), IsEmpty());
  EXPECT_EQ(scanned_, 3);
}

TEST_F(EventHubTest, ReadsFromMemoryAndFurtherBackFromTheStore) {
  EXPECT_EQ(*RunSync(hub_->Newest()), 0);
  Commit("a", 10);  // the ring keeps 7 to 10
  store_.SetDown(true);
  EXPECT_THAT(Next(6, 10), ElementsAre(7, 8, 9, 10));
  EXPECT_THAT(Next(8, 1), ElementsAre(9));
  EXPECT_EQ(ReasonOf(RunSync(hub_->Next(5, 10, "", {}, &scanned_)).status()),
            Reason::kStoreUnavailable);
  store_.SetDown(false);
  EXPECT_THAT(Next(5, 3), ElementsAre(6, 7, 8));
  EXPECT_THAT(Next(0, 100).size(), 10u);
}

TEST_F(EventHubTest, KnowsWhatWasCommittedBeforeIt) {
  Commit("a", 3);
  NewHub(4);
  EXPECT_THAT(Next(1, 10), ElementsAre(2, 3));
  EXPECT_EQ(*RunSync(hub_->Newest()), 3);
  Commit("a");
  EXPECT_THAT(Next(3, 10), ElementsAre(4));
}

TEST_F(EventHubTest, ScansPastTheEventsOfOthers) {
  Commit("a", 2);
  Commit("b", 20);
  EXPECT_THAT(Next(2, 10, "a"), IsEmpty());
  EXPECT_EQ(scanned_, 22);
  EXPECT_THAT(Next(0, 2, "a"), ElementsAre(1, 2));
  EXPECT_EQ(scanned_, 2);  // full: more may follow
  EXPECT_THAT(Next(0, 3, "a"), ElementsAre(1, 2));
  EXPECT_GE(scanned_, 2);
  Commit("a");
  EXPECT_THAT(Next(22, 10, "a"), ElementsAre(23));
}

TEST_F(EventHubTest, ATrimmedCursorHasExpired) {
  Commit("a", 10);
  ASSERT_EQ(*RunSync(store_.TrimEvents(absl::InfiniteFuture(), 0, 8)), 8);
  NewHub(1);
  EXPECT_EQ(ReasonOf(RunSync(hub_->Next(7, 9, "", {}, &scanned_)).status()),
            Reason::kCursorExpired);
  EXPECT_EQ(ReasonOf(RunSync(hub_->Next(0, 9, "b", {}, &scanned_)).status()),
            Reason::kCursorExpired);
  EXPECT_THAT(Next(8, 9), ElementsAre(9, 10));
  // Everything gone: only one who has seen everything may go on.
  ASSERT_EQ(*RunSync(store_.TrimEvents(absl::InfiniteFuture(), 0, 8)), 2);
  NewHub(1);
  EXPECT_EQ(ReasonOf(RunSync(hub_->Next(9, 9, "", {}, &scanned_)).status()),
            Reason::kCursorExpired);
  EXPECT_THAT(Next(10, 9), IsEmpty());
}

TEST_F(EventHubTest, WakesAWaiterAtTheCommit) {
  asio::io_context context(1);
  std::optional<Result> mine;
  std::optional<Result> others;
  asio::co_spawn(context, NextInto(0, "a", &mine), [](std::exception_ptr) {});
  asio::co_spawn(context, NextInto(0, "b", &others), [](std::exception_ptr) {});
  context.run_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(mine.has_value());
  std::thread thread([&] { Commit("a"); });
  thread.join();
  while (!mine) context.run_one();
  ASSERT_TRUE(mine->ok());
  EXPECT_EQ((*mine)->size(), 1u);
  context.poll();
  EXPECT_FALSE(others.has_value());
  hub_->Close();
  while (!others) context.run_one();
  EXPECT_EQ(ReasonOf(others->status()), Reason::kServerShuttingDown);
}

TEST_F(EventHubTest, RefusesOnceItIsClosed) {
  Commit("a");
  hub_->Close();
  EXPECT_EQ(ReasonOf(RunSync(hub_->Next(0, 1, "", {}, &scanned_)).status()),
            Reason::kServerShuttingDown);
}

TEST_F(EventHubTest, ACancelledWaiterReturnsEarly) {
  asio::io_context context(1);
  std::optional<Result> result;
  asio::cancellation_signal signal;
  asio::co_spawn(
      context, NextInto(0, "", &result),
      asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
  context.run_for(std::chrono::milliseconds(10));
  signal.emit(asio::cancellation_type::terminal);
  while (!result) context.run_one();
  ASSERT_TRUE(result->ok());
  EXPECT_THAT(**result, IsEmpty());
}

TEST_F(EventHubTest, WithOtherWritersItAsksTheStore) {
  store_.SetExclusive(false);
  NewHub(4);
  EXPECT_EQ(*RunSync(hub_->Newest()), 0);
  store_.SetCommitListener([](const auto&) {});  // as if another had committed
  Commit("a", 2);
  EXPECT_EQ(*RunSync(hub_->Newest()), 2);
  EXPECT_THAT(Next(0, 10), ElementsAre(1, 2));
  // A waiter finds it by itself.
  std::thread thread([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Commit("a");
  });
  EXPECT_THAT(Next(2, 10, "", absl::Seconds(60)), ElementsAre(3));
  thread.join();
}

// Waiters, commits and loops that go, all at once: no event is missed or told
// twice, and nothing is left dangling.
TEST_F(EventHubTest, ManyWatchersSeeEachEventOnce) {
  NewHub(8);
  constexpr int kEvents = 300;
  std::vector<std::thread> watchers;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 3; ++i) {
    watchers.emplace_back([&, i] {
      const std::string application = i == 0 ? "" : absl::StrCat("a", i);
      std::int64_t scanned = 0;
      std::int64_t last = 0;
      while (last < kEvents) {
        std::int64_t through = 0;
        Result events = RunSync(
            hub_->Next(scanned, 7, application, absl::Seconds(60), &through));
        if (!events.ok()) {
          ++failures;
          return;
        }
        for (const store::Event& event : *events) {
          const std::int64_t want = i == 0 ? last + 1 : last + 2;
          if (last != 0 && event.sequence != want) ++failures;
          last = event.sequence;
        }
        scanned = through;
        if (i == 1 && last == kEvents - 1) break;
      }
    });
  }
  std::atomic<bool> stop = false;
  std::thread visitor([&] {
    while (!stop) {
      asio::io_context context(1);
      std::optional<Result> ignored;
      std::int64_t scanned = 0;
      auto task = [](EventHub* hub, std::int64_t* through) -> Task<void> {
        (void)co_await hub->Next(1 << 20, 1, "", absl::Seconds(60), through);
      };
      asio::co_spawn(context, task(hub_.get(), &scanned),
                     [](std::exception_ptr) {});
      context.poll();
    }
  });
  for (int i = 1; i <= kEvents; ++i) Commit(absl::StrCat("a", 2 - i % 2));
  for (std::thread& watcher : watchers) watcher.join();
  stop = true;
  visitor.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace valetkey::events
