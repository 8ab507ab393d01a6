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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "service/base/clock.h"
#include "service/cache/remote_cache.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/net/redis/redis_subscriber.h"

namespace valetkey::cache {

struct RedisCacheOptions {
  std::string prefix = "valetkey";
  Random* random = &Random::System();  // for the id of this replica
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
  // The incarnation is Redis's run_id, which INFO tells; a user of an ACL needs
  // +info for it.
  Task<absl::Status> Renew(absl::Time deadline) override;
  bool healthy() const override;

  // The name under which this replica announces.
  const std::string& origin() const { return origin_; }

 private:
  std::string KeyOf(const std::string& name) const;
  void OnMessage(const std::string& payload) const;

  redis::RedisClientPool& pool_;
  const std::string prefix_;
  const std::string channel_;
  const std::string origin_;
  const std::string script_digest_;
  // From the server's run_id, a part of the keys; 0: not known yet.
  std::atomic<std::uint64_t> incarnation_{0};
  std::function<void(const Invalidation&)> listener_;
  std::unique_ptr<redis::RedisSubscriber> subscriber_;
};

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_REDIS_REDIS_CACHE_H_
