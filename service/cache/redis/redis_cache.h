// The token cache in Redis. A connection's entry is one string, so that a read
// is one GET:
//
//   valetkey:{applications/a/connections/c}:token:<incarnation>
//     = generation (8 bytes, big-endian) + sealed value (none: a tombstone)
//
// A script writes it only if it is newer, and announces that on the channel
// valetkey:invalidate, in one step. A message is "origin generation name";
// for a tombstone the generation is one more, because what replicas hold of
// the same generation has to go too. What is damaged counts as absent.

#ifndef VALETKEY_CACHE_REDIS_REDIS_CACHE_H_
#define VALETKEY_CACHE_REDIS_REDIS_CACHE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "service/base/clock.h"
#include "service/base/mutex.h"
#include "service/cache/remote_cache.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/net/redis/redis_subscriber.h"

namespace valetkey::cache {

struct RedisCacheOptions {
  std::string prefix = "valetkey";
  Random* random = &Random::System();  // for the id of this replica
  // In a cluster a node may change without those who use the others noticing,
  // so that replicas of ours live in different incarnations for a while. What
  // was renewed so long ago is not relied on any more, and a new incarnation
  // not used for longer than that: by then nobody lives in the one before.
  absl::Duration cluster_renewal_age = absl::Seconds(2);
  absl::Duration cluster_settle_time = absl::Seconds(3);
};

class RedisCache final : public RemoteCache {
 public:
  // The pool outlives the cache.
  RedisCache(redis::RedisClientPool& pool, RedisCacheOptions options);
  // Ends the subscription; the listener is not called afterwards. REQUIRES: not
  // on a reactor's thread; no call waits.
  ~RedisCache() override;

  Task<absl::StatusOr<std::optional<RemoteEntry>>> Get(
      std::string name, absl::Time deadline) override;
  // A time to live below 1 ms counts as 1 ms, above a year as a year.
  Task<absl::Status> Put(std::string name, RemoteEntry entry,
                         absl::Duration ttl, absl::Time deadline) override;
  // Starts the subscription. The listener gets an empty name when it is lost
  // and whenever it is established, the first time too.
  void SetListener(std::function<void(const Invalidation&)> listener) override;
  // See RedisClientPool::FindIncarnation; a user of an ACL needs +info for it,
  // with sentinels +role, in a cluster +cluster|info and +cluster|slots. The
  // first Get or Put does it too, for what was put under an unknown incarnation
  // would be no floor to anything. From then on Get and Put are UNAVAILABLE
  // wherever a new connection, or another owner of a slot, may have answered,
  // until this is called again; in a cluster also for a while after the
  // incarnation has changed.
  Task<absl::Status> Renew(absl::Time deadline) override;
  bool healthy() const override;

  // The name under which this replica announces.
  const std::string& origin() const { return origin_; }

 private:
  // What a key is made of, and the epoch of the pool for which that holds. Both
  // are written in this order and read in the other.
  struct Life {
    std::uint64_t incarnation = 0;  // 0: not known yet
    std::uint64_t epoch = 0;
  };
  Life life() const;
  // OK if what is asked now, or was just answered, belongs to this life.
  absl::Status Check(const Life& life) const;

  std::string KeyOf(const std::string& name, const Life& life) const;
  void OnMessage(const std::string& payload) const;

  redis::RedisClientPool& pool_;
  const std::string prefix_;
  const std::string channel_;
  const std::string origin_;
  const std::string script_digest_;
  Mutex renew_mutex_;  // who writes the following
  std::atomic<std::uint64_t> incarnation_{0};
  std::atomic<std::uint64_t> epoch_{0};
  // In a cluster, on the steady clock: when the last Renew that succeeded
  // began, and since when the incarnation may be used.
  const bool cluster_;
  const std::chrono::nanoseconds renewal_age_;
  const std::chrono::nanoseconds settle_time_;
  std::atomic<std::chrono::nanoseconds> renewed_{std::chrono::nanoseconds(0)};
  std::atomic<std::chrono::nanoseconds> usable_{std::chrono::nanoseconds(0)};
  std::function<void(const Invalidation&)> listener_;
  std::unique_ptr<redis::RedisSubscriber> subscriber_;
};

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_REDIS_REDIS_CACHE_H_
