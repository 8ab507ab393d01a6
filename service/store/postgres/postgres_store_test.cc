#include "service/store/postgres/postgres_store.h"

#include <atomic>

#include "service/store/postgres/postgres_test_base.h"
#include "service/store/postgres/schema.h"

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<Store> MakeInDatabase(const Clock& clock) {
  sql::PostgresServer* server = sql::PostgresServer::Shared();
  auto reactors = std::make_shared<ReactorPool>(2);
  PostgresStoreOptions options;
  options.url = server->Url(*server->NewDatabase());
  options.reactors = reactors.get();
  options.clock = &clock;
  auto store = NewPostgresStore(options);
  if (!store.ok()) {
    ADD_FAILURE() << store.status();
    return nullptr;
  }
  return {store->release(), [reactors](Store* it) { delete it; }};
}

std::vector<StoreFactory> Factories() {
  if (!sql::PostgresServer::Installed()) return {};
  return {StoreFactory{MakeInDatabase}};
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract,
                         testing::ValuesIn(Factories()));

TEST_F(PostgresStoreTest, KeepsAllWhenItIsOpenedAgain) {
  std::string id;
  {
    auto store = Open();
    id = store->id();
    EXPECT_FALSE(store->exclusive());
    ASSERT_TRUE(PutApplication(*store, "a").ok());
    EXPECT_EQ(*RunSync(store->TrimEvents(absl::InfiniteFuture(), 0, 9)), 1);
  }
  auto store = Open();
  EXPECT_EQ(store->id(), id);
  EXPECT_TRUE(RunSync(store->GetApplication(AppName("a")))->has_value());
  ASSERT_TRUE(PutApplication(*store, "b").ok());
  EXPECT_EQ(RunSync(store->GetEventRange())->oldest, 2);
}

// As in SQLite's test of that name; any bytes may stand in a subject.
TEST_F(PostgresStoreTest, FindsWhatAnOlderVersionWrote) {
  const std::string name = ConnectionName("a", "c-1");
  const auto put = [&](Store& store, const Change& change) {
    RowKeys keys;
    keys.application = AppName("a");
    keys.provider = ProviderName("a", "p");
    keys.connection = name;
    ASSERT_TRUE(RunSync(store.Update(keys, change)).ok());
  };
  put(*Open(), [&](Rows& rows) {
    rows.application.emplace().name = AppName("a");
    rows.provider.emplace().name = ProviderName("a", "p");
    rows.provider->application = AppName("a");
    rows.connection.emplace().name = name;
    rows.connection->application = AppName("a");
    rows.connection->provider = ProviderName("a", "p");
    rows.connection->subject = "User-1 \\ \xff\xc3\x84";
    rows.connection->account_display_name = "Ann";
    rows.connection->last_failure = Failure{.reason = "X"};
    rows.events = {MakeEvent("a", "c-1")};
    return absl::OkStatus();
  });
  Query("DROP TABLE connection_words");
  Query("ALTER TABLE connections DROP COLUMN ailing");
  Query("ALTER TABLE events DROP COLUMN connection");
  Query("CREATE INDEX connections_by_state ON connections (state)");
  Query("DROP TABLE definitions");
  Query("ALTER TABLE store DROP COLUMN definitions_revision");
  Query("DELETE FROM schema_version WHERE version > 1");
  auto store = Open();
  ASSERT_NE(store, nullptr);
  const auto found = [&](const ConnectionFilter& filter) {
    return RunSync(store->ListConnections(filter, "", 9))->items.size();
  };
  EXPECT_EQ(found({.words = {"c-1", "user-1", "\\", "\xff", "\xc3\x84"}}), 1u);
  EXPECT_EQ(found({.words = {"ann"}}), 0u);
  EXPECT_EQ(found({.needs_attention = true}), 0u);
  put(*store, [](Rows& rows) {
    ++rows.connection->generation;
    return absl::OkStatus();
  });
  EXPECT_EQ(found({.words = {"ann"}}), 1u);
  EXPECT_EQ(found({.needs_attention = true}), 1u);
}

TEST_F(PostgresStoreTest, RefusesANewerSchema) {
  Open();
  Query("INSERT INTO schema_version VALUES (99)");
  auto store = NewPostgresStore(Options());
  EXPECT_EQ(ReasonOf(store.status()), Reason::kStoreUnavailable);
  EXPECT_THAT(store.status().ToString(), HasSubstr("schema version 99"));
  EXPECT_THAT(store.status().ToString(), HasSubstr("/" + database_));
}

TEST_F(PostgresStoreTest, RefusesADatabaseOfAnotherProgram) {
  Query("CREATE TABLE events (n bigint)");
  auto store = NewPostgresStore(Options());
  EXPECT_THAT(store.status().ToString(), HasSubstr("another program"));
}

TEST_F(PostgresStoreTest, RefusesAUrlThatIsNone) {
  PostgresStoreOptions options = Options();
  options.url = "postgres://u:canary%zz@h/d";
  auto store = NewPostgresStore(options);
  EXPECT_EQ(ReasonOf(store.status()), Reason::kFieldInvalid);
  EXPECT_THAT(store.status().ToString(), Not(HasSubstr("canary")));
}

TEST_F(PostgresStoreTest, AServerThatIsNotThereIsAnErrorInTime) {
  PostgresStoreOptions options = Options();
  options.url = "postgres://u:canary@127.0.0.1:1/d";
  options.open_timeout = absl::Milliseconds(300);
  const absl::Time start = absl::Now();
  auto store = NewPostgresStore(options);
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_EQ(ReasonOf(store.status()), Reason::kStoreUnavailable);
  EXPECT_THAT(store.status().ToString(), HasSubstr("127.0.0.1:1/d"));
  EXPECT_THAT(store.status().ToString(), Not(HasSubstr("canary")));
}

TEST_F(PostgresStoreTest, TellsTheServersTime) {
  std::atomic<int> told = 0;
  std::atomic<int> wrong = 0;
  PostgresStoreOptions options = Options();
  options.on_time = [&](std::chrono::steady_clock::time_point sent,
                        std::chrono::steady_clock::time_point received,
                        absl::Time now) {
    ++told;
    // The server is on this machine.
    const absl::Duration age =
        absl::FromChrono(std::chrono::steady_clock::now() - sent);
    if (received < sent || now > absl::Now() + absl::Milliseconds(1) ||
        now < absl::Now() - age - absl::Milliseconds(1)) {
      ++wrong;
    }
  };
  auto store = Open(options);
  const int before = told;
  ASSERT_TRUE(PutApplication(*store, "a", "", 0).ok());
  EXPECT_GT(told, before);
  EXPECT_TRUE(sql::Eventually([&] { return told >= before + 4; }));
  EXPECT_EQ(wrong, 0);
}

TEST_F(PostgresStoreTest, KeepsFieldsOfANewerProgram) {
  auto store = Open();
  ASSERT_TRUE(PutApplication(*store, "a", "one").ok());
  // An unknown field, number 1000, of type string.
  Query("UPDATE applications SET record = record || '\\xc23e03616263'");
  ASSERT_TRUE(PutApplication(*store, "a", "two").ok());
  EXPECT_EQ(Query("SELECT position('\\xc23e03616263'::bytea in record) > 0 "
                  "FROM applications"),
            "t");
  EXPECT_EQ((*RunSync(store->GetApplication(AppName("a"))))->display_name,
            "two");
}

TEST_F(PostgresStoreTest, ADamagedRecordIsAnError) {
  auto store = Open();
  ASSERT_TRUE(PutApplication(*store, "a").ok());
  Query("UPDATE applications SET record = '\\xff'");
  const auto read = RunSync(store->GetApplication(AppName("a")));
  EXPECT_EQ(ReasonOf(read.status()), Reason::kStoreUnavailable);
  EXPECT_THAT(read.status().ToString(), HasSubstr("applications/a is damaged"));
}

TEST_F(PostgresStoreTest, AWriteLeavesAClaimThatItDidNotSee) {
  auto store = Open();
  PutBasics(*store);
  const RowKeys keys = ConnectionKey(ConnectionName("a", "c"));
  ASSERT_TRUE(RunSync(store->Update(keys, [](Rows& rows) {
                rows.connection->due_time = rows.now - absl::Seconds(1);
                return absl::OkStatus();
              })).ok());
  bool claimed = false;
  auto rows = RunSync(store->Update(keys, [&](Rows& given) {
    // Another replica comes in between.
    if (!std::exchange(claimed, true)) {
      EXPECT_EQ(RunSync(store->ClaimDue(1, absl::Hours(1), {}))->size(), 1u);
    }
    ++given.connection->generation;
    return absl::OkStatus();
  }));
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE(RunSync(store->ClaimDue(1, absl::Hours(1), {}))->empty());
}

TEST_F(PostgresStoreTest, AChangeThatChangesNothingWritesNothing) {
  auto store = Open();
  PutBasics(*store);
  const std::string before = Query("SELECT xmin FROM connections");
  ASSERT_TRUE(
      RunSync(store->Update(ConnectionKey(ConnectionName("a", "c")), [](Rows&) {
        return absl::OkStatus();
      })).ok());
  EXPECT_EQ(Query("SELECT xmin FROM connections"), before);
}

TEST_F(PostgresStoreTest, NoLockIsHeldWhileAChangeRuns) {
  auto store = Open();
  PutBasics(*store);
  int runs = 0;
  auto rows = RunSync(
      store->Update(ConnectionKey(ConnectionName("a", "c")), [&](Rows& given) {
        // Each of the first two times another has written in the meantime.
        if (++runs <= 2) {
          EXPECT_TRUE(Increment(*store).ok());
        }
        ++given.connection->generation;
        return absl::OkStatus();
      }));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(rows->connection->generation, 3);
}

TEST_F(PostgresStoreTest, AnotherWhoIsAlwaysFasterIsAnErrorInTime) {
  PostgresStoreOptions options = Options();
  options.write_timeout = absl::Milliseconds(200);
  auto store = Open(options);
  auto other = Open();
  PutBasics(*store);
  auto rows = RunSync(
      store->Update(ConnectionKey(ConnectionName("a", "c")), [&](Rows& given) {
        EXPECT_TRUE(Increment(*other).ok());
        ++given.connection->generation;
        return absl::OkStatus();
      }));
  EXPECT_EQ(ReasonOf(rows.status()), Reason::kStoreUnavailable);
}

TEST_F(PostgresStoreTest, OpensAtOnceWithAMillionRows) {
  {
    auto store = Open();
    PutBasics(*store);
  }
  Query(
      "INSERT INTO events (sequence, application, time, record) "
      "SELECT n, 'applications/a', n, '' FROM generate_series(1, 1000000) n; "
      "UPDATE outbox SET newest = 1000000");
  const absl::Time start = absl::Now();
  auto store = Open();
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  EXPECT_EQ(RunSync(store->GetEventRange())->newest, 1'000'000);
  ASSERT_TRUE(Increment(*store).ok());
}

}  // namespace
}  // namespace valetkey::store
