#include "service/broker/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/status.h"
#include "service/store/fake_store.h"

namespace valetkey::broker {
namespace {

using testing::ElementsAre;
using Messages = std::vector<WatchMessage>;

class WatchTest : public testing::Test {
 protected:
  static constexpr char kApplication[] = "applications/shop";

  WatchTest() {
    store_.SetCommitListener([this](const std::vector<store::Event>& events) {
      hub_.Committed(events);
    });
    options_.idle = absl::Milliseconds(150);
    options_.filtered_idle = absl::Milliseconds(30);
    parameters_.application = kApplication;
  }

  static std::string Name(absl::string_view id) {
    return absl::StrCat(kApplication, "/connections/", id);
  }

  // Makes the connection, or changes it; one event.
  void Touch(const std::string& id, store::EventType type,
             const std::string& application = kApplication) {
    store::RowKeys keys;
    keys.application = application;
    keys.provider = application + "/providers/p";
    keys.connection = application + "/connections/" + id;
    const auto rows = store_.UpdateNow(keys, [&](store::Rows& rows) {
      if (!rows.application) {
        rows.application.emplace();
        rows.application->name = application;
      }
      if (!rows.provider) {
        rows.provider.emplace();
        rows.provider->name = *keys.provider;
        rows.provider->application = application;
      }
      if (!rows.connection) {
        rows.connection.emplace();
        rows.connection->name = *keys.connection;
        rows.connection->application = application;
        rows.connection->provider = *keys.provider;
        rows.connection->subject = "s-" + id;
        rows.connection->labels["id"] = id;
      }
      store::Event event;
      event.type = type;
      event.application = application;
      event.connection = *keys.connection;
      event.provider = *keys.provider;
      event.subject = rows.connection->subject;
      event.labels = rows.connection->labels;
      rows.events.push_back(event);
      return absl::OkStatus();
    });
    ASSERT_TRUE(rows.ok()) << rows.status();
  }

  std::unique_ptr<Watcher> NewWatcher() {
    return std::make_unique<Watcher>(store_, hub_, clock_, parameters_,
                                     options_);
  }
  absl::StatusOr<Messages> TryNext(Watcher& watcher) {
    return asio::co_spawn(reactor_.executor(), watcher.Next(), asio::use_future)
        .get();
  }
  Messages Next(Watcher& watcher) {
    absl::StatusOr<Messages> messages = TryNext(watcher);
    EXPECT_TRUE(messages.ok()) << messages.status();
    if (!messages.ok()) return {};
    EXPECT_FALSE(messages->empty());
    return *std::move(messages);
  }
  // "event c-1", "connection c-2", "checkpoint".
  static std::vector<std::string> Names(const Messages& messages) {
    std::vector<std::string> out;
    for (const WatchMessage& message : messages) {
      if (const auto* event = std::get_if<store::Event>(&message.content)) {
        EXPECT_FALSE(message.cursor.empty());
        out.push_back("event " + event->connection.substr(
                                     event->connection.rfind('/') + 1));
      } else if (const auto* connection =
                     std::get_if<store::Connection>(&message.content)) {
        EXPECT_TRUE(message.cursor.empty());
        out.push_back("connection " +
                      connection->name.substr(connection->name.rfind('/') + 1));
      } else {
        EXPECT_FALSE(message.cursor.empty());
        out.push_back("checkpoint");
      }
    }
    return out;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  store::FakeStore store_{clock_};
  events::EventHub hub_{store_, {}};
  WatchOptions options_;
  WatchParameters parameters_;
  Reactor reactor_{0};
};

TEST_F(WatchTest, BeginsNowWithACheckpoint) {
  Touch("old", store::EventType::kConnected);
  auto watcher = NewWatcher();
  EXPECT_THAT(Names(Next(*watcher)), ElementsAre("checkpoint"));
  Touch("new", store::EventType::kConnected);
  EXPECT_THAT(Names(Next(*watcher)), ElementsAre("event new"));
}

TEST_F(WatchTest, ResumesExactlyWhereItStopped) {
  auto first = NewWatcher();
  const std::string start = Next(*first).front().cursor;
  for (const char* id : {"a", "b", "c"}) {
    Touch(id, store::EventType::kConnected);
  }
  parameters_.cursor = start;
  const Messages all = Next(*NewWatcher());
  EXPECT_THAT(Names(all), ElementsAre("event a", "event b", "event c"));
  parameters_.cursor = all[1].cursor;
  EXPECT_THAT(Names(Next(*NewWatcher())), ElementsAre("event c"));
  parameters_.cursor = all[2].cursor;
  auto last = NewWatcher();
  EXPECT_THAT(Names(Next(*last)), ElementsAre("checkpoint"));
}

TEST_F(WatchTest, CheckpointsWhileIdle) {
  auto watcher = NewWatcher();
  const std::string cursor = Next(*watcher).front().cursor;
  const absl::Time before = absl::Now();
  const Messages idle = Next(*watcher);
  EXPECT_THAT(Names(idle), ElementsAre("checkpoint"));
  EXPECT_EQ(idle[0].cursor, cursor);
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(140));
}

TEST_F(WatchTest, FilteredEventsMoveTheCursorOn) {
  parameters_.types = {store::EventType::kRevoked};
  auto watcher = NewWatcher();
  const std::string cursor = Next(*watcher).front().cursor;
  Touch("a", store::EventType::kConnected);
  const Messages moved = Next(*watcher);
  EXPECT_THAT(Names(moved), ElementsAre("checkpoint"));
  EXPECT_NE(moved[0].cursor, cursor);
}

TEST_F(WatchTest, Filters) {
  const std::string start = Next(*NewWatcher()).front().cursor;
  Touch("a", store::EventType::kConnected);
  Touch("b", store::EventType::kRefreshed);
  Touch("x", store::EventType::kConnected, "applications/other");
  const WatchParameters plain = parameters_;
  const auto seen = [&](const std::function<void(WatchParameters&)>& filter) {
    parameters_ = plain;
    parameters_.cursor = start;
    filter(parameters_);
    return Names(Next(*NewWatcher()));
  };
  EXPECT_THAT(seen([](auto&) {}), ElementsAre("event a", "event b"));
  EXPECT_THAT(seen([](auto& p) { p.connection = Name("b"); }),
              ElementsAre("event b"));
  EXPECT_THAT(seen([](auto& p) { p.subject = "s-a"; }), ElementsAre("event a"));
  EXPECT_THAT(seen([](auto& p) { p.labels = {{"id", "b"}}; }),
              ElementsAre("event b"));
  EXPECT_THAT(seen([](auto& p) { p.types = {store::EventType::kRefreshed}; }),
              ElementsAre("event b"));
  EXPECT_THAT(
      seen([](auto& p) { p.provider = "applications/shop/providers/q"; }),
      ElementsAre("checkpoint"));
}

TEST_F(WatchTest, SnapshotThenCheckpointThenChanges) {
  for (int i = 0; i < 5; ++i) {
    Touch(absl::StrCat("c", i), store::EventType::kConnected);
  }
  parameters_.snapshot = true;
  options_.batch = 2;
  auto watcher = NewWatcher();
  EXPECT_THAT(Names(Next(*watcher)),
              ElementsAre("connection c0", "connection c1"));
  // Changed while the list is read: it comes again as an event.
  Touch("c0", store::EventType::kUpdated);
  EXPECT_THAT(Names(Next(*watcher)),
              ElementsAre("connection c2", "connection c3"));
  EXPECT_THAT(Names(Next(*watcher)),
              ElementsAre("connection c4", "checkpoint"));
  EXPECT_THAT(Names(Next(*watcher)), ElementsAre("event c0"));
}

TEST_F(WatchTest, SnapshotOfNothing) {
  parameters_.snapshot = true;
  EXPECT_THAT(Names(Next(*NewWatcher())), ElementsAre("checkpoint"));
  parameters_.connection = Name("none");
  EXPECT_THAT(Names(Next(*NewWatcher())), ElementsAre("checkpoint"));
}

TEST_F(WatchTest, RefusesForeignCursors) {
  for (const std::string& cursor :
       {std::string("rubbish"), events::EncodeCursor("1111111111111111", 0),
        events::EncodeCursor(store_.id(), 1000)}) {
    parameters_.cursor = cursor;
    EXPECT_EQ(ReasonOf(TryNext(*NewWatcher()).status()), Reason::kCursorInvalid)
        << cursor;
  }
}

TEST_F(WatchTest, TrimmedCursorsExpire) {
  const std::string start = Next(*NewWatcher()).front().cursor;
  for (int i = 0; i < 5; ++i) Touch("a", store::EventType::kRefreshed);
  const auto trimmed =
      asio::co_spawn(reactor_.executor(),
                     store_.TrimEvents(absl::InfinitePast(), 2, 100),
                     asio::use_future)
          .get();
  ASSERT_TRUE(trimmed.ok());
  parameters_.cursor = start;
  // A hub with empty memory, as after a restart.
  events::EventHub fresh(store_, {});
  Watcher watcher(store_, fresh, clock_, parameters_, options_);
  EXPECT_EQ(ReasonOf(TryNext(watcher).status()), Reason::kCursorExpired);
}

TEST_F(WatchTest, LagsOnlyIfItFallsBehindAfterTheStart) {
  options_.max_behind = 10;
  options_.batch = 4;
  const std::string start = Next(*NewWatcher()).front().cursor;
  for (int i = 0; i < 30; ++i) Touch("a", store::EventType::kRefreshed);
  parameters_.cursor = start;
  auto watcher = NewWatcher();
  int events = 0;
  while (events < 30) {
    const Messages messages = Next(*watcher);
    ASSERT_FALSE(messages.empty());
    events += static_cast<int>(messages.size());
  }
  for (int i = 0; i < 11; ++i) Touch("a", store::EventType::kRefreshed);
  EXPECT_EQ(ReasonOf(TryNext(*watcher).status()), Reason::kWatchLagged);
}

TEST_F(WatchTest, EndsWithTheHub) {
  auto watcher = NewWatcher();
  Next(*watcher);
  hub_.Close();
  EXPECT_EQ(ReasonOf(TryNext(*watcher).status()), Reason::kServerShuttingDown);
}

}  // namespace
}  // namespace valetkey::broker
