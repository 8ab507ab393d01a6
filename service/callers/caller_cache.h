// Callers whose JWT or certificate was verified, by the SHA-256 of that: what
// proves who somebody is, is not kept. Bounded in number; thread-safe.

#ifndef VALETKEY_CALLERS_CALLER_CACHE_H_
#define VALETKEY_CALLERS_CALLER_CACHE_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "service/base/mutex.h"
#include "service/broker/types.h"

namespace valetkey::callers {

class CallerCache {
 public:
  using Digest = std::array<unsigned char, 32>;

  explicit CallerCache(std::size_t max_entries) : max_entries_(max_entries) {}

  // nullptr: not known, its time is over, or the policy or keys that it was
  // admitted under (`generation`) are others now.
  std::shared_ptr<const broker::Caller> Find(const Digest& digest,
                                             std::uint64_t generation,
                                             absl::Time now) const;
  void Put(const Digest& digest, std::uint64_t generation, absl::Time until,
           absl::Time now, std::shared_ptr<const broker::Caller> caller);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;

  struct Entry {
    std::shared_ptr<const broker::Caller> caller;
    std::uint64_t generation = 0;
    absl::Time until;
  };
  // The digest is uniform already; any part of it is a good hash.
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash;
      std::memcpy(&hash, digest.data(), sizeof(hash));
      return hash;
    }
  };
  struct alignas(64) Shard {
    mutable SharedMutex mutex;
    absl::flat_hash_map<Digest, Entry, DigestHash> entries VK_GUARDED_BY(mutex);
  };

  // The last byte: the hash table uses the first ones.
  const Shard& ShardFor(const Digest& digest) const {
    return shards_[digest.back() % kShards];
  }

  const std::size_t max_entries_;
  std::array<Shard, kShards> shards_;
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_CALLER_CACHE_H_
