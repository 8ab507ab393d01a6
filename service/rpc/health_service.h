// The standard gRPC health service (grpc.health.v1.Health), without a key.
// Known are the whole server ("") and each service of the table. Thread-safe.

#ifndef VALETKEY_RPC_HEALTH_SERVICE_H_
#define VALETKEY_RPC_HEALTH_SERVICE_H_

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/mutex.h"
#include "service/rpc/health.pb.h"
#include "service/rpc/method.h"

namespace valetkey::rpc {

class HealthService {
 public:
  // Adds its methods; this object outlives the table, which is complete before
  // the first call.
  void Register(MethodTable& methods);

  // Starts as not serving. Wakes watchers.
  void SetServing(bool serving);

  Task<absl::StatusOr<grpc::health::v1::HealthCheckResponse>> Check(
      const CallContext& context,
      const grpc::health::v1::HealthCheckRequest& request);
  Task<absl::Status> Watch(const CallContext& context,
                           const grpc::health::v1::HealthCheckRequest& request,
                           StreamWriter& writer);

 private:
  class Waiter;

  bool Knows(const std::string& service) const;
  bool serving() const;

  const MethodTable* methods_ = nullptr;
  mutable Mutex mutex_;
  bool serving_ VK_GUARDED_BY(mutex_) = false;
  // Timers are cancelled on their own executors.
  std::list<std::shared_ptr<asio::steady_timer>> waiters_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_HEALTH_SERVICE_H_
