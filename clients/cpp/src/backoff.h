// The waits between tries: 0.1 s, doubling to 5 s, each times a random number
// in [0.5, 1.5).

#ifndef VALETKEY_CLIENT_SRC_BACKOFF_H_
#define VALETKEY_CLIENT_SRC_BACKOFF_H_

#include <algorithm>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "src/scheduler.h"
#include "valetkey/error.h"

namespace valetkey::client::internal {

class Backoff {
 public:
  absl::Duration Next(Scheduler& scheduler) {
    const absl::Duration wait = wait_ * (0.5 + scheduler.Random());
    wait_ = std::min(wait_ * 2, absl::Duration(absl::Seconds(5)));
    return wait;
  }
  // The delay that the error asks for, or else the next wait.
  absl::Duration After(const absl::Status& status, Scheduler& scheduler) {
    const auto told = RetryDelayOf(status);
    return told.has_value() ? *told : Next(scheduler);
  }
  void Reset() { wait_ = kFirst; }

 private:
  static constexpr absl::Duration kFirst = absl::Milliseconds(100);
  absl::Duration wait_ = kFirst;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_BACKOFF_H_
