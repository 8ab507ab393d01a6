// One open stream of WatchEvents.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_STREAM_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "src/mutex.h"
#include "src/tsan.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::client::internal {

class FakeServer;

// Thread-safe. Destroys itself at its end.
class FakeStream final
    : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  FakeStream(FakeServer* server, v1::WatchEventsRequest request)
      : server_(server), request_(std::move(request)) {
    HandOver(this);
  }

  const v1::WatchEventsRequest& request() const { return request_; }
  // The number of the event to follow; the server's lock guards it.
  std::size_t next = 0;

  void Send(std::vector<v1::WatchEventsResponse> messages);
  // Ends it once what was sent is written; a stream with an error ends at
  // once.
  void End(const grpc::Status& status);

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FakeServer* const server_;
  const v1::WatchEventsRequest request_;

  Mutex mutex_;
  std::deque<v1::WatchEventsResponse> queue_ ABSL_GUARDED_BY(mutex_);
  v1::WatchEventsResponse writing_;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_STREAM_H_
