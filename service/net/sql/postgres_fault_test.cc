// What a server or the way to it may do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/log.h"
#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/net/http/test_certificates.h"
#include "service/net/sql/postgres.h"
#include "service/net/sql/testing/postgres_server.h"
#include "service/net/sql/testing/run.h"

namespace valetkey::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Results = absl::StatusOr<std::vector<PostgresResult>>;

class PostgresFaultTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << "no PostgreSQL here";
    SetLogSink([this](absl::string_view line) {
      MutexLock lock(mutex_);
      absl::StrAppend(&log_, line, "\n");
    });
  }
  ~PostgresFaultTest() override {
    pool_.reset();
    SetLogSink(nullptr);
  }

  void StartServer(PostgresServerOptions options = {}) {
    auto server = PostgresServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    Open(server_->Url("postgres"));
  }
  void Open(const std::string& url) {
    pool_.reset();
    auto parsed = ParsePostgresUrl(url);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    options_.url = *parsed;
    options_.max_backoff = absl::Milliseconds(100);
    options_.connections = 2;
    pool_ = std::make_unique<PostgresPool>(reactors_, options_);
  }
  Results Run(const std::string& text,
              absl::Duration timeout = absl::Seconds(10)) {
    return RunOn(reactors_.At(0).executor(), pool_->Run({{text, {}}}, timeout));
  }
  bool Works() { return Run("SELECT 1", absl::Seconds(2)).ok(); }
  absl::Status Connected(absl::Duration timeout = absl::Seconds(10)) {
    return RunOn(reactors_.At(0).executor(),
                 pool_->WaitUntilConnected(timeout));
  }
  std::string log() {
    MutexLock lock(mutex_);
    return log_;
  }

  Mutex mutex_;
  std::string log_ VK_GUARDED_BY(mutex_);
  std::unique_ptr<PostgresServer> server_;
  ReactorPool reactors_{2};
  PostgresOptions options_;
  std::unique_ptr<PostgresPool> pool_;
};

TEST_F(PostgresFaultTest, ComesBackAfterTheServerWasKilled) {
  StartServer();
  ASSERT_TRUE(Connected().ok());
  auto pending = asio::co_spawn(
      reactors_.At(1).executor(),
      pool_->Run({{"SELECT pg_sleep(5)::text", {}}}, absl::Seconds(10)),
      asio::use_future);
  absl::SleepFor(absl::Milliseconds(100));
  server_->Kill();
  const Results lost = pending.get();
  EXPECT_EQ(ReasonOf(lost.status()), Reason::kStoreUnavailable);
  EXPECT_FALSE(PostgresErrorOf(lost.status()).has_value()) << lost.status();
  const absl::Time start = absl::Now();
  const Results down = Run("SELECT 1");
  EXPECT_EQ(ReasonOf(down.status()), Reason::kStoreUnavailable);
  EXPECT_THAT(down.status().ToString(), HasSubstr(server_->folder()));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_TRUE(Eventually([&] { return Works(); }));
}

TEST_F(PostgresFaultTest, ATerminatedConnectionIsMadeAgain) {
  StartServer();
  ASSERT_TRUE(Connected().ok());
  ASSERT_TRUE(Eventually([&] { return pool_->connected() == 2; }));
  ASSERT_TRUE(server_
                  ->Query("postgres",
                          "SELECT count(pg_terminate_backend(pid)) FROM "
                          "pg_stat_activity WHERE application_name = "
                          "'valetkey'")
                  .ok());
  EXPECT_TRUE(Eventually([&] { return pool_->connects() >= 4; }));
  EXPECT_TRUE(Works());
}

TEST_F(PostgresFaultTest, AStoppedServerFailsCallsInTimeAndIsDropped) {
  options_.stall_timeout = absl::Milliseconds(500);
  options_.connect_timeout = absl::Milliseconds(500);
  StartServer();
  ASSERT_TRUE(Works());
  server_->Pause();
  const absl::Time start = absl::Now();
  EXPECT_FALSE(Run("SELECT 1", absl::Milliseconds(200)).ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  EXPECT_TRUE(Eventually([&] {
    Run("SELECT 1", absl::Milliseconds(50)).status().IgnoreError();
    return pool_->connected() == 0;
  }));
  server_->Resume();
  EXPECT_TRUE(Eventually([&] { return Works(); }));
}

TEST_F(PostgresFaultTest, AnIdleConnectionIsFoundToBeDead) {
  options_.stall_timeout = absl::Milliseconds(300);
  options_.ping_interval = absl::Milliseconds(100);
  options_.connect_timeout = absl::Milliseconds(300);
  StartServer();
  ASSERT_TRUE(Works());
  absl::SleepFor(absl::Seconds(1));
  EXPECT_TRUE(Works());  // pings alone do no harm
  server_->Pause();
  EXPECT_TRUE(Eventually([&] { return pool_->connected() == 0; }));
  server_->Resume();
  EXPECT_TRUE(Eventually([&] { return Works(); }));
}

TEST_F(PostgresFaultTest, AServerThatCannotBeWrittenToIsLeft) {
  StartServer();
  ASSERT_TRUE(Works());
  ASSERT_TRUE(server_->Query("postgres", "CREATE TABLE t (n bigint)").ok());
  // As a failover would have it: what is connected turns read-only, and what
  // connects finds it so.
  ASSERT_TRUE(Run("SET default_transaction_read_only = on").ok());
  ASSERT_TRUE(Run("SET default_transaction_read_only = on").ok());
  ASSERT_TRUE(server_
                  ->Query("postgres",
                          "ALTER DATABASE postgres SET "
                          "default_transaction_read_only = on")
                  .ok());
  EXPECT_TRUE(Eventually([&] {
    Run("INSERT INTO t VALUES (1)").status().IgnoreError();
    return pool_->connected() == 0;
  }));
  const Results refused = Run("SELECT 1");
  EXPECT_THAT(refused.status().ToString(), HasSubstr("read-only"));
  ASSERT_TRUE(server_
                  ->Query("template1",
                          "ALTER DATABASE postgres RESET "
                          "default_transaction_read_only")
                  .ok());
  EXPECT_TRUE(Eventually([&] { return Run("INSERT INTO t VALUES (1)").ok(); }));
}

TEST_F(PostgresFaultTest, AWrongPasswordIsRefusedAndNotRepeated) {
  StartServer({.tcp = true});
  Open(server_->TcpUrl("postgres", server_->password()));
  EXPECT_TRUE(Connected().ok());
  Open(server_->TcpUrl("postgres", "canary-4711"));
  const absl::Status status = Connected(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("password authentication failed"));
  EXPECT_THAT(status.ToString(),
              HasSubstr(absl::StrCat("127.0.0.1:", server_->port())));
  EXPECT_THAT(status.ToString() + log(), Not(HasSubstr("canary")));
}

TEST_F(PostgresFaultTest, TlsIsCheckedAsTheUrlSays) {
  TestAuthority authority;
  TestAuthority other;
  const TestCertificate certificate =
      authority.Issue("localhost", "DNS:localhost");
  StartServer({.tcp = true,
               .certificate = certificate.certificate_pem,
               .key = certificate.key_pem});
  const std::string ca = server_->folder() + "/ca.pem";
  const std::string other_ca = server_->folder() + "/other.pem";
  std::ofstream(ca) << authority.pem();
  std::ofstream(other_ca) << other.pem();
  auto url = [&](const char* host, const std::string& rest) {
    return absl::StrCat("postgres://valetkey:", server_->password(), "@", host,
                        ":", server_->port(), "/postgres?", rest);
  };
  Open(url("localhost", "sslmode=verify-full&sslrootcert=" + ca));
  EXPECT_TRUE(Connected().ok()) << Connected();
  auto results =
      Run("SELECT ssl::bool FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].Bool(0, 0));
  // Answers larger than what TLS and libpq take at a time.
  for (int i = 0; i < 20; ++i) {
    results = Run(absl::StrCat("SELECT repeat('x', ", 100'000 + i * 7919, ")"));
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_EQ((*results)[0].Text(0, 0).size(),
              static_cast<std::size_t>(100'000 + i * 7919));
  }
  Open(url("127.0.0.1", "sslmode=verify-full&sslrootcert=" + ca));
  EXPECT_FALSE(Connected(absl::Milliseconds(500)).ok());
  Open(url("localhost", "sslmode=verify-full&sslrootcert=" + other_ca));
  EXPECT_FALSE(Connected(absl::Milliseconds(500)).ok());
  Open(url("localhost", "sslmode=disable"));
  EXPECT_FALSE(Connected(absl::Milliseconds(500)).ok());
}

TEST_F(PostgresFaultTest, TheNextHostIsTriedAndNoHostIsAnError) {
  StartServer({.tcp = true});
  Open(absl::StrCat("postgres://valetkey:", server_->password(),
                    "@127.0.0.1:1,localhost:", server_->port(), "/postgres"));
  EXPECT_TRUE(Connected().ok()) << Connected();
  Open("postgres://u:canary@host.invalid/db");
  const absl::Status status = Connected(absl::Seconds(2));
  EXPECT_EQ(ReasonOf(status), Reason::kStoreUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("host.invalid"));
  EXPECT_THAT(status.ToString() + log(), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace valetkey::sql
