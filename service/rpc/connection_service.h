// valetkey.v1.ConnectionService over Admin. Thread-safe.
//
// The fields of what is made or changed are checked by Admin; names, masks,
// pages and enums here.

#ifndef VALETKEY_RPC_CONNECTION_SERVICE_H_
#define VALETKEY_RPC_CONNECTION_SERVICE_H_

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/broker/admin.h"
#include "service/events/event_hub.h"
#include "service/rpc/method.h"
#include "valetkey/v1/connection_service.pb.h"

namespace valetkey::rpc {

class ConnectionService {
 public:
  // All outlive this object.
  ConnectionService(broker::Admin& admin, store::Store& store,
                    events::EventHub& hub)
      : admin_(admin), store_(store), hub_(hub) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::StatusOr<v1::GetConnectionResponse>> GetConnection(
      const CallContext& context, const v1::GetConnectionRequest& request);
  Task<absl::StatusOr<v1::ListConnectionsResponse>> ListConnections(
      const CallContext& context, const v1::ListConnectionsRequest& request);
  Task<absl::StatusOr<v1::CountConnectionsResponse>> CountConnections(
      const CallContext& context, const v1::CountConnectionsRequest& request);
  Task<absl::StatusOr<v1::UpdateConnectionResponse>> UpdateConnection(
      const CallContext& context, const v1::UpdateConnectionRequest& request);
  Task<absl::StatusOr<v1::DeleteConnectionResponse>> DeleteConnection(
      const CallContext& context, const v1::DeleteConnectionRequest& request);

 private:
  broker::Admin& admin_;
  store::Store& store_;
  events::EventHub& hub_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_CONNECTION_SERVICE_H_
