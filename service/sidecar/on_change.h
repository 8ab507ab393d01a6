// Tells a program that its token files have changed: by a command, or by a
// signal to the process whose id is in a file.

#ifndef VALETKEY_SIDECAR_ON_CHANGE_H_
#define VALETKEY_SIDECAR_ON_CHANGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey::sidecar {

struct OnChange {
  // The program and its arguments; run without a shell, with VALETKEY_FILES
  // set to the folder that changed. Empty: none.
  std::vector<std::string> command;
  int signal = 0;  // 0: none
  std::string pid_file;
};

// "HUP:/run/app.pid" or "SIGUSR1:/run/app.pid" into signal and pid_file.
absl::Status ParseSignal(absl::string_view text, OnChange* on_change);

// Does what is to be done. Does not wait for the command, whose end is nobody's
// concern; UNAVAILABLE if it cannot be started, or the process signalled.
absl::Status Tell(const OnChange& on_change, const std::string& folder);

// Collects commands that have ended.
void Reap();

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_ON_CHANGE_H_
