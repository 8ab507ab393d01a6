// Slows down who fails again and again, by network address: some failures are
// free, then one each few seconds. An API key cannot be guessed; this keeps
// those who try from busying the store and filling the log. Thread-safe.

#ifndef VALETKEY_WEB_FAILURE_LIMITER_H_
#define VALETKEY_WEB_FAILURE_LIMITER_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/base/mutex.h"

namespace valetkey::web {

struct FailureLimiterOptions {
  int free_failures = 10;
  absl::Duration interval = absl::Seconds(6);  // of one more
  // Kept at most; beyond it who is forgiven is forgotten, or else all are.
  std::size_t max_addresses = 4096;
};

class FailureLimiter {
 public:
  // The clock outlives this object.
  FailureLimiter(const Clock& clock, FailureLimiterOptions options)
      : clock_(clock), options_(options) {}

  // How long the peer has to wait before it may try; zero: not at all. A peer
  // is a ServerRequest's: "192.0.2.1:40112". An IPv6 network of 64 bits is one
  // address, for anyone has all of theirs.
  absl::Duration Wait(absl::string_view peer);
  void Failed(absl::string_view peer);

 private:
  const Clock& clock_;
  const FailureLimiterOptions options_;
  Mutex mutex_;
  // When the failures of an address are all forgiven.
  absl::flat_hash_map<std::string, absl::Time> forgiven_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_FAILURE_LIMITER_H_
