// The keys of one issuer, from its file or URL, and how they are kept fresh.
//
// From a URL they are fetched every `refresh_interval`, and at once when a
// token names a key that is not known: together for all who wait, and not
// again for ten seconds, so that made-up tokens make no load. While the URL
// cannot be read, the keys that were read last serve for `keep_keys`.
// What replaces keys must be good; what is not is logged, counted, and changes
// nothing.
//
// current() is for any thread; all else runs on the home executor.

#ifndef VALETKEY_CALLERS_ISSUER_KEYS_H_
#define VALETKEY_CALLERS_ISSUER_KEYS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/promise.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/base/mutex.h"
#include "service/callers/watched_file.h"
#include "service/identity/key_set.h"
#include "service/identity/policy.h"
#include "service/net/http/http_client.h"

namespace valetkey::callers {

// All outlive the keys.
struct IssuerKeysDependencies {
  const Clock& clock;
  Metrics& metrics;
  HttpClient* http;  // may be null for keys from a file
  asio::any_io_executor home;
  // Called after the keys have changed.
  std::function<void()> changed;
};

class IssuerKeys {
 public:
  IssuerKeys(std::string name, identity::KeyLocation location,
             std::string issuer, IssuerKeysDependencies dependencies);

  const std::string& name() const { return name_; }
  const identity::KeyLocation& location() const { return location_; }
  bool from_url() const { return location_.file.empty(); }

  // CALLER_KEYS_UNAVAILABLE: none yet, or too old.
  absl::StatusOr<std::shared_ptr<const identity::KeySet>> current() const;
  // Since when the URL was not read; zero for a file.
  absl::Duration age() const;

  // A file is read, and must be good; nothing is done for a URL.
  absl::Status Open();

  // Whether a look is due: the file has changed, or the interval is over.
  bool Due() const;

  // Reads file or URL, or waits for whoever is at it. Does nothing if that was
  // done a short while ago.
  static Task<void> Renew(std::shared_ptr<IssuerKeys> self);

 private:
  Task<absl::StatusOr<std::string>> Load();
  Task<absl::StatusOr<std::string>> Fetch(std::string url);
  absl::Status Take(absl::StatusOr<std::string> text);

  const std::string name_;
  const identity::KeyLocation location_;
  const std::string issuer_;
  const IssuerKeysDependencies dependencies_;
  Counter& loaded_;
  Counter& failed_;

  // Of the home executor.
  WatchedFile file_;
  std::shared_ptr<Promise<bool>> flight_;
  absl::Time next_try_ = absl::InfinitePast();
  absl::Time next_look_ = absl::InfinitePast();

  mutable Mutex mutex_;
  std::shared_ptr<const identity::KeySet> keys_ VK_GUARDED_BY(mutex_);
  absl::Time read_time_ VK_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_ISSUER_KEYS_H_
