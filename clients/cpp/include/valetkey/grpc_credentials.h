// TokenSource for calls to a provider that speaks gRPC.

#ifndef VALETKEY_GRPC_CREDENTIALS_H_
#define VALETKEY_GRPC_CREDENTIALS_H_

#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>

#include "valetkey/call_options.h"
#include "valetkey/token_source.h"

namespace valetkey::client {

// Call credentials that send the source's token as `authorization`. gRPC sends
// them over encrypted channels and Unix sockets with local credentials only. If
// no token is to be had, the call fails with UNAVAILABLE.
std::shared_ptr<grpc::CallCredentials> TokenCredentials(TokenSource source);

// Makes a call with the source's token; if it ends with UNAUTHENTICATED,
// invalidates the token and makes it once more with a new one.
//
//   grpc::Status status = CallWithToken(
//       source, [&](grpc::ClientContext* context) {
//         return stub->ListBoards(context, request, &response);
//       });
//
// If no token is to be had, returns the first answer, or else the source's
// error. `call` is unary; it may set what it likes in the context but the
// credentials.
grpc::Status CallWithToken(
    const TokenSource& source,
    const std::function<grpc::Status(grpc::ClientContext*)>& call,
    const CallOptions& options = {});

}  // namespace valetkey::client

#endif  // VALETKEY_GRPC_CREDENTIALS_H_
