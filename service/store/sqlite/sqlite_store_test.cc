#include "service/store/sqlite/sqlite_store.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "service/net/sql/sqlite.h"
#include "service/store/sqlite/queries.h"
#include "service/store/sqlite/temp_folder.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<Store> MakeInFolder(const Clock& clock) {
  auto folder = std::make_shared<TempFolder>();
  SqliteStoreOptions options;
  options.path = folder->File("a.db");
  options.clock = &clock;
  auto store = NewSqliteStore(options);
  if (!store.ok()) {
    ADD_FAILURE() << store.status();
    return nullptr;
  }
  // The folder goes with the store, and after it.
  return {store->release(), [folder](Store* it) { delete it; }};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
                         testing::Values(StoreFactory{MakeInFolder}));

absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path) {
  SqliteStoreOptions options;
  options.path = path;
  return NewSqliteStore(options);
}

absl::Status PutApplication(Store& store, const std::string& id,
                            const std::string& display_name = "") {
  return RunSync(store.Update(ApplicationKey(AppName(id)),
                              [=](Rows& rows) {
                                rows.application.emplace();
                                rows.application->name = AppName(id);
                                rows.application->display_name = display_name;
                                rows.events.push_back(MakeEvent(id, "c"));
                                return absl::OkStatus();
                              }))
      .status();
}

// What a version without search has written is found: by its id and subject at
// once, and by all else when it next has new tokens.
TEST(SqliteStore, FindsWhatAnOlderVersionWrote) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  const std::string name = ConnectionName("a", "c-1");
  const auto put = [&](Store& store, const Change& change) {
    RowKeys keys;
    keys.application = AppName("a");
    keys.provider = ProviderName("a", "p");
    keys.connection = name;
    ASSERT_TRUE(RunSync(store.Update(keys, change)).ok());
  };
  {
    auto store = Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    put(**store, [&](Rows& rows) {
      rows.application.emplace().name = AppName("a");
      rows.provider.emplace().name = ProviderName("a", "p");
      rows.provider->application = AppName("a");
      rows.connection.emplace().name = name;
      rows.connection->application = AppName("a");
      rows.connection->provider = ProviderName("a", "p");
      rows.connection->subject = "User-1";
      rows.connection->account_display_name = "Ann";
      rows.connection->last_failure = Failure{.reason = "X"};
      rows.events = {MakeEvent("a", "c-1")};
      return absl::OkStatus();
    });
  }
  {
    auto db = sql::Sqlite::Open(path, {});
    ASSERT_TRUE((*db)
                    ->Execute("DROP TABLE connection_words;"
                              "DROP INDEX connections_by_health;"
                              "DROP INDEX connections_by_attention;"
                              "DROP INDEX events_by_connection;"
                              "ALTER TABLE connections DROP COLUMN ailing;"
                              "ALTER TABLE events DROP COLUMN connection;"
                              "CREATE INDEX connections_by_state "
                              "ON connections (state);"
                              "DROP TABLE definitions;"
                              "ALTER TABLE store "
                              "DROP COLUMN definitions_revision;"
                              "DELETE FROM schema_version WHERE version > 2;")
                    .ok());
  }
  auto store = Open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto found = [&](const ConnectionFilter& filter) {
    return RunSync((*store)->ListConnections(filter, "", 9))->items.size();
  };
  EXPECT_EQ(found({.words = {"c-1", "user-1"}}), 1u);
  EXPECT_EQ(found({.words = {"ann"}}), 0u);
  EXPECT_EQ(found({.needs_attention = true}), 0u);
  put(**store, [](Rows& rows) {
    ++rows.connection->generation;
    return absl::OkStatus();
  });
  EXPECT_EQ(found({.words = {"ann"}}), 1u);
  EXPECT_EQ(found({.needs_attention = true}), 1u);
  put(**store, [](Rows& rows) {
    rows.connection->last_failure.reset();
    return absl::OkStatus();
  });
  EXPECT_EQ(found({.needs_attention = true}), 0u);
  EXPECT_EQ(
      RunSync((*store)->ReadEventsBack({.application = AppName("a")}, 9, 9))
          ->size(),
      1u);
}

TEST(SqliteStore, KeepsAllWhenItIsOpenedAgain) {
  TempFolder folder;
  const std::string path = folder.File("deep/er/a.db");
  std::string id;
  {
    auto store = Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    id = (*store)->id();
    ASSERT_TRUE(PutApplication(**store, "a").ok());
    EXPECT_EQ(*RunSync((*store)->TrimEvents(absl::InfiniteFuture(), 0, 9)), 1);
    EXPECT_TRUE((*store)->exclusive());
  }
  auto store = Open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->id(), id);
  EXPECT_TRUE(RunSync((*store)->GetApplication(AppName("a")))->has_value());
  ASSERT_TRUE(PutApplication(**store, "b").ok());
  EXPECT_EQ(RunSync((*store)->GetEventRange())->oldest, 2);
}

TEST(SqliteStore, FilesAreTheOwnersAlone) {
  TempFolder folder;
  const std::string path = folder.File("made/a.db");
  const mode_t old = umask(0);
  auto store = Open(path);
  umask(old);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE(PutApplication(**store, "a").ok());
  auto mode = [](const std::string& file) {
    struct stat info = {};
    EXPECT_EQ(stat(file.c_str(), &info), 0) << file;
    return info.st_mode & 0777;
  };
  EXPECT_EQ(mode(folder.File("made")), 0700u);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    EXPECT_EQ(mode(path + suffix), 0600u) << suffix;
  }
}

TEST(SqliteStore, IsHeldByOneProcess) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  auto first = Open(path);
  ASSERT_TRUE(first.ok());
  auto second = Open(path);
  EXPECT_EQ(ReasonOf(second.status()), Reason::kStoreUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(path + ".lock"));
  first->reset();
  EXPECT_TRUE(Open(path).ok());
}

TEST(SqliteStore, GroupsUpdatesIntoCommits) {
  TempFolder folder;
  auto store = Open(folder.File("a.db"));
  ASSERT_TRUE(store.ok());
  const std::int64_t before = (*store)->commits();
  asio::io_context context(1);
  int done = 0;
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    asio::co_spawn(
        context,
        (*store)->Update(ApplicationKey(AppName("a")),
                         [i](Rows& rows) -> absl::Status {
                           if (i % 50 == 7) {
                             return MakeError(Reason::kEtagMismatch, "no");
                           }
                           rows.application.emplace();
                           rows.application->name = AppName("a");
                           rows.application->display_name = absl::StrCat(i);
                           return absl::OkStatus();
                         }),
        [&](std::exception_ptr, absl::StatusOr<Rows> rows) {
          rows.ok() ? ++done : ++refused;
        });
  }
  context.run();
  // Each has its own outcome, though they share few commits.
  EXPECT_EQ(done, 490);
  EXPECT_EQ(refused, 10);
  EXPECT_LT((*store)->commits() - before, 250);
  EXPECT_EQ((*RunSync((*store)->GetApplication(AppName("a"))))->revision, 490);
}

TEST(SqliteStore, FinishesWhatIsQueuedWhenItGoes) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  auto store = Open(path);
  ASSERT_TRUE(store.ok());
  asio::io_context context(1);
  int done = 0;
  for (int i = 0; i < 50; ++i) {
    asio::co_spawn(context,
                   (*store)->Update(ApplicationKey(AppName(absl::StrCat(i))),
                                    [i](Rows& rows) {
                                      rows.application.emplace();
                                      rows.application->name =
                                          AppName(absl::StrCat(i));
                                      return absl::OkStatus();
                                    }),
                   [&](std::exception_ptr, absl::StatusOr<Rows> rows) {
                     if (rows.ok()) ++done;
                   });
  }
  while (context.poll_one() > 0) {
  }
  store->reset();
  context.restart();
  context.run();
  EXPECT_EQ(done, 50);
  EXPECT_EQ(RunSync((*Open(path))->ListApplications("", 99))->items.size(),
            50u);
}

// A loop that goes with its coroutines leaves nothing behind that could run.
TEST(SqliteStore, CoroutinesMayBeDestroyedWhileTheyWait) {
  TempFolder folder;
  auto store = Open(folder.File("a.db"));
  ASSERT_TRUE(store.ok());
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    asio::io_context context(1);
    for (int i = 0; i < 10; ++i) {
      asio::co_spawn(context,
                     (*store)->Update(ApplicationKey(AppName("a")),
                                      [count = alive.get()](Rows&) {
                                        ++*count;
                                        return absl::OkStatus();
                                      }),
                     [](std::exception_ptr, absl::StatusOr<Rows>) {});
      asio::co_spawn(context, (*store)->GetApplication(AppName("a")),
                     [](std::exception_ptr,
                        absl::StatusOr<std::optional<Application>>) {});
    }
    for (int i = 0; i < round; ++i) context.poll_one();
  }
  EXPECT_TRUE(PutApplication(**store, "a").ok());
}

TEST(SqliteStore, ACallWaitsNoLongerThanItsTime) {
  TempFolder folder;
  SqliteStoreOptions options;
  options.path = folder.File("a.db");
  options.write_timeout = absl::Milliseconds(1);
  auto store = NewSqliteStore(options);
  ASSERT_TRUE(store.ok());
  // With so short a time a call may fail on a busy machine: it is repeated
  // until it has run.
  auto update_until_run = [&](const Change& change) {
    while (!RunSync((*store)->Update(RowKeys(), change)).ok()) {
    }
  };
  // Holds the writer until the second has given up.
  Mutex mutex;
  CondVar changed;
  bool running = false;
  bool release = false;
  std::thread first([&] {
    update_until_run([&](Rows&) {
      MutexLock lock(mutex);
      running = true;
      changed.SignalAll();
      while (!release) changed.Wait(mutex);
      return absl::OkStatus();
    });
  });
  {
    MutexLock lock(mutex);
    while (!running) changed.Wait(mutex);
  }
  bool ran = false;
  auto second = RunSync((*store)->Update(RowKeys(), [&](Rows&) {
    ran = true;
    return absl::OkStatus();
  }));
  EXPECT_EQ(ReasonOf(second.status()), Reason::kStoreUnavailable);
  {
    MutexLock lock(mutex);
    release = true;
    changed.SignalAll();
  }
  first.join();
  update_until_run([](Rows&) { return absl::OkStatus(); });
  EXPECT_FALSE(ran);
}

// The plan of ClaimDue reads the partial index and nothing else.
TEST(SqliteStore, LookingForWhatIsDueCostsWhatIsDue) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  ASSERT_TRUE(Open(path).ok());
  auto db = sql::Sqlite::Open(path, {});
  ASSERT_TRUE(db.ok());
  for (int without : {0, 2}) {
    auto plan =
        (*db)->Prepare(absl::StrCat("EXPLAIN QUERY PLAN ", DueSql(without)));
    ASSERT_TRUE(plan.ok());
    std::vector<std::string> steps;
    while (*plan->Step()) steps.emplace_back(plan->Text(3));
    EXPECT_THAT(steps, testing::ElementsAre(testing::AllOf(
                           HasSubstr("SEARCH"),
                           HasSubstr("COVERING INDEX connections_by_due_time"),
                           HasSubstr("due_time<?"))));
  }
}

// Lowers the size that files may have, which to SQLite is a disk that fails.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_ = {};
};

TEST(SqliteStore, HealsWhenTheDiskIsWellAgain) {
  TempFolder folder;
  auto store = Open(folder.File("a.db"));
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE(PutApplication(**store, "a", "old").ok());
  int heard = 0;
  (*store)->SetCommitListener([&](const auto&) { ++heard; });
  absl::Status failed;
  {
    // Room for the -shm file, not for what is to come in the log.
    FileSizeLimit limit(64 << 10);
    failed = PutApplication(**store, "a", std::string(100'000, 'x'));
    EXPECT_EQ(ReasonOf(failed), Reason::kStoreUnavailable) << failed;
    EXPECT_EQ(ReasonOf(RunSync((*store)->CheckWritable())),
              Reason::kStoreUnavailable);
    // What is there can be read all the while.
    EXPECT_EQ((*RunSync((*store)->GetApplication(AppName("a"))))->display_name,
              "old");
  }
  EXPECT_THAT(std::string(failed.message()), HasSubstr(folder.File("a.db")));
  EXPECT_EQ(heard, 0);
  EXPECT_TRUE(RunSync((*store)->CheckWritable()).ok());
  ASSERT_TRUE(PutApplication(**store, "a", "new").ok());
  EXPECT_EQ((*RunSync((*store)->GetApplication(AppName("a"))))->display_name,
            "new");
  EXPECT_EQ(heard, 1);
}

}  // namespace
}  // namespace valetkey::store
