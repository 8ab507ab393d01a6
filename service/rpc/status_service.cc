#include "service/rpc/status_service.h"

#include <vector>

#include "service/base/status.h"
#include "service/rpc/convert.h"

namespace valetkey::rpc {

void StatusService::Register(MethodTable& methods) {
  methods.Add(Unary("/valetkey.v1.StatusService/GetStatus",
                    Access::SystemRight(store::kAdminister), this,
                    &StatusService::GetStatus));
}

Task<absl::StatusOr<v1::GetStatusResponse>> StatusService::GetStatus(
    const CallContext&, const v1::GetStatusRequest&) {
  VK_CO_ASSIGN_OR_RETURN(const std::vector<store::Replica> replicas,
                         co_await store_.ListReplicas());
  VK_CO_ASSIGN_OR_RETURN(const store::Backlog backlog,
                         co_await store_.GetBacklog());
  VK_CO_ASSIGN_OR_RETURN(const store::EventRange range,
                         co_await store_.GetEventRange());
  v1::GetStatusResponse response;
  response.set_instance(instance_);
  for (const store::Replica& replica : replicas) {
    v1::Replica& out = *response.add_replicas();
    out.set_instance(replica.instance);
    out.set_host(replica.host);
    out.set_version(replica.version);
    FillTime(replica.start_time, out.mutable_start_time());
    FillTime(replica.beat_time, out.mutable_beat_time());
    // One of a version that tells in another way is shown without.
    if (!out.mutable_status()->ParseFromString(replica.status)) {
      out.clear_status();
    }
  }
  FillTime(clock_.Now(), response.mutable_time());
  response.set_due(backlog.due);
  if (backlog.oldest_due) {
    FillTime(*backlog.oldest_due, response.mutable_oldest_due_time());
  }
  response.set_oldest_event(range.oldest);
  response.set_newest_event(range.newest);
  response.set_unpublished_events(backlog.unpublished);
  co_return response;
}

}  // namespace valetkey::rpc
