#include "service/broker/event_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/base/clock.h"
#include "service/base/status.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::broker {
namespace {

using store::EventType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventHistoryTest : public testing::Test {
 protected:
  static constexpr char kApplication[] = "applications/shop";

  void Add(int count, EventType type, const std::string& id = "c",
           const std::string& provider = "p") {
    store::RowKeys keys;
    keys.application = kApplication;
    ASSERT_TRUE(store_
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 if (!rows.application) {
                                   rows.application.emplace();
                                   rows.application->name = kApplication;
                                 }
                                 for (int i = 0; i < count; ++i) {
                                   store::Event event;
                                   event.type = type;
                                   event.application = kApplication;
                                   event.connection = absl::StrCat(
                                       kApplication, "/connections/", id);
                                   event.provider = absl::StrCat(
                                       kApplication, "/providers/", provider);
                                   rows.events.push_back(event);
                                 }
                                 return absl::OkStatus();
                               })
                    .ok());
  }

  // The numbers, and where to go on.
  std::pair<std::vector<std::int64_t>, std::int64_t> Read(HistoryFilter filter,
                                                          std::int64_t before,
                                                          int limit) {
    filter.application = kApplication;
    const auto page =
        RunSync(ReadHistory(store_, std::move(filter), before, limit));
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<std::int64_t> sequences;
    for (const store::Event& event : page->events) {
      sequences.push_back(event.sequence);
    }
    return {sequences, page->before};
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  store::FakeStore store_{clock_};
};

TEST_F(EventHistoryTest, GoesBackInPages) {
  Add(5, EventType::kRefreshed);
  EXPECT_EQ(Read({}, kNewestEvents, 2),
            (std::pair(std::vector<std::int64_t>{5, 4}, std::int64_t{4})));
  EXPECT_EQ(Read({}, 4, 3),
            (std::pair(std::vector<std::int64_t>{3, 2, 1}, std::int64_t{0})));
  EXPECT_THAT(Read({}, 1, 3).first, IsEmpty());
  EXPECT_EQ(Read({}, 1, 3).second, 0);
}

TEST_F(EventHistoryTest, Filters) {
  Add(2, EventType::kRefreshed);
  Add(1, EventType::kRevoked);
  Add(1, EventType::kRefreshed, "d", "q");
  HistoryFilter filter;
  filter.types = {EventType::kRevoked, EventType::kExpiring};
  EXPECT_THAT(Read(filter, kNewestEvents, 9).first, ElementsAre(3));
  filter = {};
  filter.provider = absl::StrCat(kApplication, "/providers/q");
  EXPECT_THAT(Read(filter, kNewestEvents, 9).first, ElementsAre(4));
  filter.connection = absl::StrCat(kApplication, "/connections/c");
  EXPECT_THAT(Read(filter, kNewestEvents, 9).first, IsEmpty());
  filter.provider = "";
  EXPECT_THAT(Read(filter, kNewestEvents, 2).first, ElementsAre(3, 2));
}

// A page is short rather than late, and the next ones find the rest.
TEST_F(EventHistoryTest, AFilterThatFewPassIsBounded) {
  Add(2, EventType::kRevoked);
  Add(12'000, EventType::kRefreshed);
  HistoryFilter filter;
  filter.types = {EventType::kRevoked};
  std::int64_t before = kNewestEvents;
  std::vector<std::int64_t> found;
  int pages = 0;
  do {
    const auto [sequences, next] = Read(filter, before, 10);
    found.insert(found.end(), sequences.begin(), sequences.end());
    before = next;
    ++pages;
  } while (before != 0 && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(found, ElementsAre(2, 1));
}

TEST_F(EventHistoryTest, TellsThatTheStoreIsAway) {
  store_.FailReads(1);
  const auto page = RunSync(ReadHistory(store_, {}, kNewestEvents, 1));
  EXPECT_EQ(ReasonOf(page.status()), Reason::kStoreUnavailable);
}

}  // namespace
}  // namespace valetkey::broker
