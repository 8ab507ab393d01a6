// An event stream in memory for tests, which fails on demand. Thread-safe.

#ifndef VALETKEY_EVENTS_FAKE_EVENT_STREAM_H_
#define VALETKEY_EVENTS_FAKE_EVENT_STREAM_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/events/event_stream.h"

namespace valetkey::events {

class FakeEventStream final : public EventStream {
 public:
  // While it is down every Append fails, having appended the first `partly`.
  void SetDown(bool down, std::size_t partly = 0) {
    MutexLock lock(mutex_);
    down_ = down;
    partly_ = partly;
  }
  std::vector<store::Event> events() const {
    MutexLock lock(mutex_);
    return events_;
  }
  // Calls of Append.
  int appends() const {
    MutexLock lock(mutex_);
    return appends_;
  }

  Task<absl::Status> Append(std::vector<store::Event> events,
                            absl::Time) override {
    MutexLock lock(mutex_);
    ++appends_;
    const std::size_t count =
        down_ ? std::min(partly_, events.size()) : events.size();
    events_.insert(events_.end(), events.begin(),
                   events.begin() + static_cast<std::ptrdiff_t>(count));
    if (down_) {
      co_return MakeError(Reason::kStoreUnavailable, "the stream is down");
    }
    co_return absl::OkStatus();
  }

 private:
  mutable Mutex mutex_;
  std::vector<store::Event> events_ VK_GUARDED_BY(mutex_);
  bool down_ VK_GUARDED_BY(mutex_) = false;
  std::size_t partly_ VK_GUARDED_BY(mutex_) = 0;
  int appends_ VK_GUARDED_BY(mutex_) = 0;
};

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_FAKE_EVENT_STREAM_H_
