// What store.h promises of events, and of calls at the same time.

#include <atomic>
#include <thread>
#include <vector>

#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreContract, EventsAreNumberedInOrder) {
  auto rows = Update(RowKeys(), [&](Rows& given) {
    given.events = {MakeEvent("a", "c", EventType::kConnected),
                    MakeEvent("b", "d", EventType::kRefreshed)};
    given.events[0].labels = {{"k", "v"}};
    given.events[0].subject = "\xff";
    given.events[0].generation = 4;
    given.events[0].state = ConnectionState::kRevoked;
    given.events[0].reason = "WHY";
    given.events[0].provider = "applications/a/providers/p";
    given.events[0].sequence = 99;
    return absl::OkStatus();
  });
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->events[0].sequence, 1);
  EXPECT_EQ(rows->events[1].sequence, 2);
  EXPECT_EQ(rows->events[0].time, TestStart());
  EXPECT_THAT(*RunSync(store_->ReadEvents(0, 10, "")),
              ElementsAre(rows->events[0], rows->events[1]));
  ASSERT_TRUE(AddEvents("a", 3).ok());
  EXPECT_THAT(Sequences(1, 2), ElementsAre(2, 3));
  EXPECT_THAT(Sequences(0, 10, AppName("b")), ElementsAre(2));
  EXPECT_THAT(Sequences(1, 2, AppName("a")), ElementsAre(3, 4));
  EXPECT_THAT(Sequences(5, 10), IsEmpty());
  EXPECT_EQ(Range().oldest, 1);
  EXPECT_EQ(Range().newest, 5);
}

TEST_P(StoreContract, TrimsEventsFromTheOldest) {
  ASSERT_TRUE(AddEvents("a", 3).ok());
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(AddEvents("a", 4).ok());
  auto trim = [&](absl::Time before, std::int64_t keep, int limit) {
    return *RunSync(store_->TrimEvents(before, keep, limit));
  };
  EXPECT_EQ(trim(TestStart(), 100, 100), 0);
  EXPECT_EQ(trim(TestStart() + absl::Seconds(1), 100, 2), 2);  // by age
  EXPECT_EQ(Range().oldest, 3);
  EXPECT_EQ(trim(TestStart() + absl::Seconds(1), 100, 2), 1);
  EXPECT_EQ(trim(TestStart(), 2, 1), 1);  // by number
  EXPECT_EQ(trim(TestStart(), 2, 100), 1);
  EXPECT_THAT(Sequences(0, 10), ElementsAre(6, 7));
  EXPECT_EQ(Range().oldest, 6);
}

TEST_P(StoreContract, AClockSetBackLeavesNoHoleInTheEvents) {
  ASSERT_TRUE(AddEvents("a", 1).ok());
  clock_.Set(TestStart() - absl::Hours(2));
  ASSERT_TRUE(AddEvents("a", 1).ok());
  clock_.Set(TestStart() + absl::Hours(2));
  ASSERT_TRUE(AddEvents("a", 1).ok());
  EXPECT_EQ(
      *RunSync(store_->TrimEvents(TestStart() - absl::Hours(1), 100, 100)), 0);
  EXPECT_THAT(Sequences(0, 10), ElementsAre(1, 2, 3));
}

TEST_P(StoreContract, ASequenceNumberIsNeverUsedAgain) {
  ASSERT_TRUE(AddEvents("a", 3).ok());
  EXPECT_EQ(*RunSync(store_->TrimEvents(absl::InfiniteFuture(), 0, 100)), 3);
  EXPECT_EQ(Range().oldest, 4);
  EXPECT_EQ(Range().newest, 3);
  EXPECT_THAT(Sequences(0, 10), IsEmpty());
  EXPECT_EQ(*RunSync(store_->TrimEvents(absl::InfiniteFuture(), 0, 100)), 0);
  ASSERT_TRUE(AddEvents("a", 1).ok());
  EXPECT_THAT(Sequences(0, 10), ElementsAre(4));
}

TEST_P(StoreContract, MarksEventsAsPublished) {
  ASSERT_TRUE(AddEvents("a", 5).ok());
  auto unpublished = [&](int limit) {
    std::vector<std::int64_t> sequences;
    const auto events = RunSync(store_->ReadUnpublished(limit));
    for (const Event& event : *events) sequences.push_back(event.sequence);
    return sequences;
  };
  EXPECT_THAT(unpublished(3), ElementsAre(1, 2, 3));
  ASSERT_TRUE(RunSync(store_->MarkPublished({1, 3, 3, 77})).ok());
  EXPECT_THAT(unpublished(10), ElementsAre(2, 4, 5));
  ASSERT_TRUE(RunSync(store_->MarkPublished({})).ok());
  EXPECT_THAT(Sequences(0, 10), ElementsAre(1, 2, 3, 4, 5));
}

TEST_P(StoreContract, ConcurrentIncrementsAddUp) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  const RowKeys keys = ConnectionKey(ConnectionName("a", "c"));
  constexpr int kThreads = 4;
  constexpr int kTimes = 50;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      std::int64_t last = 0;
      for (int n = 0; n < kTimes; ++n) {
        auto rows = RunSync(store_->Update(keys, [](Rows& given) {
          ++given.connection->generation;
          return absl::OkStatus();
        }));
        auto read = RunSync(store_->GetConnection(*keys.connection));
        // What one has written oneself, one sees.
        if (!rows.ok() || !read.ok() || rows->connection->generation <= last ||
            (*read)->generation < rows->connection->generation) {
          ++failures;
          return;
        }
        last = rows->connection->generation;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  auto row = RunSync(store_->GetConnection(*keys.connection));
  EXPECT_EQ((*row)->generation, kThreads * kTimes);
  EXPECT_EQ((*row)->revision, kThreads * kTimes + 1);
}

TEST_P(StoreContract, TheListenerHearsEveryEventOnceAndInOrder) {
  std::vector<std::int64_t> heard;  // by one call at a time
  std::atomic<bool> inside = false;
  std::atomic<bool> overlapped = false;
  store_->SetCommitListener([&](const std::vector<Event>& events) {
    if (inside.exchange(true)) overlapped = true;
    for (const Event& event : events) heard.push_back(event.sequence);
    inside = false;
  });
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n) {
        if (!AddEvents("a", 1 + (n + i) % 2).ok()) ++failures;
        auto failed = Update(RowKeys(), [](Rows& rows) {
          rows.events.push_back(MakeEvent("a", "c"));
          return MakeError(Reason::kEtagMismatch, "no");
        });
        if (failed.ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_FALSE(overlapped);
  const EventRange range = Range();
  ASSERT_EQ(static_cast<std::int64_t>(heard.size()), range.newest);
  for (std::size_t i = 0; i < heard.size(); ++i) {
    ASSERT_EQ(heard[i], static_cast<std::int64_t>(i) + 1);
  }
}

TEST_P(StoreContract, RefusesNoLimitBelowOne) {
  ASSERT_TRUE(AddEvents("a", 2).ok());
  EXPECT_THAT(Sequences(0, 0), ElementsAre(1));
  EXPECT_THAT(Sequences(0, -5), ElementsAre(1));
}

}  // namespace
}  // namespace valetkey::store
