#include "absl/strings/match.h"
#include "service/cmd/valetkey/failure.h"
#include "service/rpc/error_details.h"

namespace valetkey::cli {
namespace {

// An Any of google.rpc.<type>, decoded by the wire-compatible mirror; false if
// it is of another type or damaged. Any::UnpackTo would want the mirror's own
// name in the type URL.
template <typename Message>
bool Unpack(const google::protobuf::Any& any, absl::string_view type,
            Message& message) {
  return absl::EndsWith(any.type_url(), type) &&
         message.ParseFromString(any.value());
}

}  // namespace

FailureDetails DetailsOf(const grpc::Status& status) {
  FailureDetails details;
  rpc::Status encoded;
  if (!encoded.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& any : encoded.details()) {
    rpc::ErrorInfo info;
    rpc::RetryInfo retry;
    if (Unpack(any, "/google.rpc.ErrorInfo", info)) {
      details.reason_name = info.reason();
      v1::ErrorReason_Parse(info.reason(), &details.reason);
      details.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (Unpack(any, "/google.rpc.RetryInfo", retry)) {
      details.retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                            absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return details;
}

}  // namespace valetkey::cli
