#include "service/rpc/frontend.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "service/base/log.h"
#include "service/base/status.h"
#include "service/rpc/status_mapping.h"

namespace valetkey::rpc {
namespace {

absl::Status ShuttingDown() {
  return MakeError(Reason::kServerShuttingDown, "the server is shutting down",
                   {}, absl::Milliseconds(100));
}

// How loud a failed call is in the log. What a caller did wrong is for the
// caller; what an operator must mend is for the operator.
LogLevel LevelOf(const absl::Status& status) {
  if (IsFault(status)) return LogLevel::kError;
  switch (ReasonOf(status)) {
    case Reason::kStoreUnavailable:
    case Reason::kCallerKeysUnavailable:
    case Reason::kEncryptionKeyMissing:
    case Reason::kProviderClientRejected:
    case Reason::kProviderRequestRejected:
      return LogLevel::kWarning;
    case Reason::kApiKeyInvalid:
    case Reason::kCallerInvalid:
    case Reason::kCallerDenied:
    case Reason::kRightMissing:
    case Reason::kWatchLagged:
    case Reason::kReauthorizationRequired:
    case Reason::kProviderUnavailable:
    case Reason::kProviderThrottled:
    case Reason::kProviderResponseInvalid:
      return LogLevel::kInfo;
    default:
      return LogLevel::kDebug;
  }
}

// The handler as a coroutine of its own, so that it can be cancelled by
// itself.
Task<absl::Status> StreamBody(const Method& method, const CallContext& context,
                              const Message& request, StreamWriter& writer) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await method.stream(context, request, writer);
}

}  // namespace

void StreamControl::Stop(absl::Status why) {
  if (stopped_.exchange(true, std::memory_order_acq_rel)) return;
  asio::post(executor_,
             [self = shared_from_this(), why = std::move(why)]() mutable {
               self->why_ = std::move(why);
               self->signal_.emit(asio::cancellation_type::terminal);
             });
}

StreamDeadline::StreamDeadline(std::shared_ptr<StreamControl> control,
                               absl::Duration left)
    : timer_(control->executor()) {
  timer_.expires_after(
      absl::ToChronoNanoseconds(std::min(left, absl::Hours(24 * 365))));
  timer_.async_wait([control](boost::system::error_code error) {
    if (error) return;
    control->Stop(ProtocolError(absl::StatusCode::kDeadlineExceeded,
                                "the call's time is over"));
  });
}

// Keeps a stream in the list while it runs.
class Frontend::Registration {
 public:
  Registration(Frontend& owner, std::shared_ptr<StreamControl> control)
      : owner_(owner) {
    MutexLock lock(owner_.mutex_);
    accepted_ = !owner_.stopping_;
    place_ = owner_.streams_.insert(owner_.streams_.end(), std::move(control));
  }
  ~Registration() {
    MutexLock lock(owner_.mutex_);
    owner_.streams_.erase(place_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  bool accepted() const { return accepted_; }

 private:
  Frontend& owner_;
  bool accepted_;
  std::list<std::shared_ptr<StreamControl>>::iterator place_;
};

Frontend::Frontend(const MethodTable& methods,
                   broker::Authenticator& authenticator,
                   callers::WorkloadAuthenticator* workloads, Metrics& metrics)
    : methods_(methods),
      authenticator_(authenticator),
      workloads_(workloads),
      call_metrics_(methods, metrics) {}

CallerOr Frontend::Authorize(const Method& method, CallerOr caller) {
  if (!caller.ok()) return caller;
  if (absl::Status status = method.access.Check(**caller); !status.ok()) {
    return status;
  }
  return caller;
}

bool Frontend::IsWorkload(absl::string_view authorization,
                          absl::string_view certificate) const {
  if (workloads_ == nullptr) return false;
  return authorization.empty()
             ? !certificate.empty()
             : callers::WorkloadAuthenticator::IsToken(authorization);
}

std::optional<CallerOr> Frontend::TryAdmit(
    const Method& method, absl::string_view authorization,
    absl::string_view certificate) const {
  if (method.access.is_public()) return CallerOr(nullptr);
  std::optional<CallerOr> caller =
      IsWorkload(authorization, certificate)
          ? workloads_->TryAuthenticate(authorization, certificate)
          : authenticator_.TryAuthenticate(authorization);
  if (!caller.has_value()) return std::nullopt;
  return Authorize(method, *std::move(caller));
}

Task<CallerOr> Frontend::Admit(const Method& method, std::string authorization,
                               std::string certificate) const {
  std::optional<CallerOr> known = TryAdmit(method, authorization, certificate);
  if (known.has_value()) co_return *std::move(known);
  if (IsWorkload(authorization, certificate)) {
    CallerOr caller = co_await workloads_->Authenticate(
        std::move(authorization), std::move(certificate));
    co_return Authorize(method, std::move(caller));
  }
  CallerOr caller =
      co_await authenticator_.Authenticate(std::move(authorization));
  co_return Authorize(method, std::move(caller));
}

void Frontend::Finished(const Method& method, const RequestContext& context,
                        const absl::Status& status, absl::Duration latency) {
  call_metrics_.Finished(method, OutwardCode(status), latency);
  if (status.ok()) {
    if (LogEnabled(LogLevel::kDebug)) {
      Log(LogLevel::kDebug, context, "call answered",
          {{"method", method.name}, {"seconds", latency}});
    }
    return;
  }
  const LogLevel level = LevelOf(status);
  if (!LogEnabled(level)) return;
  Log(level, context, "call failed",
      {{"method", method.name}, {"status", status}, {"seconds", latency}});
}

Task<absl::Status> Frontend::RunStream(const Method& method,
                                       const CallContext& context,
                                       const Message& request,
                                       StreamWriter& writer,
                                       std::shared_ptr<StreamControl> control) {
  Registration registration(*this, control);
  if (!registration.accepted()) co_return ShuttingDown();
  absl::Status status;
  // A signal given before someone listens is lost, so look first; from here
  // to the await nothing else runs on this thread.
  if (!control->stopped()) {
    status = co_await asio::co_spawn(
        control->executor(), StreamBody(method, context, request, writer),
        asio::bind_cancellation_slot(control->signal_.slot(),
                                     asio::use_awaitable));
  }
  if (control->stopped()) {
    // Stop posts the reason; it may still be on its way.
    while (control->why_.ok()) {
      co_await asio::post(control->executor(), asio::use_awaitable);
    }
    co_return control->why_;
  }
  co_return status;
}

void Frontend::StopStreams() {
  std::list<std::shared_ptr<StreamControl>> streams;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    streams = streams_;
  }
  for (const auto& stream : streams) stream->Stop(ShuttingDown());
}

}  // namespace valetkey::rpc
