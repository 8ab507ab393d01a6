// One unary call, tried as often as the retry table of clients/README.md
// allows.

#ifndef VALETKEY_CLIENT_SRC_RETRYING_CALL_H_
#define VALETKEY_CLIENT_SRC_RETRYING_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "src/backoff.h"
#include "src/core.h"
#include "src/mutex.h"
#include "src/scheduler.h"
#include "valetkey/call_options.h"

namespace valetkey::client::internal {

struct CallPlan {
  // Makes a try, whose end is told to the function given.
  std::function<void(grpc::ClientContext*, std::function<void(grpc::Status)>)>
      attempt;
  bool repeatable = false;
  absl::Duration timeout;
  std::optional<Cancellation> cancellation;
  // Called once, without locks, never from within Start.
  absl::AnyInvocable<void(absl::Status)> done;
};

// Thread-safe.
class RetryingCall final : public Closable,
                           public std::enable_shared_from_this<RetryingCall> {
 public:
  // Returns nothing if the client is closed; `done` is not called then.
  static std::shared_ptr<RetryingCall> Start(std::shared_ptr<Core> core,
                                             CallPlan plan);

  // Cancels: it ends with CANCELLED.
  void Close() override;

 private:
  RetryingCall(std::shared_ptr<Core> core, CallPlan plan)
      : core_(std::move(core)), plan_(std::move(plan)) {}

  void Try();
  void OnTimer();
  void OnEnd(const grpc::Status& status);
  void Finish(absl::Status status);

  const std::shared_ptr<Core> core_;
  CallPlan plan_;            // `done` is used by Finish alone
  absl::Duration deadline_;  // of the scheduler's Elapsed()
  std::uint64_t registration_ = 0;

  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the try under way; none between tries.
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  Scheduler::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  // The last try's, with the wait that followed it; OK if there was none.
  absl::Status unavailable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_RETRYING_CALL_H_
