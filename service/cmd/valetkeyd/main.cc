// valetkeyd: the token broker.

#include <csignal>
#include <cstdio>
#include <string>

#include "absl/flags/parse.h"
#include "service/base/log.h"
#include "service/cmd/common_flags.h"
#include "service/cmd/valetkeyd/migrate.h"
#include "service/cmd/valetkeyd/server.h"
#include "service/cmd/valetkeyd/server_flags.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "valetkeyd: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  valetkey::DescribeProgram(
      "valetkeyd",
      "holds users' third-party OAuth grants and hands out valid access "
      "tokens over gRPC.\n\n"
      "  valetkeyd --data_dir=/var/lib/valetkey "
      "--public_url=https://tokens.example.com");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return Fail(absl::InvalidArgumentError(
        std::string("unexpected argument: ") + rest[1] +
        " (flags are written --name=value; see --help)"));
  }
  const auto log = valetkey::LogOptionsFromFlags();
  if (!log.ok()) return Fail(log.status());
  valetkey::InitLog(*log);
  auto options = valetkey::ServerOptionsFromFlags();
  if (!options.ok()) return Fail(options.status());
  if (options->migrate_only) {
    const absl::Status migrated = valetkey::MigrateStore(*options);
    return migrated.ok() ? 0 : Fail(migrated);
  }

  // Every thread inherits the mask: signals are taken by sigwait alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  valetkey::Server server(*std::move(options));
  if (const absl::Status started = server.Start(); !started.ok()) {
    return Fail(started);
  }
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) break;
    server.Reload();
  }
  server.Stop();
  return 0;
}
