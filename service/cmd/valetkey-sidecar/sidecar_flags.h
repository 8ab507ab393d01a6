// The flags of valetkey-sidecar, read and checked.

#ifndef VALETKEY_CMD_VALETKEY_SIDECAR_SIDECAR_FLAGS_H_
#define VALETKEY_CMD_VALETKEY_SIDECAR_SIDECAR_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/sidecar/sidecar.h"

namespace valetkey {

struct SidecarCommand {
  sidecar::SidecarOptions options;
  bool init = false;
  absl::Duration init_timeout;
  std::string ready_file;
};

// INVALID_ARGUMENT naming the flag and what it takes.
absl::StatusOr<SidecarCommand> SidecarCommandFromFlags();

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEY_SIDECAR_SIDECAR_FLAGS_H_
