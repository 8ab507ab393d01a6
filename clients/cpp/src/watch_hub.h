// The one watch of an application, which tells the token sources of its
// connections what happens to them. Open while there is a source.

#ifndef VALETKEY_CLIENT_SRC_WATCH_HUB_H_
#define VALETKEY_CLIENT_SRC_WATCH_HUB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "src/backoff.h"
#include "src/event_stream.h"
#include "src/mutex.h"
#include "src/scheduler.h"

namespace valetkey::client::internal {

class Core;
class Source;

// Thread-safe. Calls the sources without its lock; they may call it with
// theirs.
class WatchHub : public std::enable_shared_from_this<WatchHub> {
 public:
  // The core outlives the hub.
  WatchHub(Core& core, std::string application)
      : core_(core), application_(std::move(application)) {}

  // The first source opens the stream. False if the stream is still coming;
  // then the source's OnWatchReady is called once it has come, was refused, or
  // has not come within a second.
  bool Add(const std::shared_ptr<Source>& source);
  // The last source closes the stream.
  void Remove(const Source* source);
  // Since the last message; infinite if there was none.
  absl::Duration Silence() const;
  // For good.
  void Close();

 private:
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenAfter(absl::Duration wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Shut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnMessage(std::uint64_t number, const v1::WatchEventsResponse& message);
  void OnEnd(std::uint64_t number, const absl::Status& status);
  void SetReady(std::uint64_t number);
  // All, or those of one connection.
  std::vector<std::shared_ptr<Source>> Sources(const std::string& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Core& core_;
  const std::string application_;

  mutable Mutex mutex_;
  absl::Duration last_message_ ABSL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();  // of the scheduler's Elapsed()
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // By connection, of which there may be several.
  std::map<std::pair<std::string, const Source*>, std::weak_ptr<Source>>
      sources_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<EventStream> stream_ ABSL_GUARDED_BY(mutex_);
  // Of the stream or timer that is heeded; others are of the past.
  std::uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of the first stream since there are sources.
  std::uint64_t opening_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  bool first_message_ ABSL_GUARDED_BY(mutex_) = true;
  std::string cursor_ ABSL_GUARDED_BY(mutex_);
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  Scheduler::TimerId open_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  Scheduler::TimerId ready_timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_WATCH_HUB_H_
