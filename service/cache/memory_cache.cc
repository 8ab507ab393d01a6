#include "service/cache/memory_cache.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"

namespace valetkey::cache {
namespace {

// Tombstones are small but must not gather for ever; an evicted one is read
// from the store again, which knows as much.
constexpr int kEvictionSample = 16;

// By the hash's high bits: the tables compare its low ones before they look at
// a key, and those must not be the same for all keys of a shard.
std::size_t ShardIndex(absl::string_view name, std::size_t shards) {
  const std::size_t hash = absl::Hash<absl::string_view>()(name);
  return (hash >> (sizeof(hash) * 8 - 16)) % shards;
}

}  // namespace

const CachedToken* CachedConnection::Find(absl::string_view token_name) const {
  for (const CachedToken& token : tokens) {
    if (token.name == token_name) return &token;
  }
  return nullptr;
}

MemoryCache::MemoryCache(MemoryCacheOptions options)
    : max_per_shard_(std::max<std::size_t>(1, options.max_entries / kShards)) {}

MemoryCache::Shard& MemoryCache::ShardFor(absl::string_view name) {
  return shards_[ShardIndex(name, kShards)];
}
const MemoryCache::Shard& MemoryCache::ShardFor(absl::string_view name) const {
  return shards_[ShardIndex(name, kShards)];
}

std::shared_ptr<const CachedConnection> MemoryCache::Find(
    absl::string_view name) const {
  const Shard& shard = ShardFor(name);
  ReaderLock lock(shard.mutex);
  const auto it = shard.entries.find(name);
  return it == shard.entries.end() ? nullptr : it->second;
}

std::shared_ptr<const CachedConnection> MemoryCache::Put(
    absl::string_view name, std::shared_ptr<const CachedConnection> entry) {
  // Destroyed after the lock is released: wiping secrets takes time.
  std::shared_ptr<const CachedConnection> replaced;
  Shard& shard = ShardFor(name);
  WriterLock lock(shard.mutex);
  auto [it, inserted] = shard.entries.try_emplace(std::string(name), entry);
  if (!inserted) {
    // What is outdated waits for its generation, and is never given back.
    if (it->second->state == CachedState::kOutdated) {
      if (entry->generation < it->second->generation) return entry;
    } else if (entry->revision < it->second->revision) {
      return it->second;
    }
    entry->last_use.store(
        std::max(entry->last_use.load(std::memory_order_relaxed),
                 it->second->last_use.load(std::memory_order_relaxed)),
        std::memory_order_relaxed);
    if (entry->generation == it->second->generation) {
      entry->refresh_after.store(
          it->second->refresh_after.load(std::memory_order_relaxed),
          std::memory_order_relaxed);
    }
    replaced = std::exchange(it->second, entry);
  } else if (shard.entries.size() > max_per_shard_) {
    replaced = EvictFrom(shard, it);
  }
  return entry;
}

std::shared_ptr<const CachedConnection> MemoryCache::EvictFrom(
    Shard& shard, Entries::iterator newcomer) {
  // The least recently used of a few neighbours of the newcomer: near enough
  // to LRU without a list that every reader would have to write to. A place
  // that the newcomer's hash has chosen is as good as a random one, whereas a
  // fixed one would empty its surroundings and leave the rest to grow old.
  auto oldest = shard.entries.end();
  auto it = newcomer;
  for (int i = 0; i < kEvictionSample; ++i) {
    if (++it == shard.entries.end()) it = shard.entries.begin();
    if (it == newcomer) break;
    if (oldest == shard.entries.end() ||
        it->second->last_use.load(std::memory_order_relaxed) <
            oldest->second->last_use.load(std::memory_order_relaxed)) {
      oldest = it;
    }
  }
  if (oldest == shard.entries.end()) return nullptr;
  std::shared_ptr<const CachedConnection> evicted = std::move(oldest->second);
  shard.entries.erase(oldest);
  return evicted;
}

void MemoryCache::Outdate(absl::string_view name, std::int64_t generation) {
  std::shared_ptr<const CachedConnection> replaced;
  Shard& shard = ShardFor(name);
  WriterLock lock(shard.mutex);
  const auto it = shard.entries.find(name);
  if (it == shard.entries.end() || it->second->generation >= generation) {
    return;
  }
  auto outdated = std::make_shared<CachedConnection>();
  outdated->provider = it->second->provider;
  outdated->generation = generation;
  // Not of the new revision, so that the real entry takes its place.
  outdated->revision = it->second->revision;
  outdated->state = CachedState::kOutdated;
  outdated->last_use.store(it->second->last_use.load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
  replaced = std::exchange(it->second, std::move(outdated));
}

void MemoryCache::Drop(absl::string_view name, std::int64_t below_generation) {
  std::shared_ptr<const CachedConnection> dropped;
  Shard& shard = ShardFor(name);
  WriterLock lock(shard.mutex);
  const auto it = shard.entries.find(name);
  if (it == shard.entries.end()) return;
  if (below_generation != 0 && it->second->generation >= below_generation) {
    return;
  }
  dropped = std::move(it->second);
  shard.entries.erase(it);
}

void MemoryCache::DropAll() {
  for (Shard& shard : shards_) {
    WriterLock lock(shard.mutex);
    absl::erase_if(shard.entries, [](const auto& item) {
      return item.second->state != CachedState::kRevoked &&
             item.second->state != CachedState::kDeleted;
    });
  }
}

std::size_t MemoryCache::size() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    ReaderLock lock(shard.mutex);
    total += shard.entries.size();
  }
  return total;
}

}  // namespace valetkey::cache
