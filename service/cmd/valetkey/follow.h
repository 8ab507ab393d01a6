// Follows a stream of events across disconnections.

#ifndef VALETKEY_CMD_VALETKEY_FOLLOW_H_
#define VALETKEY_CMD_VALETKEY_FOLLOW_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::cli {

struct FollowOptions {
  // Gets every message; false ends the following with OK.
  std::function<bool(const v1::WatchEventsResponse&)> on_message;
  // Ends the following with DEADLINE_EXCEEDED.
  absl::Time deadline = absl::InfiniteFuture();
  // Waits between two attempts; they double up to the second.
  absl::Duration first_wait = absl::Milliseconds(500);
  absl::Duration longest_wait = absl::Seconds(10);
};

// Calls WatchEvents and, once a first message has come, again whenever the
// stream breaks (UNAVAILABLE, ABORTED), from the last cursor seen: nothing is
// missed, and an event may come twice. Any other end is returned, and so is a
// first attempt that fails.
grpc::Status Follow(Shell& shell, v1::WatchEventsRequest request,
                    const FollowOptions& options);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_FOLLOW_H_
