// valetkey.v1.EventService over the event hub and the store. Thread-safe.

#ifndef VALETKEY_RPC_EVENT_SERVICE_H_
#define VALETKEY_RPC_EVENT_SERVICE_H_

#include "absl/status/status.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/broker/admin.h"
#include "service/broker/watch.h"
#include "service/events/event_hub.h"
#include "service/rpc/method.h"
#include "service/store/store.h"
#include "valetkey/v1/event_service.pb.h"

namespace valetkey::rpc {

class EventService {
 public:
  // All outlive this object.
  EventService(broker::Admin& admin, store::Store& store, events::EventHub& hub,
               const Clock& clock, broker::WatchOptions options)
      : admin_(admin),
        store_(store),
        hub_(hub),
        clock_(clock),
        options_(options) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::Status> WatchEvents(const CallContext& context,
                                 const v1::WatchEventsRequest& request,
                                 StreamWriter& writer);
  Task<absl::StatusOr<v1::ListEventsResponse>> ListEvents(
      const CallContext& context, const v1::ListEventsRequest& request);

 private:
  broker::Admin& admin_;
  store::Store& store_;
  events::EventHub& hub_;
  const Clock& clock_;
  const broker::WatchOptions options_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_EVENT_SERVICE_H_
