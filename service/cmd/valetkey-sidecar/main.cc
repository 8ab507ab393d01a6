// valetkey-sidecar: a valid access token beside an application, on a socket or
// in a file.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/cmd/common_flags.h"
#include "service/cmd/valetkey-sidecar/sidecar_flags.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "valetkey-sidecar: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

// A JSON array of addresses, with the ports that were taken.
std::string AsTaken(const std::vector<std::string>& addresses,
                    const std::vector<int>& ports) {
  std::string list = "[";
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::string address = addresses[i];
    if (ports[i] != 0) {
      address =
          absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[i]);
    }
    absl::StrAppend(&list, i == 0 ? "\"" : ", \"", address, "\"");
  }
  return list + "]";
}

bool WriteReadyFile(const valetkey::SidecarCommand& command,
                    const valetkey::sidecar::Sidecar& sidecar) {
  std::vector<std::string> doors;
  for (const auto& door : command.options.inject.doors) {
    doors.push_back(door.listen);
  }
  const std::string temporary = command.ready_file + ".new";
  std::ofstream file(temporary);
  file << "{\"listen\": "
       << AsTaken(command.options.socket.addresses, sidecar.ports())
       << ", \"inject\": " << AsTaken(doors, sidecar.door_ports())
       << ", \"health_port\": " << sidecar.health_port() << "}\n";
  file.close();
  return file.good() &&
         std::rename(temporary.c_str(), command.ready_file.c_str()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  valetkey::DescribeProgram(
      "valetkey-sidecar",
      "gives the applications beside it valid access tokens, on a Unix socket "
      "or in files.\n\n"
      "  valetkey-sidecar --upstream=https://valetkey:8800 "
      "--api_key_file=/etc/valetkey/key");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return Fail(absl::InvalidArgumentError(
        std::string("unexpected argument: ") + rest[1] +
        " (flags are written --name=value; see --help)"));
  }
  const auto log = valetkey::LogOptionsFromFlags();
  if (!log.ok()) return Fail(log.status());
  valetkey::InitLog(*log);
  auto command = valetkey::SidecarCommandFromFlags();
  if (!command.ok()) return Fail(command.status());
  std::signal(SIGPIPE, SIG_IGN);

  valetkey::sidecar::Sidecar sidecar(command->options);
  if (command->init) {
    const absl::Status status = sidecar.Init(command->init_timeout);
    return status.ok() ? 0 : Fail(status);
  }
  // Every thread inherits the mask: signals are taken by sigwait alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (const absl::Status started = sidecar.Start(); !started.ok()) {
    return Fail(started);
  }
  valetkey::Log(valetkey::LogLevel::kInfo, "serving", {});
  if (!command->ready_file.empty() && !WriteReadyFile(*command, sidecar)) {
    return Fail(absl::UnavailableError("--ready_file: cannot write " +
                                       command->ready_file));
  }
  int signal = 0;
  sigwait(&signals, &signal);
  sidecar.Stop();
  return 0;
}
