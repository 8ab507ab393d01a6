#include "valetkey/error.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "src/status.h"
#include "valetkey/client/internal/error_details.pb.h"
#include "valetkey/forward.h"

namespace valetkey::client {
namespace {

constexpr absl::string_view kErrorInfoUrl =
    "type.googleapis.com/google.rpc.ErrorInfo";
constexpr absl::string_view kRetryInfoUrl =
    "type.googleapis.com/google.rpc.RetryInfo";
constexpr absl::string_view kConfigUrl = "valetkey.client/config";
constexpr absl::string_view kDomain = "valetkey";

// The payload as a message; false if there is none or it is damaged.
template <typename Message>
bool Payload(const absl::Status& status, absl::string_view url,
             Message& message) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() && message.ParseFromString(std::string(*payload));
}

bool InfoOf(const absl::Status& status, internal::ErrorInfo& info) {
  return Payload(status, kErrorInfoUrl, info) && info.domain() == kDomain;
}

ErrorKind KindOf(absl::StatusCode code, absl::string_view reason) {
  if (reason == "REAUTHORIZATION_REQUIRED") {
    return ErrorKind::kReauthorizationRequired;
  }
  if (reason == "CONNECTION_REVOKED") return ErrorKind::kConnectionRevoked;
  if (reason == "SCOPE_NOT_GRANTED") return ErrorKind::kScopeNotGranted;
  if (reason == "CONSENT_DENIED") return ErrorKind::kConsentDenied;
  if (reason == "CURSOR_EXPIRED") return ErrorKind::kCursorExpired;
  switch (code) {
    case absl::StatusCode::kNotFound:
      return ErrorKind::kNotFound;
    case absl::StatusCode::kInvalidArgument:
      return ErrorKind::kInvalidArgument;
    case absl::StatusCode::kUnauthenticated:
      return ErrorKind::kUnauthenticated;
    case absl::StatusCode::kPermissionDenied:
      return ErrorKind::kPermissionDenied;
    case absl::StatusCode::kUnavailable:
      return ErrorKind::kUnavailable;
    default:
      return ErrorKind::kError;
  }
}

std::string Value(const Error& error, const std::string& key) {
  const auto found = error.metadata.find(key);
  return found == error.metadata.end() ? "" : found->second;
}

}  // namespace

absl::string_view ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kError:
      return "Error";
    case ErrorKind::kReauthorizationRequired:
      return "ReauthorizationRequired";
    case ErrorKind::kConnectionRevoked:
      return "ConnectionRevoked";
    case ErrorKind::kScopeNotGranted:
      return "ScopeNotGranted";
    case ErrorKind::kConsentDenied:
      return "ConsentDenied";
    case ErrorKind::kNotFound:
      return "NotFound";
    case ErrorKind::kInvalidArgument:
      return "InvalidArgument";
    case ErrorKind::kUnauthenticated:
      return "Unauthenticated";
    case ErrorKind::kPermissionDenied:
      return "PermissionDenied";
    case ErrorKind::kCursorExpired:
      return "CursorExpired";
    case ErrorKind::kUnavailable:
      return "Unavailable";
    case ErrorKind::kConfig:
      return "Config";
  }
  return "Error";
}

Error GetError(const absl::Status& status) {
  Error error;
  error.code = status.code();
  error.message = std::string(status.message());
  error.kind = KindOf(status);
  error.retry_delay = RetryDelayOf(status);
  internal::ErrorInfo info;
  if (!InfoOf(status, info)) return error;
  error.reason = info.reason();
  error.metadata = {info.metadata().begin(), info.metadata().end()};
  switch (error.kind) {
    case ErrorKind::kReauthorizationRequired: {
      error.connection = Value(error, "connection");
      error.provider = Value(error, "provider");
      error.subject = Value(error, "subject");
      v1::AuthorizeRequest& request = error.reauthorization.emplace();
      request.set_provider(error.provider);
      request.set_connection(error.connection);
      break;
    }
    case ErrorKind::kScopeNotGranted:
      error.missing_scopes = absl::StrSplit(Value(error, "missing_scopes"), ' ',
                                            absl::SkipEmpty());
      break;
    case ErrorKind::kInvalidArgument:
      error.field = Value(error, "field");
      break;
    default:
      break;
  }
  return error;
}

ErrorKind KindOf(const absl::Status& status) {
  if (status.ok()) return ErrorKind::kError;
  if (status.GetPayload(kConfigUrl).has_value()) return ErrorKind::kConfig;
  return KindOf(status.code(), internal::ReasonOf(status));
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  internal::RetryInfo retry;
  if (!Payload(status, kRetryInfoUrl, retry)) return std::nullopt;
  return absl::Seconds(retry.retry_delay().seconds()) +
         absl::Nanoseconds(retry.retry_delay().nanos());
}

namespace internal {

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message());
  Status details;
  if (!details.ParseFromString(status.error_details())) return converted;
  for (const google::protobuf::Any& any : details.details()) {
    for (const absl::string_view url : {kErrorInfoUrl, kRetryInfoUrl}) {
      // The part before the slash says nothing.
      if (absl::EndsWith(any.type_url(), url.substr(url.rfind('/')))) {
        converted.SetPayload(url, absl::Cord(absl::string_view(any.value())));
      }
    }
  }
  return converted;
}

absl::Status ConfigError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kConfigUrl, absl::Cord());
  return status;
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  RetryInfo info;
  absl::Duration rest;
  info.mutable_retry_delay()->set_seconds(
      absl::IDivDuration(delay, absl::Seconds(1), &rest));
  info.mutable_retry_delay()->set_nanos(
      static_cast<int>(absl::ToInt64Nanoseconds(rest)));
  status.SetPayload(kRetryInfoUrl,
                    absl::Cord(absl::string_view(info.SerializeAsString())));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  ErrorInfo info;
  return InfoOf(status, info) ? info.reason() : "";
}

}  // namespace internal

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  internal::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  for (const absl::string_view url : {kErrorInfoUrl, kRetryInfoUrl}) {
    const auto payload = status.GetPayload(url);
    if (!payload.has_value()) continue;
    google::protobuf::Any* const any = details.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(*payload));
  }
  return {static_cast<grpc::StatusCode>(status.code()),
          std::string(status.message()), details.SerializeAsString()};
}

}  // namespace valetkey::client
