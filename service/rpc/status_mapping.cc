#include "service/rpc/status_mapping.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "service/base/status.h"

namespace valetkey::rpc {
namespace {

constexpr absl::string_view kProtocolPayload = "valetkey.rpc/protocol";
constexpr absl::string_view kDomain = "valetkey";
constexpr absl::string_view kTypePrefix = "type.googleapis.com/google.rpc.";

// What a caller is told of a resource that is not there, or not its own.
absl::string_view NotFoundMessage(Reason reason) {
  switch (reason) {
    case Reason::kApplicationNotFound:
      return "there is no such application";
    case Reason::kProviderNotFound:
      return "there is no such provider";
    case Reason::kConnectionNotFound:
      return "there is no such connection";
    case Reason::kKeyNotFound:
      return "there is no such API key";
    default:
      return "";
  }
}

void AddDetail(absl::string_view type, const google::protobuf::Message& detail,
               Status* status) {
  google::protobuf::Any* any = status->add_details();
  any->set_type_url(absl::StrCat(kTypePrefix, type));
  detail.SerializeToString(any->mutable_value());
}

void AddRetryInfo(absl::Duration delay, Status* status) {
  RetryInfo info;
  absl::Duration rest;
  info.mutable_retry_delay()->set_seconds(
      absl::IDivDuration(delay, absl::Seconds(1), &rest));
  info.mutable_retry_delay()->set_nanos(
      static_cast<int>(absl::ToInt64Nanoseconds(rest)));
  AddDetail("RetryInfo", info, status);
}

void AddBadRequest(const ErrorMetadata& metadata, Status* status) {
  BadRequest detail;
  BadRequest::FieldViolation* violation = detail.add_field_violations();
  for (const auto& [key, value] : metadata) {
    if (key == "field") violation->set_field(value);
    if (key == "expected") {
      violation->set_description(absl::StrCat("expected ", value));
    }
  }
  if (violation->description().empty()) {
    violation->set_description(status->message());
  }
  AddDetail("BadRequest", detail, status);
}

// The readable form of a detail, for people looking at JSON.
std::string DetailDebug(const google::protobuf::Any& any) {
  std::string json;
  const auto print = [&](auto message) {
    if (message.ParseFromString(any.value())) {
      (void)google::protobuf::util::MessageToJsonString(message, &json);
    }
  };
  if (absl::EndsWith(any.type_url(), ".ErrorInfo")) print(ErrorInfo());
  if (absl::EndsWith(any.type_url(), ".RetryInfo")) print(RetryInfo());
  if (absl::EndsWith(any.type_url(), ".BadRequest")) print(BadRequest());
  return json;
}

}  // namespace

absl::Status ProtocolError(absl::StatusCode code, absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kProtocolPayload, absl::Cord("1"));
  return status;
}

bool IsFault(const absl::Status& status) {
  if (status.ok()) return false;
  const Reason reason = ReasonOf(status);
  return reason == Reason::kInternalFault ||
         (reason == Reason::kNone &&
          !status.GetPayload(kProtocolPayload).has_value());
}

absl::StatusCode OutwardCode(const absl::Status& status) {
  return IsFault(status) ? absl::StatusCode::kInternal : status.code();
}

Status ToRpcStatus(const absl::Status& status, absl::string_view request_id) {
  Status out;
  ErrorInfo info;
  info.set_domain(std::string(kDomain));
  const Reason reason = ReasonOf(status);
  if (IsFault(status)) {
    out.set_code(static_cast<int>(absl::StatusCode::kInternal));
    out.set_message(absl::StrCat("internal fault, see the server's log for ",
                                 "request ", request_id));
    info.set_reason(std::string(ReasonName(Reason::kInternalFault)));
    (*info.mutable_metadata())["request_id"] = std::string(request_id);
    AddDetail("ErrorInfo", info, &out);
    return out;
  }
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  if (reason == Reason::kNone) return out;

  info.set_reason(std::string(ReasonName(reason)));
  const absl::string_view not_found = NotFoundMessage(reason);
  if (!not_found.empty()) {
    out.set_message(std::string(not_found));
    AddDetail("ErrorInfo", info, &out);
    return out;
  }
  const ErrorMetadata metadata = MetadataOf(status);
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] = value;
  }
  AddDetail("ErrorInfo", info, &out);
  if (reason == Reason::kFieldInvalid) AddBadRequest(metadata, &out);
  const absl::Duration delay = RetryAfterOf(status);
  if (delay > absl::ZeroDuration()) AddRetryInfo(delay, &out);
  return out;
}

grpc::Status ToGrpcStatus(const absl::Status& status,
                          absl::string_view request_id) {
  const Status details = ToRpcStatus(status, request_id);
  return grpc::Status(static_cast<grpc::StatusCode>(details.code()),
                      details.message(), details.SerializeAsString());
}

std::string ToConnectError(const absl::Status& status,
                           absl::string_view request_id) {
  const Status details = ToRpcStatus(status, request_id);
  std::string json = absl::StrCat(
      "{\"code\":\"",
      ConnectCodeName(static_cast<absl::StatusCode>(details.code())),
      "\",\"message\":", JsonQuote(details.message()));
  if (details.details_size() > 0) {
    absl::StrAppend(&json, ",\"details\":[");
    const char* separator = "";
    for (const google::protobuf::Any& any : details.details()) {
      const absl::string_view url = any.type_url();
      std::string value = absl::Base64Escape(any.value());
      value.erase(value.find_last_not_of('=') + 1);
      absl::StrAppend(&json, separator,
                      "{\"type\":", JsonQuote(url.substr(url.rfind('/') + 1)),
                      ",\"value\":\"", value, "\"");
      const std::string debug = DetailDebug(any);
      if (!debug.empty()) absl::StrAppend(&json, ",\"debug\":", debug);
      absl::StrAppend(&json, "}");
      separator = ",";
    }
    absl::StrAppend(&json, "]");
  }
  absl::StrAppend(&json, "}");
  return json;
}

absl::string_view ConnectCodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return "canceled";
    case absl::StatusCode::kInvalidArgument:
      return "invalid_argument";
    case absl::StatusCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case absl::StatusCode::kNotFound:
      return "not_found";
    case absl::StatusCode::kAlreadyExists:
      return "already_exists";
    case absl::StatusCode::kPermissionDenied:
      return "permission_denied";
    case absl::StatusCode::kResourceExhausted:
      return "resource_exhausted";
    case absl::StatusCode::kFailedPrecondition:
      return "failed_precondition";
    case absl::StatusCode::kAborted:
      return "aborted";
    case absl::StatusCode::kOutOfRange:
      return "out_of_range";
    case absl::StatusCode::kUnimplemented:
      return "unimplemented";
    case absl::StatusCode::kInternal:
      return "internal";
    case absl::StatusCode::kUnavailable:
      return "unavailable";
    case absl::StatusCode::kDataLoss:
      return "data_loss";
    case absl::StatusCode::kUnauthenticated:
      return "unauthenticated";
    default:
      return "unknown";
  }
}

int ConnectHttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    default:
      return 500;
  }
}

std::string JsonQuote(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppendFormat(&out, "\\u%04x", c);
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

}  // namespace valetkey::rpc
