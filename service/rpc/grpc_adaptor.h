// Serves a method table by gRPC's callback API. The one place where gRPC's
// threads meet Asio's.
//
// A call that the fast form can answer is answered on gRPC's thread, with
// gRPC's own reactor and no allocation of ours but for the answer. Every other
// call becomes a coroutine on one of the reactors.
//
// Messages are taken and given as raw bytes (as `WithRawCallbackMethod_` of
// generated services does): so one implementation serves all methods, parses
// on an arena, and answers a message that cannot be parsed with
// INVALID_ARGUMENT, where gRPC's own would say UNIMPLEMENTED.

#ifndef VALETKEY_RPC_GRPC_ADAPTOR_H_
#define VALETKEY_RPC_GRPC_ADAPTOR_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/rpc/frontend.h"

namespace valetkey::rpc {

struct GrpcAdaptorOptions {
  // A unary call without a deadline, or with a later one, gets this.
  absl::Duration max_deadline = absl::Seconds(60);
};

class GrpcAdaptor {
 public:
  // All outlive this object, and this object outlives the server that it is
  // registered with and the tasks in `scope`.
  GrpcAdaptor(Frontend& frontend, ReactorPool& reactors, TaskScope& scope,
              GrpcAdaptorOptions options);
  ~GrpcAdaptor();

  // Adds the services of the table to a server.
  void Register(grpc::ServerBuilder& builder);

 private:
  class Service;
  std::vector<std::unique_ptr<Service>> services_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_GRPC_ADAPTOR_H_
