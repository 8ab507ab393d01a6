// Files that the store must refuse, with a message that helps.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"
#include "service/net/sql/sqlite.h"
#include "service/store/run_sync.h"
#include "service/store/sqlite/schema.h"
#include "service/store/sqlite/sqlite_store.h"
#include "service/store/sqlite/temp_folder.h"

namespace valetkey::store {
namespace {

using ::testing::HasSubstr;

absl::Status TryOpen(const std::string& path) {
  SqliteStoreOptions options;
  options.path = path;
  return NewSqliteStore(options).status();
}

void Execute(const std::string& path, const std::string& sql) {
  sql::SqliteOptions options;
  options.create = true;
  auto db = sql::Sqlite::Open(path, options);
  ASSERT_TRUE(db.ok()) << db.status();
  ASSERT_TRUE((*db)->Execute(sql.c_str()).ok());
}

TEST(SqliteDamage, RefusesWhatIsNoDatabase) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  std::ofstream(path) << std::string(5000, 'x');
  const absl::Status status = TryOpen(path);
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path + " is damaged"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("restore a backup"));
}

TEST(SqliteDamage, RefusesADamagedDatabase) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  ASSERT_TRUE(TryOpen(path).ok());
  {
    // The page of the events' index, or whatever is there: all but the header
    // and the schema.
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0, std::ios::end);
    const auto size = static_cast<std::size_t>(file.tellp());
    ASSERT_GT(size, 8 * 4096u);
    file.seekp(static_cast<std::streamoff>(size) - 6 * 4096);
    file << std::string(6 * 4096, '\x5a');
  }
  const absl::Status status = TryOpen(path);
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is damaged"));
}

TEST(SqliteDamage, RefusesANewerSchema) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  ASSERT_TRUE(TryOpen(path).ok());
  Execute(path, "INSERT INTO schema_version (version) VALUES (999)");
  const absl::Status status = TryOpen(path);
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 999"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer program"));
  Execute(path, "DELETE FROM schema_version WHERE version = 999");
  EXPECT_TRUE(TryOpen(path).ok());
}

TEST(SqliteDamage, RefusesTheDatabaseOfAnotherProgram) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  Execute(path, "CREATE TABLE bookmarks (url TEXT)");
  const absl::Status status = TryOpen(path);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another program"));
  // And leaves it as it was.
  auto db = sql::Sqlite::Open(path, {});
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM sqlite_schema"), 1);
}

// A migration that fails half-way leaves nothing of itself.
TEST(SqliteDamage, MigratesAllOrNothing) {
  TempFolder folder;
  const std::string path = folder.File("a.db");
  Execute(path,
          "CREATE TABLE schema_version (version INTEGER PRIMARY KEY);"
          "INSERT INTO schema_version (version) VALUES (0);"
          "CREATE TABLE events (already_there INTEGER)");
  EXPECT_FALSE(TryOpen(path).ok());
  auto db = sql::Sqlite::Open(path, {});
  EXPECT_EQ(*(*db)->QueryInt("SELECT count(*) FROM sqlite_schema"), 2);
  EXPECT_EQ(*(*db)->QueryInt("SELECT max(version) FROM schema_version"), 0);
}

TEST(SqliteDamage, SaysThatAFolderCannotBeWritten) {
  TempFolder folder;
  const std::string locked = folder.File("locked");
  ASSERT_EQ(mkdir(locked.c_str(), 0555), 0);
  // In a process of its own, which can cease to be root.
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 &&
        (chmod(folder.path().c_str(), 0755) != 0 || seteuid(65534) != 0)) {
      _exit(3);
    }
    const absl::Status status = TryOpen(locked + "/a.db");
    const bool right = ReasonOf(status) == Reason::kStoreUnavailable &&
                       absl::StrContains(status.message(), locked + "/a.db") &&
                       absl::StrContains(status.message(), "Permission denied");
    _exit(right ? 0 : 4);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFEXITED(result));
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

TEST(SqliteDamage, SaysThatAFolderIsAFile) {
  TempFolder folder;
  std::ofstream(folder.File("file")) << "x";
  const absl::Status status = TryOpen(folder.File("file/a.db"));
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder.File("file")));
}

}  // namespace
}  // namespace valetkey::store
