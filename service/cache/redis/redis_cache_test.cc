#include "service/cache/redis/redis_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/cache/remote_cache_contract.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::cache {
namespace {

using redis::Eventually;
using redis::In;
using redis::RedisClientPool;
using redis::RedisServer;
using redis::RunOn;

// Two replicas, each with its reactors and connections.
class RealRedisFixture {
 public:
  RealRedisFixture() {
    if (!RedisServer::Installed()) {
      skip_ = "redis-server is not installed";
      return;
    }
    auto server = RedisServer::Start({});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    redis::RedisOptions options;
    options.url = *redis::ParseRedisUrl(server_->UnixUrl());
    options.max_backoff = absl::Milliseconds(200);
    pool_a_ = std::make_unique<RedisClientPool>(reactors_, options);
    pool_b_ = std::make_unique<RedisClientPool>(reactors_, options);
    a_ = std::make_unique<RedisCache>(*pool_a_, RedisCacheOptions());
    b_ = std::make_unique<RedisCache>(*pool_b_, RedisCacheOptions());
  }
  RedisCache& a() { return *a_; }
  RedisCache& b() { return *b_; }
  bool ready() {
    auto subscribers =
        server_->Cli({"PUBSUB", "NUMSUB", "valetkey:invalidate"});
    return pool_a_->connected() == 2 && pool_b_->connected() == 2 &&
           a_->healthy() && b_->healthy() && subscribers.ok() &&
           *subscribers == "valetkey:invalidate\n2\n";
  }
  void Flush() { EXPECT_TRUE(server_->Cli({"FLUSHALL"}).ok()); }
  void Pass(absl::Duration time) { absl::SleepFor(time); }
  std::string Skip() { return skip_; }
  RedisServer& server() { return *server_; }
  ReactorPool& reactors() { return reactors_; }

 private:
  std::string skip_;
  ReactorPool reactors_{2};
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RedisClientPool> pool_a_, pool_b_;
  std::unique_ptr<RedisCache> a_, b_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(RealRedis, RemoteCacheContract,
                               RealRedisFixture);

class RealRedisCacheTest : public RemoteCacheContract<RealRedisFixture> {
 protected:
  RedisServer& server() { return fixture_.server(); }
  std::string Cli(const std::vector<std::string>& arguments) {
    auto output = server().Cli(arguments);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *output : "";
  }
  // The key of an entry that was put.
  std::string KeyOf(const std::string& name) {
    std::string key = Cli({"KEYS", absl::StrCat("*{", name, "}*")});
    if (!key.empty()) key.pop_back();
    return key;
  }
  absl::Status Renew(RedisCache& cache) {
    return RunOn(reactor_.executor(), cache.Renew(Soon()));
  }
};

TEST_F(RealRedisCacheTest, KeyValueAndTimeToLiveAreAsDocumented) {
  Put(fixture_.a(), "applications/a/connections/c", 258, "sealed",
      absl::Seconds(100));
  const std::string key = KeyOf("applications/a/connections/c");
  const std::string stem = "valetkey:{applications/a/connections/c}:token:";
  EXPECT_THAT(key, ::testing::StartsWith(stem));
  EXPECT_EQ(key.size(), stem.size() + 16);
  EXPECT_EQ(Cli({"--no-raw", "GET", key}),
            "\"\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x02sealed\"\n");
  const int ttl = std::stoi(Cli({"PTTL", key}));
  EXPECT_GT(ttl, 80000);
  EXPECT_LE(ttl, 100000);
  // A tombstone too.
  Put(fixture_.a(), "applications/a/connections/c", 259, "",
      absl::Seconds(100));
  EXPECT_GT(std::stoi(Cli({"PTTL", key})), 80000);
  EXPECT_EQ(Cli({"STRLEN", key}), "8\n");
}

TEST_F(RealRedisCacheTest, DamageCountsAsAbsent) {
  Put(fixture_.a(), "n", 1, "one");
  const std::string key = KeyOf("n");
  for (const char* value : {"", "short", "\xff\xff\xff\xff\xff\xff\xff\xffx"}) {
    Cli({"SET", key, value});
    EXPECT_FALSE(Get(fixture_.a(), "n").has_value());
  }
  Cli({"SET", key, "short"});
  Put(fixture_.a(), "n", 1, "one");
  ExpectKept("n", 1, "one");
  // Of another type: reading is an error, writing heals it.
  Cli({"DEL", key});
  Cli({"HSET", key, "f", "v"});
  EXPECT_FALSE(RunOn(reactor_.executor(), fixture_.a().Get("n", Soon())).ok());
  Put(fixture_.a(), "n", 1, "one");
  ExpectKept("n", 1, "one");
}

TEST_F(RealRedisCacheTest, TheScriptIsLoadedAgainWhenItIsGone) {
  Put(fixture_.a(), "n", 1, "one");
  Cli({"SCRIPT", "FLUSH"});
  Put(fixture_.a(), "n", 2, "two");
  ExpectKept("n", 2, "two");
  // Once: the next one is called by its digest.
  Put(fixture_.a(), "n", 3, "three");
  const std::string stats = Cli({"INFO", "commandstats"});
  EXPECT_NE(stats.find("cmdstat_eval:calls=2,"), std::string::npos) << stats;
}

TEST_F(RealRedisCacheTest, ALostSubscriptionIsToldTwice) {
  // Once for the first subscription.
  ASSERT_TRUE(heard_a_.WaitFor("", 1));
  server().Kill();
  ASSERT_TRUE(heard_a_.WaitFor("", 2));
  EXPECT_TRUE(Eventually([&] { return !fixture_.a().healthy(); }));
  EXPECT_EQ(
      RunOn(reactor_.executor(), fixture_.a().Get("n", Soon())).status().code(),
      absl::StatusCode::kUnavailable);
  EXPECT_EQ(RunOn(reactor_.executor(),
                  fixture_.a().Put("n", {1, "x"}, absl::Minutes(1), Soon()))
                .code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(server().Restart().ok());
  ASSERT_TRUE(heard_a_.WaitFor("", 3));
  ASSERT_TRUE(Eventually([&] { return fixture_.ready(); }));
  ASSERT_TRUE(Renew(fixture_.b()).ok());
  Put(fixture_.b(), "n", 1, "one");
  EXPECT_TRUE(heard_a_.WaitFor("n", 1));
  EXPECT_EQ(heard_a_.Of("").size(), 3u);
}

TEST_F(RealRedisCacheTest, UnknownMessagesMeanThatSomethingWasMissed) {
  ASSERT_TRUE(heard_a_.WaitFor("", 1));
  for (const char* message : {"", "x", "a b c", "a 1", "a 1 "}) {
    const std::size_t before = heard_a_.Of("").size();
    Cli({"PUBLISH", "valetkey:invalidate", message});
    EXPECT_TRUE(heard_a_.WaitFor("", before + 1)) << message;
  }
}

TEST_F(RealRedisCacheTest, NothingIsReadFromAnotherLife) {
  Put(fixture_.a(), "n", 5, "five");
  ExpectKept("n", 5, "five");
  ASSERT_TRUE(Renew(fixture_.a()).ok());  // the same
  ExpectKept("n", 5, "five");
  // A snapshot that is older than the tombstone.
  Cli({"SAVE"});
  Put(fixture_.a(), "n", 6, "");
  ExpectKept("n", 6, "");
  server().Kill();
  ASSERT_TRUE(server().Restart().ok());
  ASSERT_TRUE(Eventually([&] { return fixture_.ready(); }));
  EXPECT_NE(Cli({"DBSIZE"}), "0\n");
  // Before Renew as after it, old tokens do not come back.
  auto unknown = RunOn(reactor_.executor(), fixture_.a().Get("n", Soon()));
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(RunOn(reactor_.executor(),
                  fixture_.a().Put("n", {6, ""}, absl::Minutes(1), Soon()))
                .code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(Renew(fixture_.a()).ok());
  EXPECT_FALSE(Get(fixture_.a(), "n").has_value());
  Put(fixture_.a(), "n", 6, "six");
  ExpectKept("n", 6, "six");

  // A promotion without a restart: another replication id.
  Cli({"REPLICAOF", "127.0.0.1", "1"});
  Cli({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(Renew(fixture_.a()).ok());
  EXPECT_FALSE(Get(fixture_.a(), "n").has_value());
}

TEST_F(RealRedisCacheTest, AFullServerRefusesAndRecovers) {
  Put(fixture_.a(), "n", 1, "one");
  Cli({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  Cli({"CONFIG", "SET", "maxmemory", "1"});
  // Also where the script is not loaded yet.
  for (const char* name : {"n", "other"}) {
    EXPECT_EQ(
        RunOn(reactor_.executor(),
              fixture_.a().Put(name, {2, "two"}, absl::Minutes(1), Soon()))
            .code(),
        absl::StatusCode::kUnavailable);
    Cli({"SCRIPT", "FLUSH"});
  }
  ExpectKept("n", 1, "one");
  EXPECT_TRUE(fixture_.a().healthy());
  Cli({"CONFIG", "SET", "maxmemory", "0"});
  Put(fixture_.a(), "n", 2, "two");
  ExpectKept("n", 2, "two");
}

TEST_F(RealRedisCacheTest, AnEvictingServerKeepsTheNewest) {
  Cli({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  const std::string memory = Cli({"INFO", "memory"});
  const std::size_t at = memory.find("used_memory:") + 12;
  Cli({"CONFIG", "SET", "maxmemory",
       absl::StrCat(std::stoll(memory.substr(at)) + (4 << 20))});
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat("n", i);
    Put(fixture_.a(), name, 1, std::string(20000, 'x'));
    Entry entry = Get(fixture_.b(), name);
    ASSERT_TRUE(entry.has_value()) << i;
  }
  EXPECT_EQ(Cli({"INFO", "stats"}).find("evicted_keys:0\r"), std::string::npos);
  EXPECT_FALSE(Get(fixture_.a(), "n0").has_value());
}

Task<void> PutMany(RedisCache& cache, unsigned seed,
                   std::atomic<std::int64_t>* highest) {
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t generation = 1 + random() % 1000;
    RemoteEntry entry;
    entry.generation = generation;
    entry.sealed = absl::StrCat("sealed ", generation);
    absl::Status status = co_await cache.Put(
        "raced", std::move(entry), absl::Minutes(1), In(absl::Seconds(20)));
    EXPECT_TRUE(status.ok()) << status;
    std::int64_t known = highest->load();
    while (generation > known &&
           !highest->compare_exchange_weak(known, generation)) {
    }
    auto kept = co_await cache.Get("raced", In(absl::Seconds(20)));
    EXPECT_TRUE(kept.ok() && kept->has_value());
    if (!kept.ok() || !kept->has_value()) co_return;
    EXPECT_GE((*kept)->generation, generation);
    EXPECT_EQ((*kept)->sealed, absl::StrCat("sealed ", (*kept)->generation));
  }
}

TEST_F(RealRedisCacheTest, WhoeverWritesTheNewestWins) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::atomic<std::int64_t> highest{0};
  TaskScope scope;
  for (unsigned i = 0; i < 16; ++i) {
    scope.Spawn(
        fixture_.reactors().At(i % 2).executor(), "put",
        PutMany(i % 4 < 2 ? fixture_.a() : fixture_.b(), seed + i, &highest));
  }
  ASSERT_TRUE(scope.Join(absl::Seconds(60)));
  ExpectKept("raced", highest, absl::StrCat("sealed ", highest.load()));
}

}  // namespace
}  // namespace valetkey::cache
