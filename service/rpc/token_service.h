// valetkey.v1.TokenService over the broker. Thread-safe.

#ifndef VALETKEY_RPC_TOKEN_SERVICE_H_
#define VALETKEY_RPC_TOKEN_SERVICE_H_

#include <optional>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/broker/broker.h"
#include "service/rpc/method.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::rpc {

class TokenService {
 public:
  // The broker outlives this object.
  explicit TokenService(broker::Broker& broker) : broker_(broker) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::StatusOr<v1::AuthorizeResponse>> Authorize(
      const CallContext& context, const v1::AuthorizeRequest& request);
  Task<absl::StatusOr<v1::ExchangeResponse>> Exchange(
      const CallContext& context, const v1::ExchangeRequest& request);
  Task<absl::StatusOr<v1::GetTokenResponse>> GetToken(
      const CallContext& context, const v1::GetTokenRequest& request);
  std::optional<absl::Status> TryGetToken(const broker::Caller& caller,
                                          const v1::GetTokenRequest& request,
                                          v1::GetTokenResponse* response);
  Task<absl::StatusOr<v1::RefreshResponse>> Refresh(
      const CallContext& context, const v1::RefreshRequest& request);
  Task<absl::StatusOr<v1::RevokeResponse>> Revoke(
      const CallContext& context, const v1::RevokeRequest& request);

 private:
  broker::Broker& broker_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_TOKEN_SERVICE_H_
