// The cache over a real cluster.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/async/reactor.h"
#include "service/cache/redis/redis_cache.h"
#include "service/cache/remote_cache_contract.h"
#include "service/net/redis/cluster_slots.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/redis_topology.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::cache {
namespace {

using redis::ClusterSetup;
using redis::Eventually;
using redis::RedisClientPool;
using redis::RunOn;

// One for all tests of this file: it takes seconds to come up. Null if it does
// not.
ClusterSetup* Cluster() {
  static const std::unique_ptr<ClusterSetup> cluster =
      []() -> std::unique_ptr<ClusterSetup> {
    // No more rights than are needed.
    auto started = ClusterSetup::Start(
        {.user_info = "valetkey:secret",
         .acl_user = "valetkey on >secret ~valetkey:* &valetkey:* +ping "
                     "+client|setname +info +cluster|info +cluster|slots "
                     "+asking +get +getrange +strlen +set +eval +evalsha "
                     "+publish +subscribe"});
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }();
  return cluster.get();
}

class RealClusterFixture {
 public:
  RealClusterFixture() {
    if (!redis::RedisServer::Installed()) {
      skip_ = "redis-server is not installed";
      return;
    }
    if (Cluster() == nullptr) {
      skip_ = "there is no cluster";
      return;
    }
    Flush();
    redis::RedisOptions options;
    options.url = *redis::ParseRedisUrl(Cluster()->Url());
    options.max_backoff = absl::Milliseconds(200);
    pool_a_ = std::make_unique<RedisClientPool>(reactors_, options);
    pool_b_ = std::make_unique<RedisClientPool>(reactors_, options);
    RedisCacheOptions cache;
    cache.cluster_settle_time = absl::Milliseconds(300);
    cache.cluster_renewal_age = absl::Milliseconds(1500);
    a_ = std::make_unique<RedisCache>(*pool_a_, cache);
    b_ = std::make_unique<RedisCache>(*pool_b_, cache);
  }
  RedisCache& a() { return *a_; }
  RedisCache& b() { return *b_; }
  bool ready() {
    int subscribers = 0;
    for (int i = 0; i < 4; ++i) {
      const std::string text =
          Cluster()->Cli(i, {"PUBSUB", "NUMSUB", "valetkey:invalidate"});
      subscribers += std::stoi(text.substr(text.find('\n') + 1));
    }
    return pool_a_->connected() == 2 && pool_b_->connected() == 2 &&
           subscribers == 2 && Usable(*a_) && Usable(*b_);
  }
  // Whether it knows its incarnation, and has done so for long enough.
  bool Usable(RedisCache& cache) {
    auto executor = reactors_.At(0).executor();
    return RunOn(executor, cache.Renew(redis::In(absl::Seconds(5)))).ok() &&
           RunOn(executor, cache.Put("ready", {1, "x"}, absl::Minutes(1),
                                     redis::In(absl::Seconds(5))))
               .ok();
  }
  void Flush() {
    for (int i = 0; i < 3; ++i) Cluster()->Cli(i, {"FLUSHALL"});
  }
  void Pass(absl::Duration time) { absl::SleepFor(time); }
  std::string Skip() { return skip_; }

 private:
  std::string skip_;
  ReactorPool reactors_{2};
  std::unique_ptr<RedisClientPool> pool_a_, pool_b_;
  std::unique_ptr<RedisCache> a_, b_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(RealCluster, RemoteCacheContract,
                               RealClusterFixture);

class RealClusterCacheTest : public RemoteCacheContract<RealClusterFixture> {
 protected:
  absl::Status Renew(RedisCache& cache) {
    return RunOn(reactor_.executor(), cache.Renew(Soon()));
  }
  absl::Status TryPut(RedisCache& cache, const std::string& name) {
    return RunOn(reactor_.executor(),
                 cache.Put(name, {1, "one"}, absl::Minutes(1), Soon()));
  }
};

TEST_F(RealClusterCacheTest, EveryNodeHasItsShare) {
  for (int i = 0; i < 100; ++i) {
    Put(fixture_.a(), absl::StrCat("applications/a/connections/", i), 1, "one");
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(
        Get(fixture_.b(), absl::StrCat("applications/a/connections/", i))
            .has_value());
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_GT(std::stoi(Cluster()->Cli(i, {"DBSIZE"})), 10);
  }
}

TEST_F(RealClusterCacheTest, AnotherOwnerOfASlotIsAnotherLife) {
  Put(fixture_.a(), "n", 5, "five");
  // Both live in the same one.
  ASSERT_TRUE(Renew(fixture_.b()).ok());
  ASSERT_TRUE(Get(fixture_.b(), "n").has_value());

  const int slot = redis::SlotOfKey("foo");
  Cluster()->BeginToMove(slot, 2, 1);
  Cluster()->MoveKeys(slot, 2, 1);
  Cluster()->EndMove(slot, 1);
  // At first it is not used at all, then without what was there.
  ASSERT_TRUE(Eventually([&] {
    return Renew(fixture_.a()).ok() && !TryPut(fixture_.a(), "t").ok();
  }));
  ASSERT_TRUE(Eventually([&] { return fixture_.Usable(fixture_.a()); }));
  ASSERT_TRUE(Renew(fixture_.a()).ok());
  EXPECT_FALSE(Get(fixture_.a(), "n").has_value());
  // Who does not renew is not believed.
  absl::SleepFor(absl::Milliseconds(1600));
  EXPECT_EQ(TryPut(fixture_.a(), "t").code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(Renew(fixture_.a()).ok());
  EXPECT_TRUE(TryPut(fixture_.a(), "t").ok());
  Cluster()->BeginToMove(slot, 1, 2);
  Cluster()->MoveKeys(slot, 1, 2);
  Cluster()->EndMove(slot, 2);
}

}  // namespace
}  // namespace valetkey::cache
