// Access tokens in memory: what the hot path reads.
//
// Find takes a shared lock on one of many shards for a hash look-up and copies
// a pointer; entries are immutable but for their use counters. A value is only
// ever replaced by one of a higher generation (or a later state of the same),
// and a revocation leaves a tombstone, so that a slow reader cannot bring back
// an old token. Bounded: beyond `max_entries` those not used lately go first.
// Thread-safe.

#ifndef VALETKEY_CACHE_MEMORY_CACHE_H_
#define VALETKEY_CACHE_MEMORY_CACHE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/mutex.h"
#include "service/base/secret.h"

namespace valetkey::cache {

struct CachedToken {
  std::string name;  // "" is the main one
  SecretString access_token;
  std::string token_type;
  // Joined by single spaces, as most callers want them; split on demand.
  std::string scopes;
  absl::Time issue_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfiniteFuture();
  absl::Time refresh_time = absl::InfiniteFuture();  // the soft limit
};

enum class CachedState : std::uint8_t {
  kActive,
  kReauthorizationRequired,
  kRevoked,
  kDeleted,
  // A newer generation was committed and is not here yet: nothing of this
  // entry is to be given out.
  kOutdated,
};

struct CachedConnection {
  std::string provider;  // applications/{a}/providers/{p}
  std::int64_t generation = 0;
  // Of the store's record: orders states of the same generation.
  std::int64_t revision = 0;
  CachedState state = CachedState::kActive;
  std::vector<CachedToken> tokens;  // none unless kActive

  // Seconds since the epoch of the last use; for "in use" and for eviction.
  mutable std::atomic<std::int64_t> last_use{0};
  // The second before which no (further) background refresh of this generation
  // is to be started; set by whoever starts one.
  mutable std::atomic<std::int64_t> refresh_after{0};

  const CachedToken* Find(absl::string_view token_name) const;
};

struct MemoryCacheOptions {
  std::size_t max_entries = 1'000'000;
};

class MemoryCache {
 public:
  explicit MemoryCache(MemoryCacheOptions options);

  // nullptr if there is none. Does not count as a use.
  std::shared_ptr<const CachedConnection> Find(absl::string_view name) const;
  // Keeps the entry unless a newer one is there; returns the one kept.
  std::shared_ptr<const CachedConnection> Put(
      absl::string_view name, std::shared_ptr<const CachedConnection> entry);
  // Says that this generation has been committed: an older entry turns
  // kOutdated, so that nobody who was told of the change gets the token from
  // before it. Does nothing if there is no entry.
  void Outdate(absl::string_view name, std::int64_t generation);
  // Drops what is older than this generation, so that the next reader goes to
  // the store. 0: whatever it is.
  void Drop(absl::string_view name, std::int64_t below_generation);
  // Drops all but tombstones: what memory holds may be out of date.
  void DropAll();

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  using Entries =
      absl::flat_hash_map<std::string, std::shared_ptr<const CachedConnection>>;
  struct Shard {
    mutable SharedMutex mutex;
    Entries entries VK_GUARDED_BY(mutex);
  };

  Shard& ShardFor(absl::string_view name);
  const Shard& ShardFor(absl::string_view name) const;
  // Takes out one that has not been used lately, and never the newcomer;
  // returns it, to be destroyed without the lock.
  static std::shared_ptr<const CachedConnection> EvictFrom(
      Shard& shard, Entries::iterator newcomer) VK_REQUIRES(shard.mutex);

  const std::size_t max_per_shard_;
  std::vector<Shard> shards_{kShards};
};

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_MEMORY_CACHE_H_
