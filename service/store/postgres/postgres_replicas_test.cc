// Several stores over one database.

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "service/store/postgres/postgres_test_base.h"
#include "service/store/postgres/schema.h"

namespace valetkey::store {
namespace {

TEST_F(PostgresStoreTest, ManyThatOpenAtATimeMakeTheTablesOnce) {
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Store>> stores(4);
  for (auto& store : stores) {
    threads.emplace_back([&] { store = Open(); });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> ids;
  for (auto& store : stores) {
    ASSERT_NE(store, nullptr);
    ids.insert(store->id());
    EXPECT_TRUE(RunSync(store->CheckWritable()).ok());
  }
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(Query("SELECT count(*) FROM schema_version"),
            absl::StrCat(PostgresSchemaVersion()));
}

TEST_F(PostgresStoreTest, IncrementsOfTwoStoresAddUp) {
  auto one = Open();
  auto two = Open();
  PutBasics(*one);
  constexpr int kThreads = 4;
  constexpr int kTimes = 30;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kTimes; ++n) {
        if (!Increment(i % 2 == 0 ? *one : *two).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  auto row = RunSync(two->GetConnection(ConnectionName("a", "c")));
  EXPECT_EQ((*row)->generation, kThreads * kTimes);
  // Events are in the order of the changes, for each has seen the one before.
  auto events = RunSync(one->ReadEvents(0, 1000, ""));
  ASSERT_EQ(events->size(), static_cast<std::size_t>(kThreads * kTimes));
  for (std::size_t i = 0; i < events->size(); ++i) {
    EXPECT_EQ((*events)[i].sequence, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ((*events)[i].generation, static_cast<std::int64_t>(i) + 1);
  }
}

// Follows the events of a store as a watcher does, while others write.
class Follower {
 public:
  explicit Follower(Store& store) : store_(store), thread_([this] { Run(); }) {}
  ~Follower() { Stop(); }

  void Stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const std::vector<Event>& events() const { return events_; }

 private:
  void Run() {
    for (bool last = false;;) {
      auto read = RunSync(store_.ReadEvents(
          events_.empty() ? 0 : events_.back().sequence, 7, ""));
      if (read.ok()) {
        events_.insert(events_.end(), read->begin(), read->end());
      }
      if (read.ok() && read->empty()) {
        if (last) return;
        last = done_;
        absl::SleepFor(absl::Milliseconds(1));
      }
    }
  }

  Store& store_;
  std::atomic<bool> done_ = false;
  std::vector<Event> events_;
  std::thread thread_;
};

TEST_F(PostgresStoreTest, AllSeeTheEventsOfAllInOneGaplessOrder) {
  std::vector<std::unique_ptr<Store>> stores;
  std::map<Store*, std::vector<std::int64_t>> heard;
  for (int i = 0; i < 3; ++i) {
    stores.push_back(Open());
    Store* store = stores.back().get();
    std::vector<std::int64_t>* into = &heard[store];
    store->SetCommitListener([into](const std::vector<Event>& events) {
      for (const Event& event : events) into->push_back(event.sequence);
    });
  }
  Follower first(*stores[0]);
  Follower second(*stores[1]);
  std::atomic<int> failures = 0;
  std::atomic<int> written = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      Store& store = *stores[static_cast<std::size_t>(i) % stores.size()];
      for (int n = 0; n < 40; ++n) {
        const int count = 1 + (n + i) % 3;
        auto rows = RunSync(store.Update(RowKeys(), [&](Rows& given) {
          for (int e = 0; e < count; ++e) {
            given.events.push_back(MakeEvent("a", absl::StrCat("c", i)));
            given.events.back().generation = n;
          }
          return absl::OkStatus();
        }));
        if (!rows.ok()) {
          ++failures;
          continue;
        }
        written += count;
        for (const Event& event : rows->events) {
          if (event.sequence == 0) ++failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  first.Stop();
  second.Stop();
  EXPECT_EQ(failures, 0);
  ASSERT_EQ(first.events().size(), static_cast<std::size_t>(written));
  EXPECT_EQ(first.events(), second.events());
  std::map<std::string, std::int64_t> last;
  for (std::size_t i = 0; i < first.events().size(); ++i) {
    const Event& event = first.events()[i];
    ASSERT_EQ(event.sequence, static_cast<std::int64_t>(i) + 1);
    EXPECT_GE(event.generation, last[event.connection]);
    last[event.connection] = event.generation;
  }
  const auto newest = static_cast<std::size_t>(written);
  for (auto& store : stores) {
    std::vector<std::int64_t>& numbers = heard[store.get()];
    EXPECT_TRUE(sql::Eventually([&] {
      return RunSync(store->ReadEvents(0, 10'000, ""))->size() == newest;
    }));
    absl::SleepFor(absl::Milliseconds(600));  // two looks
    store.reset();                            // the listener is done
    ASSERT_EQ(numbers.size(), newest);
    for (std::size_t i = 0; i < newest; ++i) {
      ASSERT_EQ(numbers[i], static_cast<std::int64_t>(i) + 1);
    }
  }
}

TEST_F(PostgresStoreTest, NumbersWhatAReplicaThatDiedHasLeft) {
  auto store = Open();
  Query(
      "INSERT INTO events (application, time, record) "
      "SELECT 'applications/a', 1, '' FROM generate_series(1, 2500)");
  EXPECT_TRUE(sql::Eventually(
      [&] { return RunSync(store->GetEventRange())->newest == 2500; }));
  auto events = RunSync(store->ReadEvents(2490, 100, ""));
  EXPECT_EQ(events->size(), 10u);
}

TEST_F(PostgresStoreTest, AnEventOfATransactionThatTakesLongIsNotSteppedOver) {
  auto store = Open();
  PutBasics(*store);
  // It takes its id first and commits last.
  std::thread slow([&] {
    Query(
        "BEGIN; INSERT INTO events (application, time, record) VALUES "
        "('applications/slow', 1, ''); SELECT pg_sleep(0.5); COMMIT");
  });
  absl::SleepFor(absl::Milliseconds(200));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Increment(*store).ok());
  EXPECT_EQ(RunSync(store->ReadEvents(0, 10, ""))->size(), 3u);
  slow.join();
  ASSERT_TRUE(Increment(*store).ok());
  auto events = RunSync(store->ReadEvents(3, 10, ""));
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0].application, AppName("slow"));
  EXPECT_EQ((*events)[0].sequence, 4);
}

TEST_F(PostgresStoreTest, AClaimIsOnesAlone) {
  auto one = Open();
  auto two = Open();
  PutBasics(*one);
  Query(
      "INSERT INTO connections (name, revision, application, provider, "
      "subject, state, due_time, record) SELECT 'applications/a/"
      "connections/' || n, 1, 'applications/a', "
      "'applications/a/providers/p', '', 1, n, '' "
      "FROM generate_series(1, 500) n");
  std::vector<std::vector<std::string>> claims(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    threads.emplace_back([&, i] {
      for (;;) {
        auto due = RunSync(
            (i % 2 == 0 ? *one : *two).ClaimDue(7, absl::Minutes(5), {}));
        ASSERT_TRUE(due.ok()) << due.status();
        // While others claim, there may be more than one is given.
        if (due->empty()) break;
        for (const DueConnection& it : *due) claims[i].push_back(it.name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> all;
  for (const auto& names : claims) {
    all.insert(all.end(), names.begin(), names.end());
  }
  EXPECT_EQ(all.size(), 500u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 500u);
  EXPECT_EQ(RunSync(one->GetBacklog())->due, 0);
}

}  // namespace
}  // namespace valetkey::store
