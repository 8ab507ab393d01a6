// A RemoteCache in memory, for tests: several of them over one
// FakeRemoteServer are replicas that share a Redis.
//
//   FakeRemoteServer server(clock);
//   FakeRemoteCache a(server, "a"), b(server, "b");
//
// Listeners are called inside Put. Thread-safe.

#ifndef VALETKEY_CACHE_FAKE_REMOTE_CACHE_H_
#define VALETKEY_CACHE_FAKE_REMOTE_CACHE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/base/clock.h"
#include "service/base/mutex.h"
#include "service/cache/remote_cache.h"

namespace valetkey::cache {

class FakeRemoteCache;

class FakeRemoteServer {
 public:
  explicit FakeRemoteServer(const Clock& clock) : clock_(clock) {}

  // Forgets everything, as FLUSHALL does.
  void Flush();
  // While down every call is UNAVAILABLE. Both changes tell the listeners
  // that announcements may have been missed.
  void SetDown(bool down);
  // How many calls came, also while down.
  int gets() const;
  int puts() const;

 private:
  friend class FakeRemoteCache;

  struct Kept {
    RemoteEntry entry;
    absl::Time expire_time;
  };

  void TellAll(const Invalidation& invalidation);

  const Clock& clock_;
  mutable Mutex mutex_;
  bool down_ VK_GUARDED_BY(mutex_) = false;
  int gets_ VK_GUARDED_BY(mutex_) = 0;
  int puts_ VK_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Kept> kept_ VK_GUARDED_BY(mutex_);
  std::vector<FakeRemoteCache*> caches_ VK_GUARDED_BY(mutex_);
};

class FakeRemoteCache final : public RemoteCache {
 public:
  // The server outlives the cache.
  FakeRemoteCache(FakeRemoteServer& server, std::string origin);
  ~FakeRemoteCache() override;

  Task<absl::StatusOr<std::optional<RemoteEntry>>> Get(
      std::string name, absl::Time deadline) override;
  Task<absl::Status> Put(std::string name, RemoteEntry entry,
                         absl::Duration ttl, absl::Time deadline) override;
  void SetListener(std::function<void(const Invalidation&)> listener) override;
  Task<absl::Status> Renew(absl::Time deadline) override;
  bool healthy() const override;

 private:
  friend class FakeRemoteServer;

  FakeRemoteServer& server_;
  const std::string origin_;
  std::function<void(const Invalidation&)> listener_;
};

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_FAKE_REMOTE_CACHE_H_
