// Calls that are passed on as they are: for a program that stands between an
// application and ValetKey, as the sidecar does.
//
//   absl::StatusOr<ForwardedCall> call = ForwardedCall::Start(
//       client, "/valetkey.v1.TokenService/Revoke", request, {}, handlers);
//
// The client adds its own credentials. Nothing is tried again, and no name is
// expanded: that is for who makes the call.

#ifndef VALETKEY_FORWARD_H_
#define VALETKEY_FORWARD_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace valetkey::client {

class Client;
namespace internal {
class Forward;
}  // namespace internal

struct ForwardOptions {
  absl::Time deadline = absl::InfiniteFuture();
  // Keys in lower case. Not "authorization".
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Both are called without locks, one at a time, never from within Start, Read
// or Cancel. Closing the client ends the call, too.
struct ForwardHandlers {
  // A message of the answer; the next one comes after Read.
  std::function<void(grpc::ByteBuffer)> on_message;
  // Once, at last: the status as it came, with its details.
  std::function<void(const grpc::Status&)> on_end;
};

// A call with one request and any number of answers, unary or streamed. Copies
// are the same call; it goes on without them. Thread-safe.
class ForwardedCall {
 public:
  // The method as it is in the request's path. CANCELLED if the client is
  // closed; no handler is called then.
  static absl::StatusOr<ForwardedCall> Start(Client& client,
                                             const std::string& method,
                                             grpc::ByteBuffer request,
                                             const ForwardOptions& options,
                                             ForwardHandlers handlers);
  explicit ForwardedCall(std::shared_ptr<internal::Forward> forward);

  // Asks for the next message. REQUIRES: the last one has come.
  void Read() const;
  // Ends it with CANCELLED.
  void Cancel() const;

 private:
  std::shared_ptr<internal::Forward> forward_;
};

// The status as gRPC sends it, with its reason, metadata and retry delay
// (error.h) as details: for the answer to whoever's call failed here.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace valetkey::client

#endif  // VALETKEY_FORWARD_H_
