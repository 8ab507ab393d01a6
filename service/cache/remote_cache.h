// The token cache that replicas share (Redis). May be lost at any moment:
// every error means "not there". Thread-safe; resumes on the caller's executor.

#ifndef VALETKEY_CACHE_REMOTE_CACHE_H_
#define VALETKEY_CACHE_REMOTE_CACHE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"

namespace valetkey::cache {

struct RemoteEntry {
  std::int64_t generation = 0;
  std::string sealed;  // "" is a tombstone: nothing older may come back
};

// Says that replicas must drop what they hold of a connection below a
// generation.
struct Invalidation {
  std::string name;
  std::int64_t generation = 0;
  std::string origin;  // the replica that says so
};

class RemoteCache {
 public:
  virtual ~RemoteCache() = default;

  virtual Task<absl::StatusOr<std::optional<RemoteEntry>>> Get(
      std::string name, absl::Time deadline) = 0;
  // Keeps the entry for `ttl` unless one of a higher generation, or a
  // tombstone of the same, is there already. Announces it to other replicas.
  virtual Task<absl::Status> Put(std::string name, RemoteEntry entry,
                                 absl::Duration ttl, absl::Time deadline) = 0;

  // Called for each invalidation that another replica announced, on a reactor
  // thread; and with an empty name when announcements may have been missed
  // (the connection was lost), so that memory is no longer to be trusted.
  // Set once, before use.
  virtual void SetListener(
      std::function<void(const Invalidation&)> listener) = 0;

  // Finds out whether the cache is still the one that it was. What was written
  // to an earlier incarnation (a server that has restarted since, perhaps from
  // an old snapshot, or another one that took its place) is not read any more
  // once this has returned. UNAVAILABLE while that cannot be known.
  virtual Task<absl::Status> Renew(absl::Time deadline) = 0;

  // Whether it answers at the moment.
  virtual bool healthy() const = 0;
};

}  // namespace valetkey::cache

#endif  // VALETKEY_CACHE_REMOTE_CACHE_H_
