// valetkey.v1.ApplicationService over Admin. Thread-safe.
//
// The fields of what is made or changed are checked by Admin; names, masks,
// pages and enums here.

#ifndef VALETKEY_RPC_APPLICATION_SERVICE_H_
#define VALETKEY_RPC_APPLICATION_SERVICE_H_

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/broker/admin.h"
#include "service/rpc/method.h"
#include "valetkey/v1/application_service.pb.h"

namespace valetkey::rpc {

class ApplicationService {
 public:
  // All outlive this object.
  explicit ApplicationService(broker::Admin& admin) : admin_(admin) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::StatusOr<v1::CreateApplicationResponse>> CreateApplication(
      const CallContext& context, const v1::CreateApplicationRequest& request);
  Task<absl::StatusOr<v1::GetApplicationResponse>> GetApplication(
      const CallContext& context, const v1::GetApplicationRequest& request);
  Task<absl::StatusOr<v1::ListApplicationsResponse>> ListApplications(
      const CallContext& context, const v1::ListApplicationsRequest& request);
  Task<absl::StatusOr<v1::UpdateApplicationResponse>> UpdateApplication(
      const CallContext& context, const v1::UpdateApplicationRequest& request);
  Task<absl::StatusOr<v1::DeleteApplicationResponse>> DeleteApplication(
      const CallContext& context, const v1::DeleteApplicationRequest& request);
  Task<absl::StatusOr<v1::CreateKeyResponse>> CreateKey(
      const CallContext& context, const v1::CreateKeyRequest& request);
  Task<absl::StatusOr<v1::ListKeysResponse>> ListKeys(
      const CallContext& context, const v1::ListKeysRequest& request);
  Task<absl::StatusOr<v1::RevokeKeyResponse>> RevokeKey(
      const CallContext& context, const v1::RevokeKeyRequest& request);

 private:
  broker::Admin& admin_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_APPLICATION_SERVICE_H_
