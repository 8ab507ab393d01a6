// valetkey.v1.StatusService over the store, in which every server tells how it
// is. Thread-safe.

#ifndef VALETKEY_RPC_STATUS_SERVICE_H_
#define VALETKEY_RPC_STATUS_SERVICE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/rpc/method.h"
#include "service/store/store.h"
#include "valetkey/v1/status_service.pb.h"

namespace valetkey::rpc {

class StatusService {
 public:
  // All outlive this object. `instance` is this server's.
  StatusService(store::Store& store, const Clock& clock, std::string instance)
      : store_(store), clock_(clock), instance_(std::move(instance)) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::StatusOr<v1::GetStatusResponse>> GetStatus(
      const CallContext& context, const v1::GetStatusRequest& request);

 private:
  store::Store& store_;
  const Clock& clock_;
  const std::string instance_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_STATUS_SERVICE_H_
