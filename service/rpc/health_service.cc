#include "service/rpc/health_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "service/rpc/status_mapping.h"

namespace valetkey::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A watcher's timer, in the list as long as the watcher lives.
class HealthService::Waiter {
 public:
  Waiter(HealthService& owner, const asio::any_io_executor& executor)
      : owner_(owner), timer_(std::make_shared<asio::steady_timer>(executor)) {
    MutexLock lock(owner_.mutex_);
    place_ = owner_.waiters_.insert(owner_.waiters_.end(), timer_);
  }
  ~Waiter() {
    MutexLock lock(owner_.mutex_);
    owner_.waiters_.erase(place_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  asio::steady_timer& timer() { return *timer_; }

 private:
  HealthService& owner_;
  const std::shared_ptr<asio::steady_timer> timer_;
  std::list<std::shared_ptr<asio::steady_timer>>::iterator place_;
};

void HealthService::Register(MethodTable& methods) {
  methods_ = &methods;
  methods.Add(Unary("/grpc.health.v1.Health/Check", Access::Public(), this,
                    &HealthService::Check));
  methods.Add(ServerStream<HealthCheckResponse>("/grpc.health.v1.Health/Watch",
                                                Access::Public(), this,
                                                &HealthService::Watch));
}

void HealthService::SetServing(bool serving) {
  MutexLock lock(mutex_);
  serving_ = serving;
  for (const auto& timer : waiters_) {
    asio::post(timer->get_executor(), [timer] {
      timer->expires_at(asio::steady_timer::time_point::min());
    });
  }
}

bool HealthService::serving() const {
  MutexLock lock(mutex_);
  return serving_;
}

bool HealthService::Knows(const std::string& service) const {
  if (service.empty()) return true;
  const auto& methods = methods_->methods();
  return std::any_of(methods.begin(), methods.end(), [&](const auto& method) {
    return ServiceOf(method->name) == service;
  });
}

Task<absl::StatusOr<HealthCheckResponse>> HealthService::Check(
    const CallContext&, const HealthCheckRequest& request) {
  if (!Knows(request.service())) {
    co_return ProtocolError(absl::StatusCode::kNotFound, "no such service");
  }
  HealthCheckResponse response;
  response.set_status(serving() ? HealthCheckResponse::SERVING
                                : HealthCheckResponse::NOT_SERVING);
  co_return response;
}

Task<absl::Status> HealthService::Watch(const CallContext&,
                                        const HealthCheckRequest& request,
                                        StreamWriter& writer) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Waiter waiter(*this, executor);
  std::optional<HealthCheckResponse::ServingStatus> told;
  while (!writer.stopped()) {
    // Armed before looking: a change from here on ends the wait.
    waiter.timer().expires_at(asio::steady_timer::time_point::max());
    const HealthCheckResponse::ServingStatus status =
        !Knows(request.service()) ? HealthCheckResponse::SERVICE_UNKNOWN
        : serving()               ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING;
    if (status != told) {
      HealthCheckResponse response;
      response.set_status(status);
      if (!co_await writer.Write(response)) break;
      told = status;
      continue;
    }
    boost::system::error_code ignored;
    co_await waiter.timer().async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return absl::OkStatus();
}

}  // namespace valetkey::rpc
