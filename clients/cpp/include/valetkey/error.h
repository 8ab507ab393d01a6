// What went wrong in a call, typed.
//
//   absl::StatusOr<Token> token = source.Get();
//   if (IsReauthorizationRequired(token.status())) {
//     SendToConsent(*GetError(token.status()).reauthorization);
//   }
//
// Every failed call is an absl::Status. Its code is gRPC's; what the server
// said besides is in its payloads, as google.rpc.ErrorInfo and
// google.rpc.RetryInfo under their usual type URLs. GetError() reads them.
// Branch on the kind or the reason, never on the message.

#ifndef VALETKEY_ERROR_H_
#define VALETKEY_ERROR_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client {

// What a program acts on. Anything else is kError.
enum class ErrorKind {
  kError,
  // The person must consent again: Authorize with Error::reauthorization.
  kReauthorizationRequired,
  kConnectionRevoked,
  kScopeNotGranted,  // see Error::missing_scopes
  kConsentDenied,
  kNotFound,
  kInvalidArgument,  // see Error::field
  kUnauthenticated,  // the API key is missing or wrong
  kPermissionDenied,
  kCursorExpired,
  kUnavailable,  // see Error::retry_delay
  // Refused by the library before anything was sent: a bad option, a short
  // name without an application. Its code is INVALID_ARGUMENT.
  kConfig,
};

// "ReauthorizationRequired" and so on; "Error" and "Config" for those two.
absl::string_view ErrorKindName(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kError;
  absl::StatusCode code = absl::StatusCode::kUnknown;
  // A valetkey.v1.ErrorReason by name, also one that this library does not
  // know; empty if the server was not reached.
  std::string reason;
  // Of the reason; see errors.proto.
  std::map<std::string, std::string> metadata;
  // When to try again; absent if that is no help.
  std::optional<absl::Duration> retry_delay;
  // For people.
  std::string message;

  // Of kReauthorizationRequired. The request is ready for Client::Authorize.
  std::string connection;
  std::string provider;
  std::string subject;
  std::optional<v1::AuthorizeRequest> reauthorization;
  // Of kScopeNotGranted.
  std::vector<std::string> missing_scopes;
  // Of kInvalidArgument: the malformed field, if the server named one.
  std::string field;
};

// REQUIRES: !status.ok(). Takes any status; one that is not of this library
// has no reason, and its code decides the kind.
Error GetError(const absl::Status& status);

// The kind alone. kError for an OK status, so that it may be asked of any.
ErrorKind KindOf(const absl::Status& status);

// Of the kinds that are more than a code. For the others there are Abseil's own
// absl::IsNotFound(status) and its kin, which an unqualified call finds too.

inline bool IsReauthorizationRequired(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kReauthorizationRequired;
}
inline bool IsConnectionRevoked(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kConnectionRevoked;
}
inline bool IsScopeNotGranted(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kScopeNotGranted;
}
inline bool IsConsentDenied(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kConsentDenied;
}
inline bool IsCursorExpired(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kCursorExpired;
}
inline bool IsConfigError(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kConfig;
}

// When to try again; absent if that is no help.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

}  // namespace valetkey::client

#endif  // VALETKEY_ERROR_H_
