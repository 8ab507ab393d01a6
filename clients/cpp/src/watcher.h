// What is behind a Watch: streams one after the other, and the message that
// was read ahead.

#ifndef VALETKEY_CLIENT_SRC_WATCHER_H_
#define VALETKEY_CLIENT_SRC_WATCHER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "src/backoff.h"
#include "src/event_stream.h"
#include "src/mutex.h"
#include "valetkey/call_options.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::client::internal {

// Thread-safe.
class Watcher final : public Closable,
                      public std::enable_shared_from_this<Watcher> {
 public:
  using Response = v1::WatchEventsResponse;

  // Closed from the start if the client is.
  static std::shared_ptr<Watcher> Create(std::shared_ptr<Core> core,
                                         v1::WatchEventsRequest request);

  void Next(const CallOptions& options, Callback<Response> done);
  void Close() override;

 private:
  Watcher(std::shared_ptr<Core> core, v1::WatchEventsRequest request)
      : core_(std::move(core)), request_(std::move(request)) {}

  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Unless something has come between since that number.
  void OpenIf(std::uint64_t number);
  void OnMessage(std::uint64_t number, Response message);
  void OnEnd(std::uint64_t number, const absl::Status& status);
  // Answers the consumer if it waits and there is something.
  void Deliver();
  void GiveUp(std::uint64_t turn, const absl::Status& status);

  const std::shared_ptr<Core> core_;

  Mutex mutex_;
  v1::WatchEventsRequest request_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<EventStream> stream_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;  // of the stream heeded
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  Scheduler::TimerId open_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Response> message_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_ ABSL_GUARDED_BY(mutex_);  // OK while it goes on

  // The consumer that waits; it has no callback if none does.
  Callback<Response> done_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t turn_ ABSL_GUARDED_BY(mutex_) = 0;
  Scheduler::TimerId deadline_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Cancellation> cancellation_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t registration_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_WATCHER_H_
