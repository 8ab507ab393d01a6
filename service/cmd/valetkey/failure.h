// What a failed call means to a person at a terminal: one line that says what
// happened, one that says what to do, and an exit code for scripts.

#ifndef VALETKEY_CMD_VALETKEY_FAILURE_H_
#define VALETKEY_CMD_VALETKEY_FAILURE_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "valetkey/v1/errors.pb.h"

namespace valetkey::cli {

// The exit codes, as --help tells them.
enum ExitCode {
  kExitOk = 0,
  kExitUsage = 1,         // the command line is wrong
  kExitInvalid = 2,       // not found, exists already, or a value is refused
  kExitActionNeeded = 3,  // somebody must act first
  kExitRetry = 4,         // the same command may succeed later
  kExitNotAllowed = 5,    // the key is missing, wrong or lacks a right
  kExitFault = 6,         // a fault of the server's own
};

struct Failure {
  int exit_code = kExitFault;
  // Lines for standard error, each ended.
  std::string text;
};

// What a server says beside code and message (google.rpc.ErrorInfo and
// RetryInfo); all empty if it said nothing that can be read.
struct FailureDetails {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  std::string reason_name;  // also where this program does not know it
  std::map<std::string, std::string> metadata;
  absl::Duration retry_after;
};

ExitCode ExitCodeOf(grpc::StatusCode code);
FailureDetails DetailsOf(const grpc::Status& status);
// REQUIRES: !status.ok().
Failure DescribeFailure(const grpc::Status& status);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_FAILURE_H_
