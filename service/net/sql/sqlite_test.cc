#include "service/net/sql/sqlite.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "service/base/status.h"

namespace valetkey::sql {
namespace {

class SqliteTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "valetkey-sql-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/test.db";
    SqliteOptions options;
    options.create = true;
    auto db = Sqlite::Open(path_, options);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = *std::move(db);
    ASSERT_TRUE(
        db_->Execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB, "
                     "c INTEGER) STRICT")
            .ok());
  }
  void TearDown() override {
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;
  std::string path_;
  std::unique_ptr<Sqlite> db_;
};

TEST_F(SqliteTest, BindsAndReadsEveryType) {
  const std::string bytes("\0\xff\0x", 4);
  {
    auto insert = db_->Prepare("INSERT INTO t (a, b, c) VALUES (?1, ?2, ?3)");
    ASSERT_TRUE(insert.ok()) << insert.status();
    insert->BindText(1, "text");
    insert->BindBlob(2, bytes);
    insert->BindInt(3, std::int64_t{-5});
    ASSERT_TRUE(insert->Run().ok());
    insert->Reset();
    insert->BindText(1, "");
    insert->BindBlob(2, "");
    insert->BindInt(3, std::nullopt);
    ASSERT_TRUE(insert->Run().ok());
  }
  EXPECT_EQ(db_->last_insert_id(), 2);
  EXPECT_EQ(db_->changes(), 1);
  auto select = db_->Prepare("SELECT a, b, c FROM t ORDER BY id");
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Text(0), "text");
  EXPECT_EQ(select->Blob(1), bytes);
  EXPECT_EQ(select->Int(2), -5);
  ASSERT_TRUE(*select->Step());
  EXPECT_FALSE(select->IsNull(0));
  EXPECT_FALSE(select->IsNull(1));
  EXPECT_TRUE(select->IsNull(2));
  EXPECT_EQ(select->Blob(1), "");
  EXPECT_FALSE(*select->Step());
}

TEST_F(SqliteTest, AStatementIsUsedByOneAtATime) {
  auto first = db_->Prepare("SELECT 1 UNION SELECT 2");
  ASSERT_TRUE(*first->Step());
  EXPECT_FALSE(db_->Prepare("SELECT 1 UNION SELECT 2").ok());
  ASSERT_TRUE(*first->Step());
  EXPECT_EQ(first->Int(0), 2);
}

TEST_F(SqliteTest, TellsOurFaultsFromTheDisks) {
  EXPECT_EQ(ReasonOf(db_->Prepare("SELEC").status()), Reason::kInternalFault);
  auto insert = db_->Prepare("INSERT INTO t (id, a) VALUES (1, ?1)");
  insert->BindText(1, "canary-secret");
  ASSERT_TRUE(insert->Run().ok());
  insert->Reset();
  insert->BindText(1, "canary-secret");
  const absl::Status again = insert->Run();
  EXPECT_EQ(ReasonOf(again), Reason::kInternalFault);
  EXPECT_EQ(again.message().find("canary"), std::string::npos);
  EXPECT_NE(again.message().find(path_), std::string::npos);
  EXPECT_FALSE(db_->suspect());
  auto missing = Sqlite::Open(folder_ + "/none/x.db", {});
  EXPECT_EQ(ReasonOf(missing.status()), Reason::kStoreUnavailable);
}

TEST_F(SqliteTest, AFullDiskIsUnavailable) {
  ASSERT_TRUE(db_->Execute("PRAGMA max_page_count = 4").ok());
  const absl::Status full =
      db_->Execute("INSERT INTO t (b) VALUES (zeroblob(100000))");
  EXPECT_EQ(ReasonOf(full), Reason::kStoreUnavailable);
  EXPECT_FALSE(db_->suspect());
  ASSERT_TRUE(db_->Execute("PRAGMA max_page_count = 1000").ok());
  EXPECT_TRUE(db_->Execute("INSERT INTO t (b) VALUES (zeroblob(99))").ok());
}

TEST_F(SqliteTest, AReaderCannotWrite) {
  SqliteOptions options;
  options.read_only = true;
  auto reader = Sqlite::Open(path_, options);
  ASSERT_TRUE(reader.ok());
  EXPECT_FALSE((*reader)->Execute("DELETE FROM t").ok());
  EXPECT_EQ(*(*reader)->QueryInt("SELECT count(*) FROM t"), 0);
}

TEST_F(SqliteTest, KnowsWhetherItIsInATransaction) {
  EXPECT_FALSE(db_->InTransaction());
  ASSERT_TRUE(db_->Execute("BEGIN").ok());
  EXPECT_TRUE(db_->InTransaction());
  ASSERT_TRUE(db_->Execute("ROLLBACK").ok());
  EXPECT_FALSE(db_->InTransaction());
}

}  // namespace
}  // namespace valetkey::sql
