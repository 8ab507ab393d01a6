#include "service/net/sql/postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/base/status.h"
#include "service/net/sql/testing/postgres_server.h"
#include "service/net/sql/testing/run.h"

namespace valetkey::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Results = absl::StatusOr<std::vector<PostgresResult>>;

class PostgresTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << "no PostgreSQL here";
    server_ = PostgresServer::Shared();
    ASSERT_NE(server_, nullptr);
    database_ = *server_->NewDatabase();
    options_.url = *ParsePostgresUrl(server_->Url(database_));
    options_.max_backoff = absl::Milliseconds(100);
  }

  PostgresPool& Pool() {
    if (pool_ == nullptr) {
      pool_ = std::make_unique<PostgresPool>(reactors_, options_);
    }
    return *pool_;
  }
  Results Run(std::vector<PostgresStatement> batch,
              absl::Duration timeout = absl::Seconds(10)) {
    return RunOn(caller_.At(0).executor(),
                 Pool().Run(std::move(batch), timeout));
  }
  // The SQLSTATE of what went wrong; "" if nothing did.
  std::string State(std::vector<PostgresStatement> batch) {
    const Results results = Run(std::move(batch));
    const auto error = PostgresErrorOf(results.status());
    return error ? error->sqlstate : std::string(results.status().message());
  }

  PostgresServer* server_ = nullptr;
  std::string database_;
  ReactorPool reactors_{2};
  ReactorPool caller_{1};
  PostgresOptions options_;
  std::unique_ptr<PostgresPool> pool_;
};

TEST_F(PostgresTest, TypesAndNulls) {
  const std::string bytes("\0\xff'\\", 4);
  auto results = Run(
      {{"SELECT $1::bigint, $2::text, $3::bytea, NULL, $4::bigint, "
        "($5::bigint[])[2], ($6::text[])[1], true, 7::smallint, -3::integer, "
        "cardinality($7::bigint[]), cardinality($8::text[])",
        {PostgresValue::Int(std::numeric_limits<std::int64_t>::min()),
         PostgresValue::Text("snow \xe2\x98\x83"), PostgresValue::Bytes(bytes),
         PostgresValue::Int(std::nullopt), PostgresValue::Ints({5, -6}),
         PostgresValue::Texts({"one", ""}), PostgresValue::Ints({}),
         PostgresValue::Texts({})}}});
  ASSERT_TRUE(results.ok()) << results.status();
  const PostgresResult& row = (*results)[0];
  ASSERT_EQ(row.rows(), 1);
  EXPECT_EQ(row.Int(0, 0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.Text(0, 1), "snow \xe2\x98\x83");
  EXPECT_EQ(row.Text(0, 2), bytes);
  EXPECT_TRUE(row.IsNull(0, 3));
  EXPECT_EQ(row.OptionalInt(0, 4), std::nullopt);
  EXPECT_EQ(row.Int(0, 5), -6);
  EXPECT_EQ(row.Text(0, 6), "one");
  EXPECT_TRUE(row.Bool(0, 7));
  EXPECT_EQ(row.OptionalInt(0, 8), 7);
  EXPECT_EQ(row.Int(0, 9), -3);
  EXPECT_EQ(row.Int(0, 10), 0);
  EXPECT_EQ(row.Int(0, 11), 0);
  EXPECT_LE(row.sent, row.received);
}

TEST_F(PostgresTest, ABatchIsDoneWhollyOrNotAtAll) {
  ASSERT_TRUE(Run({{"CREATE TABLE t (n bigint PRIMARY KEY)", {}, false},
                   {"INSERT INTO t VALUES (1), (2)", {}, false}})
                  .ok());
  auto failed = Run({{"INSERT INTO t VALUES (3)", {}},
                     {"INSERT INTO t VALUES (1)", {}},
                     {"INSERT INTO t VALUES (4)", {}}});
  auto error = PostgresErrorOf(failed.status());
  ASSERT_TRUE(error.has_value()) << failed.status();
  EXPECT_EQ(error->sqlstate, kUniqueViolation);
  EXPECT_EQ(error->constraint, "t_pkey");
  EXPECT_EQ(error->statement, 1);
  EXPECT_EQ(ReasonOf(failed.status()), Reason::kStoreUnavailable);
  auto results = Run(
      {{"UPDATE t SET n = n + 10", {}}, {"SELECT n FROM t ORDER BY n", {}}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].affected(), 2);
  ASSERT_EQ((*results)[1].rows(), 2);
  EXPECT_EQ((*results)[1].Int(0, 0), 11);
}

TEST_F(PostgresTest, TellsErrorsApartAndQuotesNoValue) {
  ASSERT_TRUE(
      Run({{"CREATE TABLE a (n text PRIMARY KEY)", {}, false},
           {"CREATE TABLE b (n text CONSTRAINT of_a REFERENCES a)", {}, false}})
          .ok());
  EXPECT_EQ(State({{"SELECT 1 / (SELECT 0)", {}}}), kDivisionByZero);
  auto failed =
      Run({{"INSERT INTO b VALUES ($1)", {PostgresValue::Text("canary")}}});
  EXPECT_EQ(PostgresErrorOf(failed.status())->sqlstate, kForeignKeyViolation);
  EXPECT_EQ(PostgresErrorOf(failed.status())->constraint, "of_a");
  failed = Run({{"SELECT $1::bigint", {PostgresValue::Text("canary")}}});
  EXPECT_EQ(PostgresErrorOf(failed.status())->sqlstate, "22P02")
      << failed.status();
  failed =
      Run({{"SELECT ($1::text)::bigint", {PostgresValue::Text("canary")}}});
  EXPECT_EQ(PostgresErrorOf(failed.status())->sqlstate, "22P02");
  EXPECT_THAT(failed.status().ToString(), Not(HasSubstr("canary")));
  EXPECT_THAT(failed.status().ToString(), HasSubstr(server_->folder()));
  // A statement that cannot be parsed, also for those behind it.
  EXPECT_EQ(State({{"SELECT 1", {}}, {"SELECT * FROM missing", {}}}), "42P01");
  EXPECT_EQ(State({{"SELECT * FROM missing", {}}}), "42P01");
  ASSERT_TRUE(Run({{"CREATE TABLE missing (n bigint)", {}, false}}).ok());
  EXPECT_EQ(State({{"SELECT * FROM missing", {}}}), "");
}

TEST_F(PostgresTest, AnEmptyBatchIsNothing) {
  auto results = Run({});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(results->empty());
}

TEST_F(PostgresTest, StatementsAreParsedOnceAndManyAreKept) {
  options_.connections = 1;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 300; ++i) {
      auto results = Run({{absl::StrCat("SELECT ", i, "::bigint"), {}}});
      ASSERT_TRUE(results.ok()) << results.status();
      ASSERT_EQ((*results)[0].Int(0, 0), i);
    }
  }
  auto results =
      Run({{"SELECT count(*) FROM pg_prepared_statements", {}, false}});
  EXPECT_EQ((*results)[0].Int(0, 0), 256);
}

Task<void> Add(PostgresPool& pool, std::atomic<int>& failures) {
  auto results = co_await pool.Run(
      {{"UPDATE t SET n = n + 1", {}}, {"SELECT n FROM t", {}}},
      absl::Seconds(30));
  if (!results.ok()) ++failures;
}

TEST_F(PostgresTest, ManyCallersShareConnections) {
  ASSERT_TRUE(Run({{"CREATE TABLE t (n bigint)", {}, false},
                   {"INSERT INTO t VALUES (0)", {}, false}})
                  .ok());
  std::atomic<int> failures = 0;
  TaskScope scope;
  for (int i = 0; i < 1000; ++i) {
    auto executor = i % 2 == 0 ? caller_.At(0).executor()
                               : reactors_.At(i / 2 % 2).executor();
    scope.Spawn(executor, "add", Add(Pool(), failures));
  }
  ASSERT_TRUE(scope.Join(absl::Seconds(60)));
  EXPECT_EQ(failures, 0);
  auto results = Run({{"SELECT n FROM t", {}}});
  EXPECT_EQ((*results)[0].Int(0, 0), 1000);
  EXPECT_EQ(Pool().connects(), 4);
}

TEST_F(PostgresTest, ABigBatchGoesBothWays) {
  options_.connections = 1;
  const std::string big(3 << 20, 'x');
  std::vector<PostgresStatement> batch;
  for (int i = 0; i < 8; ++i) {
    batch.push_back({"SELECT $1::text", {PostgresValue::Text(big)}});
  }
  auto results = Run(batch, absl::Seconds(60));
  ASSERT_TRUE(results.ok()) << results.status();
  for (const PostgresResult& result : *results) {
    EXPECT_EQ(result.Text(0, 0).size(), big.size());
  }
}

TEST_F(PostgresTest, TheServerEndsWhatTakesTooLong) {
  options_.statement_timeout = absl::Milliseconds(100);
  EXPECT_EQ(State({{"SELECT pg_sleep(5)::text", {}}}), kQueryCanceled);
}

TEST_F(PostgresTest, ACallEndsWithItsTimeAndTheConnectionGoesOn) {
  options_.connections = 1;
  ASSERT_TRUE(Run({{"SELECT 1", {}}}).ok());
  const absl::Time start = absl::Now();
  auto results =
      Run({{"SELECT pg_sleep(1)::text", {}}}, absl::Milliseconds(100));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(900));
  EXPECT_EQ(ReasonOf(results.status()), Reason::kStoreUnavailable);
  EXPECT_FALSE(PostgresErrorOf(results.status()).has_value());
  EXPECT_THAT(results.status().ToString(), HasSubstr("may have been done"));
  EXPECT_TRUE(Run({{"SELECT 1", {}}}).ok());
  EXPECT_EQ(Pool().connects(), 1);
}

Task<void> Keep(PostgresPool& pool, std::shared_ptr<Results> out) {
  *out = co_await pool.Run({{"SELECT pg_sleep(0.2)::text", {}}},
                           absl::Seconds(10));
}

TEST_F(PostgresTest, ACancelledTaskHasItsAnswer) {
  ASSERT_TRUE(Run({{"SELECT 1", {}}}).ok());
  auto out = std::make_shared<Results>(absl::UnknownError("open"));
  TaskScope scope;
  scope.Spawn(caller_.At(0).executor(), "keep", Keep(Pool(), out));
  absl::SleepFor(absl::Milliseconds(50));
  scope.Close();
  ASSERT_TRUE(scope.Join(absl::Seconds(20)));
  EXPECT_TRUE(out->ok()) << out->status();
}

TEST_F(PostgresTest, ACallersLoopMayGoWhileItWaits) {
  ASSERT_TRUE(Run({{"SELECT 1", {}}}).ok());
  {
    asio::io_context context(1);
    asio::co_spawn(
        context,
        Pool().Run({{"SELECT pg_sleep(0.1)::text", {}}}, absl::Seconds(5)),
        [](std::exception_ptr, Results) {});
    context.run_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(Run({{"SELECT pg_sleep(0.2)::text", {}}}).ok());
}

TEST_F(PostgresTest, TooManyCallsAreRefused) {
  options_.connections = 1;
  options_.max_in_flight = 3;
  ASSERT_TRUE(Run({{"SELECT 1", {}}}).ok());
  std::vector<std::future<Results>> calls;
  for (int i = 0; i < 6; ++i) {
    calls.push_back(asio::co_spawn(
        caller_.At(0).executor(),
        Pool().Run({{"SELECT pg_sleep(0.1)::text", {}}}, absl::Seconds(10)),
        asio::use_future));
  }
  int refused = 0;
  for (auto& call : calls) {
    const Results results = call.get();
    if (results.ok()) continue;
    ++refused;
    EXPECT_THAT(results.status().ToString(), HasSubstr("too many calls wait"));
    EXPECT_EQ(ReasonOf(results.status()), Reason::kStoreUnavailable);
  }
  EXPECT_EQ(refused, 3);
}

TEST_F(PostgresTest, SettingsAreTheConnections) {
  options_.settings = {{"enable_seqscan", "off"}};
  auto results =
      Run({{"SELECT current_setting('statement_timeout'), "
            "current_setting('lock_timeout'), "
            "current_setting('idle_in_transaction_session_timeout'), "
            "current_setting('application_name'), "
            "current_setting('enable_seqscan'), "
            "current_setting('transaction_isolation')",
            {}}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].Text(0, 0), "5s");
  EXPECT_EQ((*results)[0].Text(0, 1), "2s");
  EXPECT_EQ((*results)[0].Text(0, 2), "5s");
  EXPECT_EQ((*results)[0].Text(0, 3), "valetkey");
  EXPECT_EQ((*results)[0].Text(0, 4), "off");
  EXPECT_EQ((*results)[0].Text(0, 5), "read committed");
}

}  // namespace
}  // namespace valetkey::sql
