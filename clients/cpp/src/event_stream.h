// One WatchEvents stream, from its opening to its end. Who wants it resumed
// opens another.

#ifndef VALETKEY_CLIENT_SRC_EVENT_STREAM_H_
#define VALETKEY_CLIENT_SRC_EVENT_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "src/core.h"
#include "src/mutex.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::client::internal {

// Thread-safe.
class EventStream final
    : public Closable,
      public grpc::ClientReadReactor<v1::WatchEventsResponse> {
 public:
  // Both are called without locks, one at a time, never from within Start,
  // Read or Close.
  struct Handlers {
    // After each Read, unless the stream ended or was closed.
    std::function<void(v1::WatchEventsResponse)> on_message;
    // Once, at last. A stream that the server ended in good order is
    // UNAVAILABLE, as it is when it breaks.
    std::function<void(absl::Status)> on_end;
  };
  // Opens it and reads the first message. Returns nothing if the client is
  // closed; no handler is called then.
  static std::shared_ptr<EventStream> Start(std::shared_ptr<Core> core,
                                            v1::WatchEventsRequest request,
                                            Handlers handlers);

  // Asks for the next message. REQUIRES: the last one asked for has come.
  void Read();
  // Ends it with CANCELLED.
  void Close() override;

 private:
  EventStream(std::shared_ptr<Core> core, v1::WatchEventsRequest request,
              Handlers handlers)
      : core_(std::move(core)),
        request_(std::move(request)),
        handlers_(std::move(handlers)) {}

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  // gRPC waits for the hold before OnDone: a Read may come from any thread.
  void ReleaseHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<Core> core_;
  const v1::WatchEventsRequest request_;
  Handlers handlers_;
  grpc::ClientContext context_;
  v1::WatchEventsResponse message_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_EVENT_STREAM_H_
