#include "service/cache/fake_remote_cache.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace valetkey::cache {

void FakeRemoteServer::Flush() {
  MutexLock lock(mutex_);
  kept_.clear();
}

void FakeRemoteServer::SetDown(bool down) {
  {
    MutexLock lock(mutex_);
    if (down_ == down) return;
    down_ = down;
  }
  TellAll(Invalidation());
}

int FakeRemoteServer::gets() const {
  MutexLock lock(mutex_);
  return gets_;
}

int FakeRemoteServer::puts() const {
  MutexLock lock(mutex_);
  return puts_;
}

void FakeRemoteServer::TellAll(const Invalidation& invalidation) {
  std::vector<FakeRemoteCache*> caches;
  {
    MutexLock lock(mutex_);
    caches = caches_;
  }
  for (FakeRemoteCache* cache : caches) {
    if (cache->origin_ == invalidation.origin || !cache->listener_) continue;
    cache->listener_(invalidation);
  }
}

FakeRemoteCache::FakeRemoteCache(FakeRemoteServer& server, std::string origin)
    : server_(server), origin_(std::move(origin)) {
  MutexLock lock(server_.mutex_);
  server_.caches_.push_back(this);
}

FakeRemoteCache::~FakeRemoteCache() {
  MutexLock lock(server_.mutex_);
  auto& caches = server_.caches_;
  caches.erase(std::remove(caches.begin(), caches.end(), this), caches.end());
}

Task<absl::StatusOr<std::optional<RemoteEntry>>> FakeRemoteCache::Get(
    std::string name, absl::Time) {
  MutexLock lock(server_.mutex_);
  ++server_.gets_;
  if (server_.down_) co_return absl::UnavailableError("redis: not connected");
  auto found = server_.kept_.find(name);
  if (found == server_.kept_.end() ||
      found->second.expire_time <= server_.clock_.Now()) {
    co_return std::nullopt;
  }
  co_return found->second.entry;
}

Task<absl::Status> FakeRemoteCache::Put(std::string name, RemoteEntry entry,
                                        absl::Duration ttl, absl::Time) {
  const bool tombstone = entry.sealed.empty();
  const std::int64_t generation = entry.generation;
  bool announce = true;
  {
    MutexLock lock(server_.mutex_);
    ++server_.puts_;
    if (server_.down_) co_return absl::UnavailableError("redis: not connected");
    const absl::Time now = server_.clock_.Now();
    auto found = server_.kept_.find(name);
    if (found != server_.kept_.end() && found->second.expire_time > now) {
      const RemoteEntry& old = found->second.entry;
      if (old.generation > generation) co_return absl::OkStatus();
      if (old.generation == generation) {
        if (old.sealed.empty()) co_return absl::OkStatus();
        announce = tombstone;
      }
    }
    ttl = std::max(ttl, absl::Milliseconds(1));
    server_.kept_[name] = {std::move(entry), now + ttl};
  }
  if (announce) {
    server_.TellAll({name, generation + (tombstone ? 1 : 0), origin_});
  }
  co_return absl::OkStatus();
}

void FakeRemoteCache::SetListener(
    std::function<void(const Invalidation&)> listener) {
  listener_ = std::move(listener);
}

bool FakeRemoteCache::healthy() const {
  MutexLock lock(server_.mutex_);
  return !server_.down_;
}

Task<absl::Status> FakeRemoteCache::Renew(absl::Time) {
  co_return healthy() ? absl::OkStatus()
                      : absl::UnavailableError("the fake cache is down");
}

}  // namespace valetkey::cache
