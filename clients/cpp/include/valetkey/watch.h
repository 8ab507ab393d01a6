// The events of an application, resumed by itself.
//
//   absl::StatusOr<Watch> watch = client.WatchEvents(request);
//   while (true) {
//     absl::StatusOr<v1::WatchEventsResponse> message = watch->Next();
//     if (!message.ok()) break;
//     if (message->has_event()) Handle(message->event());
//   }

#ifndef VALETKEY_WATCH_H_
#define VALETKEY_WATCH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "valetkey/call_options.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::client {

namespace internal {
class Watcher;
}  // namespace internal

// When the stream breaks (UNAVAILABLE, or WATCH_LAGGED) it begins again after
// the last message that Next gave, and the consumer notices nothing. A break
// within a snapshot begins the snapshot anew. Delivery is at least once.
//
// One consumer at a time; Close may be called from anywhere. It closes when it
// is destroyed.
class Watch {
 public:
  // Made by Client::WatchEvents.
  explicit Watch(std::shared_ptr<internal::Watcher> watcher);
  ~Watch();
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;

  // The next event, connection of a snapshot, or checkpoint, with its cursor.
  // Waits as long as it takes, or as the options say: after DEADLINE_EXCEEDED
  // and a cancellation the watch goes on, and no message is lost.
  //
  // Any other error ends the watch, and comes again: CURSOR_EXPIRED (list, or
  // begin with a snapshot), RIGHT_MISSING, CANCELLED once it is closed.
  // REQUIRES: the callback of the last Next has been called.
  absl::StatusOr<v1::WatchEventsResponse> Next(const CallOptions& options = {});
  void Next(const CallOptions& options, Callback<v1::WatchEventsResponse> done);

  // May be called more than once.
  void Close();

 private:
  std::shared_ptr<internal::Watcher> watcher_;
};

}  // namespace valetkey::client

#endif  // VALETKEY_WATCH_H_
