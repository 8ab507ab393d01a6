#include "service/sidecar/on_change.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"

namespace valetkey::sidecar {
namespace {

absl::Status Run(const std::vector<std::string>& command,
                 const std::string& folder) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<std::string> own;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "VALETKEY_FILES=")) {
      own.emplace_back(*variable);
    }
  }
  own.push_back(absl::StrCat("VALETKEY_FILES=", folder));
  std::vector<char*> environment;
  for (std::string& variable : own) environment.push_back(variable.data());
  environment.push_back(nullptr);
  // The child takes signals as a program expects to.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], nullptr, &attributes,
                                 arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "--on_change: cannot run ", command[0], ": ", std::strerror(error)));
}

absl::Status Signal(int signal, const std::string& pid_file) {
  std::ifstream file(pid_file);
  pid_t process = 0;
  if (!(file >> process) || process <= 1) {
    return absl::UnavailableError(
        absl::StrCat("--on_change_signal: no process id in ", pid_file));
  }
  if (kill(process, signal) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("--on_change_signal: process ",
                                             process, " of ", pid_file, ": ",
                                             std::strerror(errno)));
}

}  // namespace

absl::Status ParseSignal(absl::string_view text, OnChange* on_change) {
  const std::size_t colon = text.find(':');
  absl::string_view name = text.substr(0, colon);
  absl::ConsumePrefix(&name, "SIG");
  for (const auto& [known, number] :
       {std::pair<const char*, int>{"HUP", SIGHUP},
        {"USR1", SIGUSR1},
        {"USR2", SIGUSR2},
        {"TERM", SIGTERM},
        {"INT", SIGINT}}) {
    if (name != known || colon == absl::string_view::npos ||
        colon + 1 == text.size()) {
      continue;
    }
    on_change->signal = number;
    on_change->pid_file = std::string(text.substr(colon + 1));
    return absl::OkStatus();
  }
  return InvalidField("on_change_signal",
                      "a signal (HUP, USR1, USR2, TERM or INT), a colon and "
                      "the file of a process id, as in HUP:/run/app.pid");
}

absl::Status Tell(const OnChange& on_change, const std::string& folder) {
  if (!on_change.command.empty()) {
    VK_RETURN_IF_ERROR(Run(on_change.command, folder));
  }
  if (on_change.signal != 0) {
    VK_RETURN_IF_ERROR(Signal(on_change.signal, on_change.pid_file));
  }
  return absl::OkStatus();
}

void Reap() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace valetkey::sidecar
