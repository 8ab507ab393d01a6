#include "src/testing/fake_errors.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "valetkey/client/internal/error_details.pb.h"

namespace valetkey::client::internal {
namespace {

// As errors.proto says.
grpc::StatusCode CodeOf(v1::ErrorReason reason) {
  switch (reason) {
    case v1::FIELD_INVALID:
    case v1::AUTHORIZATION_STATE_INVALID:
    case v1::ISSUER_MISMATCH:
    case v1::CURSOR_INVALID:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case v1::API_KEY_MISSING:
    case v1::API_KEY_INVALID:
    case v1::CALLER_INVALID:
      return grpc::StatusCode::UNAUTHENTICATED;
    case v1::RIGHT_MISSING:
    case v1::CALLER_DENIED:
      return grpc::StatusCode::PERMISSION_DENIED;
    case v1::APPLICATION_NOT_FOUND:
    case v1::PROVIDER_NOT_FOUND:
    case v1::CONNECTION_NOT_FOUND:
    case v1::KEY_NOT_FOUND:
    case v1::CATALOG_ENTRY_NOT_FOUND:
    case v1::TOKEN_NOT_FOUND:
      return grpc::StatusCode::NOT_FOUND;
    case v1::RESOURCE_EXISTS:
      return grpc::StatusCode::ALREADY_EXISTS;
    case v1::ETAG_MISMATCH:
    case v1::WATCH_LAGGED:
      return grpc::StatusCode::ABORTED;
    case v1::PROVIDER_UNAVAILABLE:
    case v1::PROVIDER_THROTTLED:
    case v1::PROVIDER_RESPONSE_INVALID:
    case v1::STORE_UNAVAILABLE:
    case v1::CALLER_KEYS_UNAVAILABLE:
    case v1::SERVER_SHUTTING_DOWN:
      return grpc::StatusCode::UNAVAILABLE;
    case v1::CURSOR_EXPIRED:
      return grpc::StatusCode::OUT_OF_RANGE;
    case v1::INTERNAL_FAULT:
      return grpc::StatusCode::INTERNAL;
    default:
      return grpc::StatusCode::FAILED_PRECONDITION;
  }
}

void AddDetail(const std::string& type, const google::protobuf::Message& detail,
               Status* status) {
  google::protobuf::Any* const any = status->add_details();
  any->set_type_url("type.googleapis.com/google.rpc." + type);
  detail.SerializeToString(any->mutable_value());
}

}  // namespace

grpc::Status FakeError(const FakeFailure& failure) {
  grpc::StatusCode code = static_cast<grpc::StatusCode>(failure.code);
  if (code == grpc::StatusCode::OK) {
    v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
    v1::ErrorReason_Parse(failure.reason, &reason);
    code = CodeOf(reason);
  }
  const std::string message = failure.reason.empty()
                                  ? "the fake was told to fail"
                                  : absl::AsciiStrToLower(absl::StrReplaceAll(
                                        failure.reason, {{"_", " "}}));
  Status details;
  details.set_code(code);
  details.set_message(message);
  if (!failure.reason.empty()) {
    ErrorInfo info;
    info.set_reason(failure.reason);
    info.set_domain("valetkey");
    for (const auto& [key, value] : failure.metadata) {
      (*info.mutable_metadata())[key] = value;
    }
    AddDetail("ErrorInfo", info, &details);
  }
  if (failure.retry_delay.has_value()) {
    RetryInfo retry;
    absl::Duration rest;
    retry.mutable_retry_delay()->set_seconds(
        absl::IDivDuration(*failure.retry_delay, absl::Seconds(1), &rest));
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int>(absl::ToInt64Nanoseconds(rest)));
    AddDetail("RetryInfo", retry, &details);
  }
  // A server that was not reached sends no details.
  return {code, message,
          details.details_size() == 0 ? "" : details.SerializeAsString()};
}

grpc::Status FakeError(v1::ErrorReason reason,
                       std::map<std::string, std::string> metadata) {
  FakeFailure failure;
  failure.reason = v1::ErrorReason_Name(reason);
  failure.metadata = std::move(metadata);
  return FakeError(failure);
}

}  // namespace valetkey::client::internal
