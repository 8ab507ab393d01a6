// Where the outbox is published for readers outside (a Redis stream).

#ifndef VALETKEY_EVENTS_EVENT_STREAM_H_
#define VALETKEY_EVENTS_EVENT_STREAM_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/store/records.h"

namespace valetkey::events {

class EventStream {
 public:
  virtual ~EventStream() = default;
  // Appends the events in order. An error means that some may have been
  // appended: they are appended again, for delivery is at least once.
  virtual Task<absl::Status> Append(std::vector<store::Event> events,
                                    absl::Time deadline) = 0;
};

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_EVENT_STREAM_H_
