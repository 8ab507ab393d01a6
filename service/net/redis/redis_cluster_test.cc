// A pool and a subscriber with a real cluster.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/net/redis/cluster_slots.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/net/redis/redis_subscriber.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/redis_topology.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

class RealClusterTest : public ::testing::Test {
 protected:
  void Start(RedisTopologyOptions topology) {
    auto cluster = ClusterSetup::Start(std::move(topology));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    options_.url = *ParseRedisUrl(cluster_->Url());
    options_.max_backoff = absl::Milliseconds(200);
    options_.ping_interval = absl::Milliseconds(500);
    pool_ = std::make_unique<RedisClientPool>(reactors_, options_);
    ASSERT_TRUE(Eventually([&] { return pool_->connected() == 2; }));
  }
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
  }
  // From a thread that is none of the pool's.
  absl::StatusOr<RedisReply> Command(std::vector<std::string> argv) {
    return RunOn(outside_.executor(),
                 pool_->Command(std::move(argv), In(absl::Seconds(10))));
  }
  std::string Text(std::vector<std::string> argv) {
    auto reply = Command(std::move(argv));
    return reply.ok() ? reply->text : reply.status().ToString();
  }
  absl::StatusOr<RedisClientPool::Incarnation> Find() {
    return RunOn(outside_.executor(),
                 pool_->FindIncarnation(In(absl::Seconds(5))));
  }
  std::string Stable() {
    absl::StatusOr<RedisClientPool::Incarnation> found;
    EXPECT_TRUE(Eventually([&] {
      found = Find();
      return found.ok();
    })) << found.status();
    return found.ok() ? found->id : "";
  }

  std::unique_ptr<ClusterSetup> cluster_;
  ReactorPool reactors_{2};
  Reactor outside_{99};
  RedisOptions options_;
  std::unique_ptr<RedisClientPool> pool_;
};

// A key of each number, in slots all over the cluster.
std::string Key(int i) { return absl::StrCat("key-", i); }

// Writes and reads keys of one slot until told to stop; counts what went wrong.
Task<void> Load(RedisClientPool& pool, std::string tag, int id,
                std::atomic<bool>& stop, std::atomic<int>& done,
                std::atomic<int>& wrong) {
  for (int i = 0; !stop; ++i) {
    // Old keys again and again, and new ones.
    const std::string key = absl::StrCat("{", tag, "}:", id, ":", i % 50);
    const std::string value = absl::StrCat(i);
    std::vector<std::string> set = {"SET", key, value};
    auto stored = co_await pool.Command(std::move(set), In(absl::Seconds(10)));
    if (!stored.ok() || stored->text != "OK") ++wrong;
    std::vector<std::string> get = {"GET", key};
    std::vector<std::vector<std::string>> twice = {get, get};
    auto kept = co_await pool.Pipeline(std::move(twice), In(absl::Seconds(10)));
    if (!kept.ok() || (*kept)[0].text != value || (*kept)[1].text != value) {
      ++wrong;
    }
    ++done;
  }
}

int ErrorsOf(ClusterSetup& cluster, const std::string& code) {
  int count = 0;
  for (int i = 0; i < 3; ++i) {
    const std::string stats = cluster.Cli(i, {"INFO", "errorstats"});
    const std::string name = absl::StrCat("errorstat_", code, ":count=");
    const std::size_t at = stats.find(name);
    if (at != std::string::npos) {
      count += std::stoi(stats.substr(at + name.size()));
    }
  }
  return count;
}

TEST_F(RealClusterTest, RoutesFollowsAndSurvives) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  // Keys of all nodes in one pipeline, the replies in order.
  std::vector<std::vector<std::string>> sets, gets;
  for (int i = 0; i < 1000; ++i) {
    sets.push_back({"SET", Key(i), absl::StrCat(i)});
    gets.push_back({"GET", Key(i)});
  }
  auto stored = RunOn(reactors_.At(0).executor(),
                      pool_->Pipeline(std::move(sets), In(absl::Seconds(10))));
  ASSERT_TRUE(stored.ok()) << stored.status();
  auto kept = RunOn(outside_.executor(),
                    pool_->Pipeline(std::move(gets), In(absl::Seconds(10))));
  ASSERT_TRUE(kept.ok()) << kept.status();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ((*kept)[static_cast<std::size_t>(i)].text, absl::StrCat(i));
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_GT(std::stoi(cluster_->Cli(i, {"DBSIZE"})), 200);
  }
  // The map was right from the beginning.
  EXPECT_EQ(ErrorsOf(*cluster_, "MOVED"), 0);
  EXPECT_EQ(Text({"PING"}), "PONG");
  EXPECT_EQ(Text({"EVAL", "return ARGV[1]", "1", "foo", "x"}), "x");
  EXPECT_EQ(Command({"KEYS", "*"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::string first = Stable();
  EXPECT_EQ(Stable(), first);

  // A slot moves under load. "foo" is in slot 12182, of node 2.
  std::atomic<bool> stop{false};
  std::atomic<int> done{0}, wrong{0};
  TaskScope scope;
  for (int i = 0; i < 4; ++i) {
    scope.Spawn(reactors_.At(i % 2).executor(), "load",
                Load(*pool_, "foo", i, stop, done, wrong));
  }
  auto more = [&](int count) {
    const int until = done + count;
    ASSERT_TRUE(Eventually([&] { return done >= until; }));
  };
  more(200);
  cluster_->BeginToMove(12182, 2, 1);
  more(100);
  cluster_->MoveKeys(12182, 2, 1);
  more(200);
  EXPECT_GT(ErrorsOf(*cluster_, "ASK"), 0);
  // Not of the slot's keys: MOVED is still to come.
  cluster_->EndMove(12182, 1);
  more(200);
  EXPECT_GT(ErrorsOf(*cluster_, "MOVED"), 0);
  stop = true;
  ASSERT_TRUE(scope.Join(absl::Seconds(20)));
  EXPECT_EQ(wrong, 0);
  const std::string moved = Stable();
  EXPECT_NE(moved, first);
  // Once it is known nobody is sent away any more.
  const int before = ErrorsOf(*cluster_, "MOVED");
  EXPECT_EQ(Text({"SET", "foo", "x"}), "OK");
  EXPECT_EQ(ErrorsOf(*cluster_, "MOVED"), before);

  // Back again: it is not the first incarnation that comes back.
  cluster_->BeginToMove(12182, 1, 2);
  cluster_->MoveKeys(12182, 1, 2);
  cluster_->EndMove(12182, 2);
  ASSERT_TRUE(Eventually([&] {
    const std::string now = Stable();
    return now != moved && absl::StrContains(now, "10923-16383");
  }));
  EXPECT_NE(Stable(), first);
  EXPECT_EQ(Text({"GET", "foo"}), "x");
}

TEST_F(RealClusterTest, ANodeThatDiesIsReplaced) {
  ASSERT_NO_FATAL_FAILURE(Start({.password = "secret"}));
  std::atomic<int> subscribed{0}, heard{0};
  SubscriberCallbacks callbacks;
  callbacks.on_subscribed = [&] { ++subscribed; };
  callbacks.on_lost = [] {};
  callbacks.on_message = [&](std::string, std::string) { ++heard; };
  // The first node of the URL: the one that dies.
  RedisSubscriber subscriber(reactors_.At(0).executor(), options_, {"c"},
                             callbacks);
  ASSERT_TRUE(Eventually([&] { return subscribed == 1; }));
  cluster_->Cli(2, {"PUBLISH", "c", "m"});
  EXPECT_TRUE(Eventually([&] { return heard == 1; }));
  const std::string before = Stable();
  const std::string lost = "{06S}";  // slot 0, of node 0
  ASSERT_EQ(SlotOfKey(lost), 0);
  EXPECT_EQ(Text({"SET", lost, "x"}), "OK");
  EXPECT_EQ(Text({"SET", "foo", "x"}), "OK");

  cluster_->node(0).Kill();
  // Until another takes over, its keys fail at once, and nothing is known of
  // the whole; other nodes' keys go on.
  ASSERT_TRUE(Eventually([&] { return !Command({"GET", lost}).ok(); }));
  const absl::Time start = absl::Now();
  EXPECT_EQ(Command({"GET", lost}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  EXPECT_FALSE(Find().ok());
  EXPECT_EQ(Text({"GET", "foo"}), "x");
  EXPECT_TRUE(pool_->healthy());
  ASSERT_TRUE(Eventually([&] { return Text({"SET", lost, "y"}) == "OK"; }));
  const std::string after = Stable();
  EXPECT_NE(after, before);
  // The old one comes back as a replica, and with nothing to say.
  ASSERT_TRUE(cluster_->node(0).Restart().ok());
  ASSERT_TRUE(Eventually(
      [&] { return cluster_->Cli(0, {"ROLE"}).find("slave") == 0; }));
  EXPECT_EQ(Text({"SET", lost, "z"}), "OK");
  EXPECT_EQ(cluster_->Cli(3, {"GET", lost}), "z");
  ASSERT_TRUE(Eventually([&] { return subscribed >= 2; }));
  const int so_far = heard;
  cluster_->Cli(2, {"PUBLISH", "c", "m"});
  EXPECT_TRUE(Eventually([&] { return heard > so_far; }));
}

TEST_F(RealClusterTest, OverTlsAndANodeThatIsCutOffIsLeft) {
  ASSERT_NO_FATAL_FAILURE(Start({.tls = true}));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Text({"SET", Key(i), absl::StrCat(i)}), "OK");
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Text({"GET", Key(i)}), absl::StrCat(i));
  }
  EXPECT_NE(Stable(), "");

  std::atomic<int> subscribed{0}, heard{0};
  SubscriberCallbacks callbacks;
  callbacks.on_subscribed = [&] { ++subscribed; };
  callbacks.on_lost = [] {};
  callbacks.on_message = [&](std::string, std::string) { ++heard; };
  RedisSubscriber subscriber(reactors_.At(0).executor(), options_, {"c"},
                             callbacks);
  ASSERT_TRUE(Eventually([&] { return subscribed == 1; }));
  // It answers as before, but hears nothing of the others any more.
  cluster_->Cli(0, {"FLUSHALL"});
  ASSERT_EQ(cluster_->Cli(0, {"CLUSTER", "RESET"}), "OK");
  ASSERT_TRUE(Eventually([&] { return subscribed == 2; }));
  cluster_->Cli(1, {"PUBLISH", "c", "m"});
  EXPECT_TRUE(Eventually([&] { return heard == 1; }));
}

TEST_F(RealClusterTest, WhatIsNoClusterIsUnavailable) {
  auto server = RedisServer::Start({});
  ASSERT_TRUE(server.ok());
  options_.url = *ParseRedisUrl(
      absl::StrCat("redis+cluster://127.0.0.1:", (*server)->port()));
  pool_ = std::make_unique<RedisClientPool>(reactors_, options_);
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(Command({"GET", "k"}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_FALSE(pool_->healthy());
}

}  // namespace
}  // namespace valetkey::redis
