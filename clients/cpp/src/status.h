// Makes the absl::Status of a failed call, with the payloads that error.h
// reads.

#ifndef VALETKEY_CLIENT_SRC_STATUS_H_
#define VALETKEY_CLIENT_SRC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey::client::internal {

// Code, message and details of what gRPC returned.
absl::Status FromGrpc(const grpc::Status& status);

// What the library refuses before it sends anything.
absl::Status ConfigError(absl::string_view message);

// The same error, with that delay in place of its own.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// The reason alone; empty if there is none.
std::string ReasonOf(const absl::Status& status);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_STATUS_H_
