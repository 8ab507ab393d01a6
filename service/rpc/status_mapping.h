// Errors on their way out: the one place where an absl::Status with a Reason
// becomes what clients see, a google.rpc.Status with ErrorInfo (domain
// "valetkey"), BadRequest for a malformed field and RetryInfo where a retry
// helps; as grpc-status-details-bin or as a Connect error in JSON. Pure
// functions, thread-safe.
//
// A status without a reason is a fault of our own: it leaves as INTERNAL,
// INTERNAL_FAULT with the request id, and its text stays in the log.

#ifndef VALETKEY_RPC_STATUS_MAPPING_H_
#define VALETKEY_RPC_STATUS_MAPPING_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/rpc/error_details.h"

namespace valetkey::rpc {

// An error of the protocol rather than of a handler (no such method, message
// too large, deadline passed, caller gone): it has a code and no Reason.
absl::Status ProtocolError(absl::StatusCode code, absl::string_view message);

// Whether the status is a fault of our own, to be logged whole.
bool IsFault(const absl::Status& status);

// REQUIRES: !status.ok().
//
// NOT_FOUND of a resource gets one message and no metadata, whether there is
// no such resource or it is another application's: callers cannot tell.
Status ToRpcStatus(const absl::Status& status, absl::string_view request_id);
grpc::Status ToGrpcStatus(const absl::Status& status,
                          absl::string_view request_id);
// {"code": "not_found", "message": ..., "details": [...]}
std::string ToConnectError(const absl::Status& status,
                           absl::string_view request_id);

// The code that leaves: the status's own, or INTERNAL for a fault.
absl::StatusCode OutwardCode(const absl::Status& status);

// "not_found" and so on; the HTTP status that goes with a code
// (https://connectrpc.com/docs/protocol/#error-codes).
absl::string_view ConnectCodeName(absl::StatusCode code);
int ConnectHttpStatus(absl::StatusCode code);

// The text in a JSON string literal, with quotes.
std::string JsonQuote(absl::string_view text);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_STATUS_MAPPING_H_
