// Against a real redis-server.

#include "service/net/redis/redis_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/async/reactor.h"
#include "service/base/log.h"
#include "service/base/mutex.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Reply = absl::StatusOr<RedisReply>;

// Everything that is logged while this lives.
class LogRecorder {
 public:
  LogRecorder() {
    SetLogSink([this](absl::string_view line) {
      MutexLock lock(mutex_);
      absl::StrAppend(&text_, line, "\n");
    });
  }
  ~LogRecorder() { SetLogSink(nullptr); }
  std::string text() const {
    MutexLock lock(mutex_);
    return text_;
  }

 private:
  mutable Mutex mutex_;
  std::string text_ VK_GUARDED_BY(mutex_);
};

class RealRedisClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
  }

  void StartServer(RedisServerOptions options = {}) {
    auto server = RedisServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  static RedisOptions Options(const std::string& url) {
    RedisOptions options;
    auto parsed = ParseRedisUrl(url);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    if (parsed.ok()) options.url = *std::move(parsed);
    options.max_backoff = absl::Milliseconds(200);
    return options;
  }

  std::unique_ptr<RedisClient> Connect(RedisOptions options) {
    auto client =
        std::make_unique<RedisClient>(reactor_.executor(), std::move(options));
    EXPECT_TRUE(Eventually([&] { return client->healthy(); }));
    return client;
  }
  std::unique_ptr<RedisClient> Connect(const std::string& url) {
    return Connect(Options(url));
  }

  Reply Command(RedisClient& client, std::vector<std::string> argv,
                absl::Duration limit = absl::Seconds(20)) {
    return RunOn(reactor_.executor(),
                 client.Command(std::move(argv), In(limit)));
  }

  void ExpectWorks(RedisClient& client) {
    const std::string value("\0\r\n$9\r\nbinary", 14);
    ASSERT_EQ(Command(client, {"SET", "k", value})->text, "OK");
    EXPECT_EQ(Command(client, {"GET", "k"})->text, value);
    EXPECT_TRUE(Command(client, {"GET", "other"})->is_nil());
    EXPECT_EQ(Command(client, {"DEL", "k"})->integer, 1);
    Reply error = Command(client, {"INCR"});
    ASSERT_TRUE(error.ok()) << error.status();
    EXPECT_TRUE(error->is_error());
  }

  // The client gets no further than this.
  void ExpectRefused(RedisOptions options, const std::string& logged) {
    LogRecorder log;
    {
      RedisClient client(reactor_.executor(), std::move(options));
      EXPECT_TRUE(Eventually([&] {
        return log.text().find(logged) != std::string::npos;
      })) << log.text();
      EXPECT_FALSE(client.healthy());
      EXPECT_EQ(Command(client, {"PING"}).status().code(),
                absl::StatusCode::kUnavailable);
    }
    EXPECT_THAT(log.text(), Not(HasSubstr("CANARY")));
  }

  Reactor reactor_{0};
  std::unique_ptr<RedisServer> server_;
};

TEST_F(RealRedisClientTest, UnixTcpAndTls) {
  StartServer({.tls = true});
  for (const std::string& url :
       {server_->UnixUrl(), server_->TcpUrl(), server_->TlsUrl(),
        absl::StrCat("redis://localhost:", server_->port())}) {
    SCOPED_TRACE(url);
    ExpectWorks(*Connect(url));
  }
}

TEST_F(RealRedisClientTest, TlsChecksWhoAnswers) {
  StartServer({.tls = true, .require_client_certificate = true});
  ExpectWorks(*Connect(server_->TlsUrl()));
  // An authority that did not sign the certificate: the system's.
  ExpectRefused(
      Options(absl::StrCat("rediss://localhost:", server_->tls_port())),
      "tls handshake");
  // Another name than the certificate's.
  ExpectRefused(Options(server_->TlsUrl() + "&server_name=other.example"),
                "tls handshake");
  // Without the client's certificate; in TLS 1.3 the server says so late.
  ExpectRefused(Options(absl::StrCat("rediss://localhost:", server_->tls_port(),
                                     "?ca=", server_->CaFile())),
                "redis not reachable");
  // A file that is not there.
  ExpectRefused(Options(absl::StrCat("rediss://localhost:", server_->tls_port(),
                                     "?ca=/no/such.pem")),
                "ca: ");
}

TEST_F(RealRedisClientTest, PasswordAndAclUser) {
  StartServer({.password = "CANARY-1",
               .acl_users = {"alice on >CANARY-2 ~* &* +@all",
                             "bob on >CANARY-3 ~* &* +get"}});
  const std::string unix_url = server_->UnixUrl();
  ExpectWorks(*Connect(unix_url + "?password=CANARY-1"));
  ExpectWorks(*Connect(unix_url + "?user=alice&password=CANARY-2"));
  ExpectWorks(*Connect(
      absl::StrCat("redis://alice:CANARY-2@127.0.0.1:", server_->port())));
  // Neither PING nor CLIENT are bob's to use.
  auto bob = Connect(unix_url + "?user=bob&password=CANARY-3");
  EXPECT_TRUE(Command(*bob, {"GET", "k"})->is_nil());
  EXPECT_EQ(ErrorCode(*Command(*bob, {"SET", "k", "v"})), "NOPERM");

  ExpectRefused(Options(unix_url), "NOAUTH");
  ExpectRefused(Options(unix_url + "?password=CANARY-4"), "WRONGPASS");
  ExpectRefused(Options(unix_url + "?user=carol&password=CANARY-1"),
                "WRONGPASS");
}

TEST_F(RealRedisClientTest, SelectsTheDatabaseAndSetsItsName) {
  StartServer();
  auto client = Connect(server_->TcpUrl() + "/5");
  ASSERT_TRUE(Command(*client, {"SET", "k", "in five"}).ok());
  EXPECT_EQ(*server_->Cli({"-n", "5", "GET", "k"}), "in five\n");
  EXPECT_EQ(Command(*client, {"CLIENT", "GETNAME"})->text, "valetkey");
  ExpectRefused(Options(server_->TcpUrl() + "/999"), "out of range");
}

TEST_F(RealRedisClientTest, DownFailsAtOnceAndComesBackByItself) {
  StartServer();
  auto client = Connect(server_->UnixUrl());
  server_->Kill();
  ASSERT_TRUE(Eventually([&] { return !client->healthy(); }));
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(Command(*client, {"PING"}).status().code(),
              absl::StatusCode::kUnavailable);
  }
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(Eventually([&] { return client->healthy(); }));
  ExpectWorks(*client);
  EXPECT_EQ(client->connects(), 2);
}

TEST_F(RealRedisClientTest, StartsBeforeTheServer) {
  StartServer();
  server_->Kill();
  RedisClient client(reactor_.executor(), Options(server_->TcpUrl()));
  EXPECT_EQ(Command(client, {"PING"}).status().code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  ExpectWorks(client);
}

TEST_F(RealRedisClientTest, TenThousandInOnePipelineKeepTheirOrder) {
  StartServer();
  for (const std::string& url : {server_->UnixUrl(), server_->TcpUrl()}) {
    auto client = Connect(url);
    std::vector<std::vector<std::string>> commands;
    for (int i = 0; i < 10000; ++i) {
      commands.push_back({"ECHO", absl::StrCat("value ", i)});
    }
    auto replies =
        RunOn(reactor_.executor(),
              client->Pipeline(std::move(commands), In(absl::Seconds(60))));
    ASSERT_TRUE(replies.ok()) << replies.status();
    ASSERT_EQ(replies->size(), 10000u);
    for (int i = 0; i < 10000; ++i) {
      ASSERT_EQ((*replies)[i].text, absl::StrCat("value ", i));
    }
  }
  auto client = Connect(server_->UnixUrl());
  auto none =
      RunOn(reactor_.executor(), client->Pipeline({}, In(absl::Seconds(9))));
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

TEST_F(RealRedisClientTest, ASlowCommandDoesNotShiftTheReplies) {
  StartServer();
  auto client = Connect(server_->UnixUrl());
  const absl::Time start = absl::Now();
  Reply slow =
      Command(*client, {"DEBUG", "SLEEP", "0.5"}, absl::Milliseconds(50));
  EXPECT_EQ(slow.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(450));
  EXPECT_EQ(Command(*client, {"ECHO", "mine"})->text, "mine");
  EXPECT_EQ(client->connects(), 1);
  EXPECT_EQ(Command(*client, {"PING"}, absl::ZeroDuration()).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RealRedisClientTest, AStoppedServerIsNoticedAndForgiven) {
  StartServer();
  RedisOptions options = Options(server_->TcpUrl());
  options.stall_timeout = absl::Milliseconds(400);
  options.connect_timeout = absl::Milliseconds(300);
  auto client = Connect(options);
  server_->Pause();
  const absl::Time start = absl::Now();
  EXPECT_EQ(Command(*client, {"PING"}, absl::Milliseconds(100)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(390));
  // Half-open: dropped although nobody waits any more.
  ASSERT_TRUE(Eventually([&] { return !client->healthy(); }));
  EXPECT_EQ(Command(*client, {"PING"}).status().code(),
            absl::StatusCode::kUnavailable);
  server_->Resume();
  ASSERT_TRUE(Eventually([&] { return client->healthy(); }));
  EXPECT_EQ(Command(*client, {"ECHO", "mine"})->text, "mine");
}

TEST_F(RealRedisClientTest, AnIdleConnectionIsTried) {
  StartServer();
  RedisOptions options = Options(server_->UnixUrl());
  options.stall_timeout = absl::Milliseconds(200);
  options.ping_interval = absl::Milliseconds(100);
  options.connect_timeout = absl::Milliseconds(300);
  auto client = Connect(options);
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_EQ(client->connects(), 1);
  server_->Pause();
  EXPECT_TRUE(Eventually([&] { return !client->healthy(); }));
  server_->Resume();
  EXPECT_TRUE(Eventually([&] { return client->healthy(); }));
}

TEST_F(RealRedisClientTest, WhatIsInFlightIsBounded) {
  StartServer();
  RedisOptions options = Options(server_->UnixUrl());
  options.max_in_flight = 10;
  auto client = Connect(options);
  server_->Pause();
  std::vector<std::vector<std::string>> commands(10, {"PING"});
  auto first = asio::co_spawn(reactor_.executor(),
                              client->Pipeline(commands, In(absl::Seconds(2))),
                              asio::use_future);
  EXPECT_EQ(Command(*client, {"PING"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  server_->Resume();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(Command(*client, {"PING"}).ok());
}

TEST_F(RealRedisClientTest, LargeValuesAndTheirLimit) {
  StartServer();
  RedisOptions options = Options(server_->UnixUrl());
  options.limits.max_reply_bytes = 8 << 20;
  auto client = Connect(options);
  std::string large(7 << 20, 'x');
  large[1000000] = '\n';
  ASSERT_TRUE(Command(*client, {"SET", "large", large}).ok());
  Reply read = Command(*client, {"GET", "large"});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->text == large);
  ASSERT_TRUE(Command(*client, {"APPEND", "large", large}).ok());
  EXPECT_EQ(Command(*client, {"GET", "large"}).status().code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(Eventually([&] { return client->healthy(); }));
  EXPECT_TRUE(Command(*client, {"PING"}).ok());
}

Task<void> KeepReply(RedisClient& client, std::vector<std::string> argv,
                     Reply* reply) {
  *reply = co_await client.Command(std::move(argv), In(absl::Seconds(60)));
}

TEST_F(RealRedisClientTest, ACancelledWaiterKeepsThePipelineInOrder) {
  StartServer();
  auto client = Connect(server_->UnixUrl());
  server_->Pause();
  Reply reply = RedisReply();
  {
    TaskScope scope;
    scope.Spawn(reactor_.executor(), "waiter",
                KeepReply(*client, {"ECHO", "nobody's"}, &reply));
    // A turn of the loop later it waits.
    asio::post(reactor_.executor(), asio::use_future).get();
    scope.Close();
    EXPECT_TRUE(scope.Join(absl::Seconds(20)));
  }
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
  server_->Resume();
  EXPECT_EQ(Command(*client, {"ECHO", "mine"})->text, "mine");
  EXPECT_EQ(client->connects(), 1);
}

TEST_F(RealRedisClientTest, ClosingFailsWhoWaits) {
  StartServer();
  auto client = Connect(server_->UnixUrl());
  server_->Pause();
  Reply reply = RedisReply();
  TaskScope scope;
  scope.Spawn(reactor_.executor(), "waiter",
              KeepReply(*client, {"PING"}, &reply));
  asio::post(reactor_.executor(), asio::use_future).get();
  client.reset();
  ASSERT_TRUE(scope.Join(absl::Seconds(20)));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
  server_->Resume();
}

struct Load {
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::atomic<int> mismatched{0};
};

Task<void> EchoUntilStopped(RedisClient& client, int id, Load* load) {
  for (int i = 0; !load->stop; ++i) {
    const std::string value = absl::StrCat(id, "/", i);
    std::vector<std::string> argv = {"ECHO", value};
    Reply reply =
        co_await client.Command(std::move(argv), In(absl::Milliseconds(100)));
    if (!reply.ok()) {
      ++load->failed;
      co_await SleepFor(absl::Milliseconds(1));
    } else if (reply->text == value) {
      ++load->answered;
    } else {
      ++load->mismatched;
    }
  }
}

TEST_F(RealRedisClientTest, KilledStoppedAndRestartedUnderLoad) {
  StartServer();
  RedisOptions options = Options(server_->UnixUrl());
  options.stall_timeout = absl::Milliseconds(300);
  options.connect_timeout = absl::Milliseconds(300);
  auto client = Connect(options);
  Load load;
  TaskScope scope;
  for (int id = 0; id < 50; ++id) {
    scope.Spawn(reactor_.executor(), "load",
                EchoUntilStopped(*client, id, &load));
  }
  for (int round = 0; round < 5; ++round) {
    const int before = load.answered;
    ASSERT_TRUE(Eventually([&] { return load.answered > before + 500; }));
    const int failed = load.failed;
    if (round % 2 == 0) {
      server_->Kill();
      ASSERT_TRUE(Eventually([&] { return load.failed > failed; }));
      ASSERT_TRUE(server_->Restart().ok());
    } else {
      // Long enough for deadlines, too short to be dropped.
      server_->Pause();
      ASSERT_TRUE(Eventually([&] { return load.failed > failed; }));
      server_->Resume();
    }
  }
  const int before = load.answered;
  EXPECT_TRUE(Eventually([&] { return load.answered > before + 500; }));
  load.stop = true;
  EXPECT_TRUE(scope.Join(absl::Seconds(20)));
  EXPECT_EQ(load.mismatched, 0);
}

}  // namespace
}  // namespace valetkey::redis
