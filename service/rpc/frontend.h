// What gRPC and HTTP/JSON have in common: who may call, what is counted and
// logged, and how streams end when the server stops. Thread-safe.

#ifndef VALETKEY_RPC_FRONTEND_H_
#define VALETKEY_RPC_FRONTEND_H_

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/metrics.h"
#include "service/base/mutex.h"
#include "service/broker/authenticator.h"
#include "service/callers/workload_authenticator.h"
#include "service/rpc/call_metrics.h"
#include "service/rpc/method.h"

namespace valetkey::rpc {

using CallerOr = absl::StatusOr<std::shared_ptr<const broker::Caller>>;

// A streaming call under way: lets others end it. Its state belongs to the
// thread of its executor; Stop may be called from anywhere.
class StreamControl : public std::enable_shared_from_this<StreamControl> {
 public:
  explicit StreamControl(asio::any_io_executor executor)
      : executor_(std::move(executor)) {}

  // Ends the call with this status: wakes its handler and makes it return.
  // Only the first counts.
  void Stop(absl::Status why);
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  friend class Frontend;

  const asio::any_io_executor executor_;
  std::atomic<bool> stopped_{false};
  asio::cancellation_signal signal_;  // executor's thread only
  absl::Status why_;                  // executor's thread only
};

// Stops a stream when its time is over, unless it is destroyed before. Used on
// the control's executor.
class StreamDeadline {
 public:
  StreamDeadline(std::shared_ptr<StreamControl> control, absl::Duration left);

 private:
  asio::steady_timer timer_;
};

class Frontend {
 public:
  // All outlive this object. Without `workloads` callers have API keys.
  Frontend(const MethodTable& methods, broker::Authenticator& authenticator,
           callers::WorkloadAuthenticator* workloads, Metrics& metrics);

  const MethodTable& methods() const { return methods_; }

  // Whether the call may be made, without waiting; nullopt if that must be
  // looked up. A public method gives a null caller. The certificate is the
  // client's that TLS has verified, in PEM, or ""; it counts where there is no
  // authorization.
  std::optional<CallerOr> TryAdmit(const Method& method,
                                   absl::string_view authorization,
                                   absl::string_view certificate) const;
  Task<CallerOr> Admit(const Method& method, std::string authorization,
                       std::string certificate) const;
  // Whether a caller who is known may make the call.
  static CallerOr Authorize(const Method& method, CallerOr caller);
  // Whether certificates count at all.
  bool uses_certificates() const { return workloads_ != nullptr; }

  // An answer of the fast form.
  void CountFast(const Method& method) { call_metrics_.CountFast(method); }
  // Every other call: Started once, then Finished once, which also logs.
  void Started() { call_metrics_.Started(); }
  int in_flight() const { return call_metrics_.in_flight(); }
  void Finished(const Method& method, const RequestContext& context,
                const absl::Status& status, absl::Duration latency);

  // Runs a streaming handler until it returns or `control` is stopped, and
  // gives its status or the reason why it was stopped. Must be awaited on the
  // control's executor; context, request and writer outlive it.
  Task<absl::Status> RunStream(const Method& method, const CallContext& context,
                               const Message& request, StreamWriter& writer,
                               std::shared_ptr<StreamControl> control);

  // Ends all streams with SERVER_SHUTTING_DOWN, and those begun later at once.
  void StopStreams();

 private:
  class Registration;

  // Whether it is for the caller policy to say who calls.
  bool IsWorkload(absl::string_view authorization,
                  absl::string_view certificate) const;

  const MethodTable& methods_;
  broker::Authenticator& authenticator_;
  callers::WorkloadAuthenticator* const workloads_;
  CallMetrics call_metrics_;

  Mutex mutex_;
  bool stopping_ VK_GUARDED_BY(mutex_) = false;
  std::list<std::shared_ptr<StreamControl>> streams_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_FRONTEND_H_
