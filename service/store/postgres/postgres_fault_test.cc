// What may befall the server of a store, or the way to it.

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "service/store/postgres/postgres_test_base.h"

namespace valetkey::store {
namespace {

// With a server of its own, which may be killed.
class PostgresStoreFault : public PostgresStoreTest {
 protected:
  // What it has written survives its end without fsync, though not a loss of
  // power.
  sql::PostgresServer* StartServer() override {
    auto started = sql::PostgresServer::Start({});
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return nullptr;
    own_ = *std::move(started);
    return own_.get();
  }

  std::unique_ptr<sql::PostgresServer> own_;
};

// Increments until it is told to stop, and counts.
class Load {
 public:
  explicit Load(Store& store) {
    for (int i = 0; i < 3; ++i) {
      threads_.emplace_back([this, &store] {
        while (!done_) {
          if (Increment(store).ok()) {
            ++acknowledged_;
          } else {
            ++failed_;
          }
        }
      });
    }
  }
  ~Load() { Stop(); }
  void Stop() {
    done_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int acknowledged() const { return acknowledged_; }
  int failed() const { return failed_; }

 private:
  std::atomic<bool> done_ = false;
  std::atomic<int> acknowledged_ = 0;
  std::atomic<int> failed_ = 0;
  std::vector<std::thread> threads_;
};

// Nothing acknowledged is lost, and what failed was done once or not at all;
// each change has its event.
void ExpectKept(Store& store, const Load& load) {
  auto row = RunSync(store.GetConnection(ConnectionName("a", "c")));
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_GE((*row)->generation, load.acknowledged());
  EXPECT_LE((*row)->generation, load.acknowledged() + load.failed());
  EXPECT_TRUE(sql::Eventually([&] {
    return RunSync(store.GetEventRange())->newest == (*row)->generation;
  })) << (*row)->generation;
  auto events = RunSync(store.ReadEvents(0, 1'000'000, ""));
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(static_cast<std::int64_t>(events->size()), (*row)->generation);
  for (std::size_t i = 0; i < events->size(); ++i) {
    ASSERT_EQ((*events)[i].sequence, static_cast<std::int64_t>(i) + 1);
    ASSERT_EQ((*events)[i].generation, static_cast<std::int64_t>(i) + 1);
  }
}

TEST_F(PostgresStoreFault, AServerKilledUnderLoadLosesNothingAcknowledged) {
  auto store = Open();
  PutBasics(*store);
  Load load(*store);
  for (int round = 0; round < 3; ++round) {
    absl::SleepFor(absl::Milliseconds(300));
    server_->Kill();
    absl::SleepFor(absl::Milliseconds(100));
    ASSERT_TRUE(server_->Restart().ok());
    const int before = load.acknowledged();
    EXPECT_TRUE(
        sql::Eventually([&] { return load.acknowledged() > before + 3; }));
  }
  load.Stop();
  ExpectKept(*store, load);
}

TEST_F(PostgresStoreFault, TerminatedConnectionsLoseNothingAcknowledged) {
  auto store = Open();
  PutBasics(*store);
  Load load(*store);
  for (int round = 0; round < 10; ++round) {
    absl::SleepFor(absl::Milliseconds(100));
    Query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
        "application_name = 'valetkey' ORDER BY random() LIMIT 2");
  }
  load.Stop();
  EXPECT_GT(load.acknowledged(), 20);
  ExpectKept(*store, load);
}

TEST_F(PostgresStoreFault, AStoppedServerFailsCallsInTimeAndWorksOnAfter) {
  PostgresStoreOptions options = Options();
  options.write_timeout = absl::Milliseconds(500);
  options.read_timeout = absl::Milliseconds(500);
  options.connection.stall_timeout = absl::Seconds(1);
  options.connection.connect_timeout = absl::Seconds(1);
  auto store = Open(options);
  PutBasics(*store);
  ASSERT_TRUE(Increment(*store).ok());
  server_->Pause();
  for (int i = 0; i < 4; ++i) {
    const absl::Time start = absl::Now();
    const absl::Status status = Increment(*store);
    EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
    auto read = RunSync(store->GetConnection(ConnectionName("a", "c")));
    EXPECT_EQ(ReasonOf(read.status()), Reason::kStoreUnavailable);
    EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  }
  server_->Resume();
  EXPECT_TRUE(sql::Eventually([&] { return Increment(*store).ok(); }));
  auto row = RunSync(store->GetConnection(ConnectionName("a", "c")));
  ASSERT_TRUE(row.ok());
  EXPECT_GE((*row)->generation, 2);
  EXPECT_TRUE(sql::Eventually([&] {
    return RunSync(store->GetEventRange())->newest == (*row)->generation;
  }));
}

TEST_F(PostgresStoreFault, AStoppedServerDoesNotHoldTheStoreUp) {
  auto store = Open();
  PutBasics(*store);
  server_->Pause();
  absl::SleepFor(absl::Milliseconds(400));  // a look is under way
  const absl::Time start = absl::Now();
  store.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  server_->Resume();
}

TEST_F(PostgresStoreFault, AServerThatCannotBeWrittenToIsSaidToBe) {
  auto store = Open();
  PutBasics(*store);
  EXPECT_TRUE(RunSync(store->CheckWritable()).ok());
  Query(absl::StrCat("ALTER DATABASE ", database_,
                     " SET default_transaction_read_only = on"));
  Query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
      "application_name = 'valetkey'");
  EXPECT_TRUE(sql::Eventually([&] {
    const absl::Status status = RunSync(store->CheckWritable());
    return absl::StrContains(status.ToString(), "read-only");
  }));
  ASSERT_TRUE(server_
                  ->Query("postgres",
                          absl::StrCat("ALTER DATABASE ", database_,
                                       " RESET default_transaction_read_only"))
                  .ok());
  EXPECT_TRUE(
      sql::Eventually([&] { return RunSync(store->CheckWritable()).ok(); }));
}

}  // namespace
}  // namespace valetkey::store
