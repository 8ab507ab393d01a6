// Serves a method table over HTTP as the Connect protocol
// (https://connectrpc.com/docs/protocol): unary calls as plain POSTs of JSON
// or protobuf, so that curl suffices, and server streams in envelopes.
//
//   POST /valetkey.v1.TokenService/GetToken
//   Content-Type: application/json
//   Authorization: Bearer vk_...
//
//   {"name": "applications/shop/connections/c-7"}
//
// Compression is not offered; Connect-Protocol-Version may be left out. A
// unary call runs to its end even if the client goes. Thread-safe.

#ifndef VALETKEY_RPC_CONNECT_HANDLER_H_
#define VALETKEY_RPC_CONNECT_HANDLER_H_

#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/broker/types.h"
#include "service/net/http/http_server.h"
#include "service/rpc/frontend.h"

namespace valetkey::rpc {

struct ConnectHandlerOptions {
  absl::Duration max_deadline = absl::Seconds(60);  // of unary calls
  std::size_t max_message = 4 << 20;
};

class ConnectHandler {
 public:
  // The front end outlives this object.
  ConnectHandler(Frontend& frontend, ConnectHandlerOptions options)
      : frontend_(frontend), options_(options) {}

  // Answers one request, made by `caller` if that is not null, whatever its
  // headers say. This object and the writer outlive the task.
  Task<void> Serve(ServerRequest request, ResponseWriter& writer,
                   std::shared_ptr<const broker::Caller> caller = nullptr);

 private:
  struct Call;

  Task<CallerOr> Admit(const Call& call) const;

  Task<void> ServeUnary(Call& call, ResponseWriter& writer);
  Task<void> ServeStream(Call& call, ResponseWriter& writer);
  Task<absl::Status> RunUnary(Call& call, Message* response);
  // What is wrong with the request as HTTP; OK to go on.
  absl::Status CheckHeaders(Call& call) const;

  Frontend& frontend_;
  const ConnectHandlerOptions options_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_CONNECT_HANDLER_H_
