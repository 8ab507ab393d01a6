// Counts calls by method and code, their latency and those under way.
//
// Answers from the fast form are counted by one relaxed increment in a stripe
// of the calling thread, and their latency is not measured: a clock reading
// and a histogram would cost more than the answer. They are exported by a
// collector. Thread-safe.

#ifndef VALETKEY_RPC_CALL_METRICS_H_
#define VALETKEY_RPC_CALL_METRICS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/base/metrics.h"
#include "service/rpc/method.h"

namespace valetkey::rpc {

class CallMetrics {
 public:
  // Both outlive this object; the metrics may be exported after it is gone.
  CallMetrics(const MethodTable& methods, Metrics& metrics);

  void CountFast(const Method& method);
  void Started();
  void Finished(const Method& method, absl::StatusCode code,
                absl::Duration latency);
  int in_flight() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_CALL_METRICS_H_
