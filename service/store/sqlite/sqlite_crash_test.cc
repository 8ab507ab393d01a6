// kill -9 at random instants: every Update that was acknowledged is there, with
// its event, and none is there by half.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "service/store/sqlite/sqlite_store.h"
#include "service/store/sqlite/temp_folder.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

constexpr char kPathVariable[] = "VALETKEY_CRASH_TEST_DB";
constexpr int kWriters = 3;

// Thread i raises the number kept in application i, each time with an event,
// and reports each number that is committed.
void WriteUntilKilled(Store& store, int i) {
  const std::string name = AppName(absl::StrCat("w", i));
  for (;;) {
    auto rows = RunSync(store.Update(ApplicationKey(name), [&](Rows& given) {
      if (!given.application) {
        given.application.emplace();
        given.application->name = name;
        given.application->display_name = "0";
      }
      const int number = std::atoi(given.application->display_name.c_str());
      given.application->display_name = absl::StrCat(number + 1);
      given.events.push_back(MakeEvent(absl::StrCat("w", i), "c"));
      return absl::OkStatus();
    }));
    if (!rows.ok()) _exit(3);
    const std::string line =
        absl::StrCat(i, " ", rows->application->display_name, "\n");
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(4);
  }
}

// Not a test of its own: the process that is killed.
TEST(SqliteCrash, Child) {
  const char* path = std::getenv(kPathVariable);
  if (path == nullptr) return;  // run by the other test
  SqliteStoreOptions options;
  options.path = path;
  auto store = NewSqliteStore(options);
  if (!store.ok()) _exit(2);
  if (write(STDOUT_FILENO, "open\n", 5) < 0) _exit(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { WriteUntilKilled(**store, i); });
  }
  for (std::thread& thread : threads) thread.join();
}

// Starts the child; returns its id, and its output.
pid_t StartChild(const std::string& path, FILE** output) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv(kPathVariable, path.c_str(), 1);
    execl("/proc/self/exe", "child", "--gtest_filter=SqliteCrash.Child",
          nullptr);
    _exit(5);
  }
  close(ends[1]);
  *output = fdopen(ends[0], "r");
  return child;
}

TEST(SqliteCrash, LosesNothingThatWasAcknowledged) {
  if (std::getenv(kPathVariable) != nullptr) GTEST_SKIP();
  const auto seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 rng(seed);
  TempFolder folder;
  const std::string path = folder.File("a.db");
  int acknowledged[kWriters] = {};
  for (int round = 0; round < 8; ++round) {
    FILE* output = nullptr;
    const pid_t child = StartChild(path, &output);
    ASSERT_GT(child, 0);
    char line[256];
    bool open = false;
    while (!open && std::fgets(line, sizeof line, output) != nullptr) {
      open = std::strcmp(line, "open\n") == 0;
    }
    ASSERT_TRUE(open);
    std::this_thread::sleep_for(std::chrono::microseconds(rng() % 150'000));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int number = 0;
    int writer = 0;
    while (std::fgets(line, sizeof line, output) != nullptr) {
      if (std::sscanf(line, "%d %d\n", &writer, &number) == 2) {
        acknowledged[writer] = std::max(acknowledged[writer], number);
      }
    }
    std::fclose(output);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    SqliteStoreOptions options;
    options.path = path;
    auto store = NewSqliteStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    std::int64_t total = 0;
    for (int i = 0; i < kWriters; ++i) {
      auto row =
          RunSync((*store)->GetApplication(AppName(absl::StrCat("w", i))));
      ASSERT_TRUE(row.ok());
      const int kept = *row ? std::atoi((*row)->display_name.c_str()) : 0;
      EXPECT_GE(kept, acknowledged[i]);
      EXPECT_EQ(*row ? (*row)->revision : 0, kept);
      total += kept;
    }
    EXPECT_EQ(RunSync((*store)->GetEventRange())->newest, total);
  }
  EXPECT_GT(acknowledged[0], 0);
}

}  // namespace
}  // namespace valetkey::store
