// A master that sentinels choose, with real servers and sentinels.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/net/redis/redis_subscriber.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/redis_topology.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

RedisOptions OptionsFor(const std::string& url) {
  RedisOptions options;
  options.url = *ParseRedisUrl(url);
  options.max_backoff = absl::Milliseconds(200);
  options.ping_interval = absl::Milliseconds(200);
  return options;
}

bool IsSet(ReactorPool& reactors, RedisClientPool& pool, int reactor,
           const std::string& value) {
  auto reply = RunOn(reactors.At(reactor).executor(),
                     pool.Command({"SET", "k", value}, In(absl::Seconds(5))));
  return reply.ok() && reply->text == "OK";
}

std::string Clients(RedisServer& server) {
  return server.Cli({"CLIENT", "LIST"}).value_or("");
}

void FailOver(RedisTopologyOptions topology) {
  if (!RedisServer::Installed()) {
    GTEST_SKIP() << "redis-server is not installed";
  }
  auto setup = SentinelSetup::Start(std::move(topology));
  ASSERT_TRUE(setup.ok()) << setup.status();
  SentinelSetup& redis = **setup;
  ReactorPool reactors(2);
  const RedisOptions options = OptionsFor(redis.Url());
  RedisClientPool pool(reactors, options);
  std::atomic<int> subscribed{0}, heard{0};
  SubscriberCallbacks callbacks;
  callbacks.on_subscribed = [&] { ++subscribed; };
  callbacks.on_lost = [] {};
  callbacks.on_message = [&](std::string, std::string) { ++heard; };
  RedisSubscriber subscriber(reactors.At(0).executor(), options, {"c"},
                             callbacks);
  ASSERT_TRUE(
      Eventually([&] { return pool.connected() == 2 && subscribed == 1; }));
  ASSERT_EQ(redis.Master(), 0);
  for (int i : {0, 1}) EXPECT_TRUE(IsSet(reactors, pool, i, "before"));
  auto find = [&] {
    return RunOn(reactors.At(0).executor(),
                 pool.FindIncarnation(In(absl::Seconds(5))));
  };
  const auto before = find();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(find()->id, before->id);
  EXPECT_EQ(find()->epoch, before->epoch);

  redis.server(0).Kill();
  ASSERT_TRUE(Eventually([&] { return !pool.healthy(); }));
  ASSERT_TRUE(Eventually([&] { return redis.Master() == 1; }));
  const absl::Time switched = absl::Now();
  for (int i : {0, 1}) {
    EXPECT_TRUE(Eventually([&] { return IsSet(reactors, pool, i, "after"); }));
  }
  EXPECT_LT(absl::Now() - switched, absl::Seconds(5));
  EXPECT_NE(pool.epoch(), before->epoch);
  ASSERT_TRUE(Eventually([&] { return pool.connected() == 2; }));
  const auto after = find();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(after->id, before->id);
  ASSERT_TRUE(Eventually([&] { return subscribed == 2; }));
  ASSERT_TRUE(redis.server(1).Cli({"PUBLISH", "c", "m"}).ok());
  EXPECT_TRUE(Eventually([&] { return heard == 1; }));

  // The old one comes back believing that it is a master.
  ASSERT_TRUE(redis.server(0).Restart().ok());
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(IsSet(reactors, pool, i % 2, "later"));
  }
  EXPECT_EQ(redis.server(1).Cli({"GET", "k"}).value_or(""), "later\n");
  EXPECT_FALSE(absl::StrContains(Clients(redis.server(0)), "name=valetkey"));
  EXPECT_EQ(find()->id, after->id);
}

TEST(RealSentinelTest, FailsOverWithPasswords) {
  FailOver({.password = "server-secret", .sentinel_password = "other-secret"});
}

// With no more rights than are needed.
TEST(RealSentinelTest, FailsOverWithTlsAndAnAclUser) {
  FailOver({.tls = true,
            .user_info = "valetkey:secret",
            .acl_user = "valetkey on >secret ~* &* +ping +client|setname +role "
                        "+info +set +subscribe"});
}

// One sentinel that does nothing but name one server or the other.
class RealNamedMasterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
    for (auto* server : {&first_, &second_, &sentinel_}) {
      RedisServerOptions options;
      options.sentinel = server == &sentinel_;
      auto started = RedisServer::Start(std::move(options));
      ASSERT_TRUE(started.ok()) << started.status();
      *server = *std::move(started);
    }
    Name(*first_);
    // Where nobody listens, and then the right one.
    url_ = absl::StrCat("redis+sentinel://127.0.0.1:1,127.0.0.1:",
                        sentinel_->port(), "/tokens/3");
  }
  void Name(RedisServer& server) {
    (void)sentinel_->Cli({"SENTINEL", "REMOVE", "tokens"});
    ASSERT_EQ(sentinel_
                  ->Cli({"SENTINEL", "MONITOR", "tokens", "127.0.0.1",
                         absl::StrCat(server.port()), "1"})
                  .value_or(""),
              "OK\n");
    (void)sentinel_->Cli(
        {"SENTINEL", "SET", "tokens", "down-after-milliseconds", "600000"});
  }
  absl::StatusOr<RedisReply> Set(RedisClient& client) {
    return RunOn(reactor_.executor(),
                 client.Command({"SET", "k", "v"}, In(absl::Seconds(5))));
  }

  std::unique_ptr<RedisServer> first_, second_, sentinel_;
  std::string url_;
  Reactor reactor_{0};
};

TEST_F(RealNamedMasterTest, GoesWhereTheSentinelsSay) {
  url_ = absl::StrCat("redis+sentinel://127.0.0.1:", sentinel_->port(),
                      "/tokens/3");
  RedisClient client(reactor_.executor(), OptionsFor(url_));
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  ASSERT_TRUE(Set(client).ok());
  EXPECT_EQ(first_->Cli({"-n", "3", "GET", "k"}).value_or(""), "v\n");
  // As when the old master was cut off from the sentinels, but not from us.
  Name(*second_);
  ASSERT_TRUE(Eventually([&] { return client.connects() == 2; }));
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  ASSERT_TRUE(Set(client).ok());
  EXPECT_EQ(second_->Cli({"-n", "3", "GET", "k"}).value_or(""), "v\n");
  EXPECT_FALSE(absl::StrContains(Clients(*first_), "name=valetkey"));
}

TEST_F(RealNamedMasterTest, ReadOnlyEndsTheConnection) {
  RedisOptions options = OptionsFor(url_);
  options.ping_interval = absl::Minutes(10);  // nothing but the answer tells
  RedisClient client(reactor_.executor(), options);
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  ASSERT_TRUE(first_->Cli({"REPLICAOF", "127.0.0.1", "1"}).ok());
  auto reply = Set(client);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ErrorCode(*reply), "READONLY");
  ASSERT_TRUE(Eventually([&] { return !client.healthy(); }));
  absl::SleepFor(absl::Milliseconds(300));  // it is asked, and refused by ROLE
  EXPECT_FALSE(client.healthy());
  EXPECT_EQ(client.connects(), 1);
  ASSERT_TRUE(first_->Cli({"REPLICAOF", "NO", "ONE"}).ok());
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  EXPECT_EQ(Set(client)->text, "OK");
  // From within a script too.
  ASSERT_TRUE(first_->Cli({"REPLICAOF", "127.0.0.1", "1"}).ok());
  (void)RunOn(reactor_.executor(),
              client.Command(
                  {"EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "k"},
                  In(absl::Seconds(5))));
  EXPECT_TRUE(Eventually([&] { return !client.healthy(); }));
}

TEST_F(RealNamedMasterTest, AnIdleConnectionNoticesTheChangeOfRole) {
  RedisClient client(reactor_.executor(), OptionsFor(url_));
  ASSERT_TRUE(Eventually([&] { return client.healthy(); }));
  ASSERT_TRUE(first_->Cli({"REPLICAOF", "127.0.0.1", "1"}).ok());
  EXPECT_TRUE(Eventually([&] { return !client.healthy(); }));
}

TEST_F(RealNamedMasterTest, AnUnknownNameIsUnavailable) {
  const std::string url =
      absl::StrCat("redis+sentinel://127.0.0.1:", sentinel_->port(), "/others");
  RedisClient client(reactor_.executor(), OptionsFor(url));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_FALSE(client.healthy());
  EXPECT_EQ(Set(client).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace valetkey::redis
