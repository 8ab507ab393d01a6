#include "service/callers/caller_cache.h"

#include <utility>

namespace valetkey::callers {

std::shared_ptr<const broker::Caller> CallerCache::Find(
    const Digest& digest, std::uint64_t generation, absl::Time now) const {
  const Shard& shard = ShardFor(digest);
  ReaderLock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end() || found->second.generation != generation ||
      now >= found->second.until) {
    return nullptr;
  }
  return found->second.caller;
}

void CallerCache::Put(const Digest& digest, std::uint64_t generation,
                      absl::Time until, absl::Time now,
                      std::shared_ptr<const broker::Caller> caller) {
  auto& shard = const_cast<Shard&>(ShardFor(digest));
  const std::size_t room = max_entries_ / kShards + 1;
  WriterLock lock(shard.mutex);
  if (shard.entries.size() >= room && !shard.entries.contains(digest)) {
    absl::erase_if(shard.entries, [&](const auto& item) {
      return item.second.generation != generation || now >= item.second.until;
    });
    // All of them are good: they are verified again as they come.
    if (shard.entries.size() >= room) shard.entries.clear();
  }
  shard.entries[digest] = {std::move(caller), generation, until};
}

std::size_t CallerCache::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) {
    ReaderLock lock(shard.mutex);
    size += shard.entries.size();
  }
  return size;
}

}  // namespace valetkey::callers
