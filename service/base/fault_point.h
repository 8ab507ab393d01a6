// Places where a test may end or delay the process, to show that nothing is
// lost whatever the instant of a crash.
//
//   FaultPoint("refresh.after_post");
//
// Does nothing, at the cost of one relaxed load, unless the environment
// variable VALETKEY_FAULT_POINTS is set when the first point is passed:
//
//   VALETKEY_FAULT_POINTS=refresh.after_post:kill:3,exchange.begin:sleep_ms=50
//
// A list of name:action[:count]. The action is `kill` (SIGKILL to the process
// itself) or `sleep_ms=N` (the calling thread sleeps). With a count it acts at
// that passage of the point only, the first being 1; without, at every one.
// A list that cannot be read ends the process, lest a test pass that tested
// nothing. Thread-safe.

#ifndef VALETKEY_BASE_FAULT_POINT_H_
#define VALETKEY_BASE_FAULT_POINT_H_

#include <atomic>

#include "absl/strings/string_view.h"

namespace valetkey {
namespace fault_point_internal {

// False once it is known that no point is armed.
extern std::atomic<bool> maybe_armed;
void Pass(absl::string_view name);
// Arms the points of the list as the environment variable would; false if it
// cannot be read. For tests.
bool Arm(absl::string_view list);

}  // namespace fault_point_internal

inline void FaultPoint(absl::string_view name) {
  using fault_point_internal::maybe_armed;
  if (maybe_armed.load(std::memory_order_relaxed)) {
    fault_point_internal::Pass(name);
  }
}

}  // namespace valetkey

#endif  // VALETKEY_BASE_FAULT_POINT_H_
