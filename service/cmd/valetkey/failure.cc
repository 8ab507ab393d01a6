#include "service/cmd/valetkey/failure.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/cmd/valetkey/format.h"

namespace valetkey::cli {
namespace {

// The value of a metadata key, or a word in its place.
std::string Value(const FailureDetails& details, const std::string& key,
                  const std::string& otherwise) {
  const auto found = details.metadata.find(key);
  return found == details.metadata.end() ? otherwise : found->second;
}

// What to do about it; empty where the message says all there is.
std::string Advice(const FailureDetails& details, grpc::StatusCode code) {
  switch (details.reason) {
    case v1::API_KEY_MISSING:
      return "set VALETKEY_API_KEY, or give --api-key-file";
    case v1::API_KEY_INVALID:
      return "the key is unknown, revoked or expired: make another with "
             "'valetkey keys create'";
    case v1::CALLER_INVALID:
      return absl::StrCat("the token or client certificate is not accepted (",
                          Value(details, "cause", "not told"), ")");
    case v1::CALLER_DENIED:
      return "the server's --caller_policy has no rule for it: 'valetkey "
             "policy test' explains";
    case v1::RIGHT_MISSING:
      return absl::StrCat("use a key with the right ",
                          Value(details, "right", "that is missing"));
    case v1::APPLICATION_NOT_FOUND:
      return "see 'valetkey applications list'";
    case v1::PROVIDER_NOT_FOUND:
      return "see 'valetkey providers list'";
    case v1::CONNECTION_NOT_FOUND:
      return "see 'valetkey connections list'";
    case v1::KEY_NOT_FOUND:
      return "see 'valetkey keys list'";
    case v1::CATALOG_ENTRY_NOT_FOUND:
      return "see 'valetkey catalog list'";
    case v1::TOKEN_NOT_FOUND:
      return absl::StrCat("its tokens are: ",
                          Value(details, "tokens", "(none)"));
    case v1::RESOURCE_IN_USE:
      return "delete what refers to it first";
    case v1::ETAG_MISMATCH:
      return "it changed meanwhile: run the command again";
    case v1::AUTHORIZATION_STATE_INVALID:
    case v1::AUTHORIZATION_CODE_REJECTED:
    case v1::CONSENT_DENIED:
      return "begin again with 'valetkey connect'";
    case v1::PROVIDER_CLIENT_REJECTED:
      return "check the client id and secret: 'valetkey providers update'";
    case v1::PROVIDER_REQUEST_REJECTED:
      return "check the provider's scopes and inputs: 'valetkey providers "
             "show'";
    case v1::SCOPE_NOT_GRANTED:
      return absl::StrCat(
          "missing: ", Value(details, "missing_scopes", "(not told)"),
          "; ask for it with 'valetkey connect --connection'");
    case v1::REAUTHORIZATION_REQUIRED: {
      const std::string provider =
          ShortName(Value(details, "provider", "PROVIDER"));
      const std::string connection =
          ShortName(Value(details, "connection", "CONNECTION"));
      return absl::StrCat("the person must consent again: 'valetkey connect ",
                          provider, " --connection ", connection, "'");
    }
    case v1::CONNECTION_REVOKED:
      return "the person must connect anew: 'valetkey connect'";
    case v1::MIN_LIFETIME_UNAVAILABLE:
      return absl::StrCat("this provider's tokens live ",
                          Value(details, "lifetime", "shorter"));
    case v1::CURSOR_EXPIRED:
      return "begin again with --snapshot";
    case v1::ENCRYPTION_KEY_MISSING:
      return absl::StrCat("restore the key ",
                          Value(details, "key_id", "that is missing"),
                          " in the server's keyring");
    case v1::INTERNAL_FAULT:
      return absl::StrCat("the server's log tells more under request id ",
                          Value(details, "request_id", "(not told)"));
    default:
      break;
  }
  if (details.retry_after > absl::ZeroDuration()) {
    return absl::StrCat(
        "try again ",
        RelativeTime(absl::Ceil(details.retry_after, absl::Seconds(1))));
  }
  if (!details.reason_name.empty()) return "";
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
      return "is the server running, and is --address (VALETKEY_ADDRESS) "
             "right?";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "the server did not answer in time; --timeout allows it more";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "the server does not know this call: is it of another version?";
    default:
      return "";
  }
}

const char* CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    default:
      return "UNKNOWN";
  }
}

}  // namespace

ExitCode ExitCodeOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::OUT_OF_RANGE:
      return kExitInvalid;
    case grpc::StatusCode::FAILED_PRECONDITION:
      return kExitActionNeeded;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::CANCELLED:
      return kExitRetry;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return kExitNotAllowed;
    default:
      return kExitFault;
  }
}

Failure DescribeFailure(const grpc::Status& status) {
  const FailureDetails details = DetailsOf(status);
  const std::string what = details.reason_name.empty()
                               ? CodeName(status.error_code())
                               : details.reason_name;
  Failure failure;
  failure.exit_code = ExitCodeOf(status.error_code());
  failure.text = absl::StrCat("valetkey: ", Printable(what), ": ",
                              Printable(status.error_message()), "\n");
  const std::string advice = Advice(details, status.error_code());
  if (!advice.empty()) {
    absl::StrAppend(&failure.text, "  ", Printable(advice), "\n");
  }
  return failure;
}

}  // namespace valetkey::cli
