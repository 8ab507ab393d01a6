#include "service/cmd/valetkey-sidecar/sidecar_flags.h"

#include <grp.h>

#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "service/base/listen_address.h"
#include "service/cmd/common_flags.h"

ABSL_FLAG(std::string, upstream, "",
          "The server: https://HOST:PORT, HOST:PORT (with TLS if --upstream_ca "
          "or --upstream_cert is given), http://HOST:PORT or unix:/PATH. "
          "Default: VALETKEY_ADDRESS, else 127.0.0.1:8800.");
ABSL_FLAG(std::string, upstream_ca, "",
          "PEM file of the authorities that the server's certificate is "
          "checked by, or \"system\".");
ABSL_FLAG(std::string, upstream_cert, "",
          "PEM file of the certificate that tells the server who calls.");
ABSL_FLAG(std::string, upstream_key, "", "PEM file of that certificate's key.");
ABSL_FLAG(bool, upstream_plaintext, false,
          "Call a server on another machine without TLS.");
ABSL_FLAG(std::string, token_file, "",
          "File of a credential that is renewed: a projected service-account "
          "token. Read again whenever it has changed.");
ABSL_FLAG(std::string, api_key_file, "",
          "File of an API key; as --token_file.");
ABSL_FLAG(std::string, application, "",
          "The application whose connections may be named shortly in the "
          "flags, and whose connections --warm_labels lists: applications/shop "
          "or shop.");
ABSL_FLAG(std::vector<std::string>, listen,
          std::vector<std::string>({"unix:/run/valetkey/valetkey.sock"}),
          "Addresses for applications, comma-separated: unix:PATH, or "
          "loopback HOST:PORT (port 0: any free one). Whoever reaches them has "
          "the sidecar's rights.");
ABSL_FLAG(std::string, socket_mode, "0660", "Mode of the socket's file.");
ABSL_FLAG(std::string, socket_group, "",
          "Group of the socket's file, by name or number.");
ABSL_FLAG(std::vector<std::string>, warm, {},
          "Connections whose tokens are kept from the start, comma-separated. "
          "Others are kept from the first time they are asked for.");
ABSL_FLAG(std::vector<std::string>, warm_labels, {},
          "KEY=VALUE, comma-separated: the connections with all of these "
          "labels are kept from the start.");
ABSL_FLAG(std::vector<std::string>, file, {},
          "CONNECTION=FOLDER, comma-separated: keeps the connection's token in "
          "files of the folder (token, authorization_header, token.json).");
ABSL_FLAG(std::string, file_mode, "0400", "Mode of these files.");
ABSL_FLAG(bool, files_on_disk, false,
          "Write files where they are not kept in memory alone (tmpfs).");
ABSL_FLAG(std::string, on_change, "",
          "Program to run when files have changed, and its arguments, "
          "separated by spaces; no shell. VALETKEY_FILES is the folder.");
ABSL_FLAG(std::string, on_change_signal, "",
          "SIGNAL:FILE: the signal (HUP, USR1, USR2, TERM or INT) for the "
          "process whose id is in the file, when files have changed.");
ABSL_FLAG(std::vector<std::string>, inject, {},
          "LISTEN=CONNECTION, comma-separated: plain HTTP requests to LISTEN "
          "(loopback HOST:PORT or unix:PATH) go to the API of the connection's "
          "provider over TLS, with its token, which the program does not see.");
ABSL_FLAG(absl::Duration, inject_silence, absl::Minutes(2),
          "How long a provider's API may say nothing before a request of "
          "--inject fails.");
ABSL_FLAG(std::string, inject_ca, "",
          "PEM file of the authorities to trust for providers, in place of "
          "the system's.");
ABSL_FLAG(std::string, inject_proxy, "",
          "HTTP proxy for requests to providers, such as "
          "http://proxy.example:3128.");
ABSL_FLAG(bool, inject_allow_private, false,
          "Let a provider's API be at a private, loopback or link-local "
          "address.");
ABSL_FLAG(std::vector<std::string>, inject_origin_override, {},
          "Send requests for one origin to another, comma-separated: "
          "https://api.pinterest.com=http://127.0.0.1:4001. For emulators and "
          "egress gateways.");
ABSL_FLAG(absl::Duration, max_stale, absl::Hours(1),
          "For how long tokens are given out from memory although the server "
          "says nothing of what happens to them. A revocation is honoured "
          "after that at the latest.");
ABSL_FLAG(absl::Duration, idle_after, absl::Hours(1),
          "A token that nobody asked for for so long is let go of.");
ABSL_FLAG(int, max_tokens, 10'000, "Tokens that are kept, at most.");
ABSL_FLAG(bool, init, false,
          "Wait for a token of each connection of --warm and --file, write the "
          "files, and end.");
ABSL_FLAG(absl::Duration, init_timeout, absl::InfiniteDuration(),
          "With --init: how long to wait at most.");
ABSL_FLAG(std::string, health_listen, "127.0.0.1:8811",
          "Address for HTTP: /healthz, /startupz, /readyz, /metrics; empty for "
          "none.");
ABSL_FLAG(absl::Duration, shutdown_grace, absl::Seconds(10),
          "How long calls under way may take to finish after SIGTERM.");
ABSL_FLAG(std::string, ready_file, "",
          "File to write once it serves: JSON with the real addresses.");

namespace valetkey {
namespace {

absl::StatusOr<mode_t> ParseMode(absl::string_view flag,
                                 absl::string_view text) {
  mode_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || mode > 0777) {
      return BadFlag(flag, "an octal mode, such as 0640");
    }
    mode = mode * 8 + static_cast<mode_t>(c - '0');
  }
  if (text.empty() || mode > 0777 || (mode & 0400) == 0) {
    return BadFlag(flag, "an octal mode that its owner may read, as in 0640");
  }
  return mode;
}

absl::StatusOr<gid_t> ParseGroup(const std::string& text) {
  int number = 0;
  if (absl::SimpleAtoi(text, &number)) {
    if (number >= 0) return static_cast<gid_t>(number);
  } else if (const group* const found = getgrnam(text.c_str())) {
    return found->gr_gid;
  }
  return BadFlag("socket_group", "a group's name or number");
}

absl::Status CheckPositive(absl::string_view flag, absl::Duration value) {
  if (value > absl::ZeroDuration()) return absl::OkStatus();
  return BadFlag(flag, "a duration above zero, such as 20s");
}

// What is not given is left to the environment.
void Give(const std::string& flag, std::optional<std::string>* option) {
  if (!flag.empty()) *option = flag;
}

absl::Status AddUpstream(client::ClientOptions* options) {
  Give(absl::GetFlag(FLAGS_upstream), &options->address);
  Give(absl::GetFlag(FLAGS_upstream_ca), &options->tls_ca);
  Give(absl::GetFlag(FLAGS_upstream_cert), &options->tls_cert);
  Give(absl::GetFlag(FLAGS_upstream_key), &options->tls_key);
  Give(absl::GetFlag(FLAGS_application), &options->application);
  options->tls_reload = true;
  options->insecure_plaintext = absl::GetFlag(FLAGS_upstream_plaintext);
  const std::string token = absl::GetFlag(FLAGS_token_file);
  const std::string key = absl::GetFlag(FLAGS_api_key_file);
  if (!token.empty() && !key.empty()) {
    return BadFlag("token_file", "one of --token_file and --api_key_file");
  }
  Give(token.empty() ? key : token, &options->api_key_file);
  return absl::OkStatus();
}

absl::Status AddFiles(sidecar::SidecarOptions* options) {
  for (const std::string& text : absl::GetFlag(FLAGS_file)) {
    const std::vector<std::string> parts = absl::StrSplit(text, '=');
    if (parts.size() != 2 || parts[0].empty() || parts[1].empty() ||
        parts[1][0] != '/') {
      return BadFlag("file",
                     "CONNECTION=FOLDER with an absolute path, as in "
                     "c-7=/run/valetkey/tokens/pinterest");
    }
    for (const sidecar::FileOption& other : options->files) {
      if (other.path == parts[1]) {
        return BadFlag("file", absl::StrCat("a folder of its own for each "
                                            "connection, not ",
                                            other.path, " twice"));
      }
    }
    options->files.push_back({parts[0], parts[1]});
  }
  auto mode = ParseMode("file_mode", absl::GetFlag(FLAGS_file_mode));
  if (!mode.ok()) return mode.status();
  options->file_mode = *mode;
  options->files_on_disk = absl::GetFlag(FLAGS_files_on_disk);
  options->on_change.command =
      absl::StrSplit(absl::GetFlag(FLAGS_on_change), ' ', absl::SkipEmpty());
  const std::string signal = absl::GetFlag(FLAGS_on_change_signal);
  if (!signal.empty() &&
      !sidecar::ParseSignal(signal, &options->on_change).ok()) {
    return BadFlag("on_change_signal",
                   "SIGNAL:FILE, as in HUP:/run/app.pid (HUP, USR1, USR2, "
                   "TERM or INT)");
  }
  return absl::OkStatus();
}

absl::Status AddWarm(sidecar::SidecarOptions* options) {
  options->warm = absl::GetFlag(FLAGS_warm);
  for (const std::string& text : absl::GetFlag(FLAGS_warm_labels)) {
    const std::pair<std::string, std::string> label =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (label.first.empty() || text.find('=') == std::string::npos) {
      return BadFlag("warm_labels", "KEY=VALUE, as in team=search");
    }
    options->warm_labels.insert(label);
  }
  return absl::OkStatus();
}

absl::Status AddInject(sidecar::InjectOptions* options) {
  for (const std::string& text : absl::GetFlag(FLAGS_inject)) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    const auto address = ParseListenAddress(parts.first);
    if (parts.second.empty() || !address.ok() || !IsLocal(*address)) {
      return BadFlag("inject",
                     "LISTEN=CONNECTION with a loopback HOST:PORT or "
                     "unix:PATH, as in 127.0.0.1:9001=c-7: whoever reaches it "
                     "acts for the account");
    }
    options->doors.push_back({.listen = parts.first,
                              .connection = parts.second,
                              .silence = absl::GetFlag(FLAGS_inject_silence)});
  }
  options->http.ca_file = absl::GetFlag(FLAGS_inject_ca);
  options->http.proxy = absl::GetFlag(FLAGS_inject_proxy);
  options->http.allow_private_addresses =
      absl::GetFlag(FLAGS_inject_allow_private);
  auto overrides = OriginOverridesOf(
      "inject_origin_override", absl::GetFlag(FLAGS_inject_origin_override));
  if (!overrides.ok()) return overrides.status();
  options->http.origin_overrides = *std::move(overrides);
  return CheckPositive("inject_silence", absl::GetFlag(FLAGS_inject_silence));
}

absl::Status AddSocket(sidecar::SocketServerOptions* options) {
  options->addresses = absl::GetFlag(FLAGS_listen);
  for (const std::string& text : options->addresses) {
    const auto address = ParseListenAddress(text);
    if (!address.ok() || !IsLocal(*address)) {
      return BadFlag("listen",
                     "unix:PATH or a loopback HOST:PORT: whoever reaches a "
                     "sidecar has its rights");
    }
  }
  if (options->addresses.empty()) return BadFlag("listen", "an address");
  auto mode = ParseMode("socket_mode", absl::GetFlag(FLAGS_socket_mode));
  if (!mode.ok()) return mode.status();
  options->socket_mode = *mode;
  const std::string group = absl::GetFlag(FLAGS_socket_group);
  if (!group.empty()) {
    auto id = ParseGroup(group);
    if (!id.ok()) return id.status();
    options->socket_group = *id;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SidecarCommand> SidecarCommandFromFlags() {
  SidecarCommand command;
  sidecar::SidecarOptions& options = command.options;
  if (auto status = AddUpstream(&options.upstream); !status.ok()) return status;
  if (auto status = AddSocket(&options.socket); !status.ok()) return status;
  if (auto status = AddWarm(&options); !status.ok()) return status;
  if (auto status = AddFiles(&options); !status.ok()) return status;
  if (auto status = AddInject(&options.inject); !status.ok()) return status;
  options.cache.max_stale = absl::GetFlag(FLAGS_max_stale);
  options.cache.idle_after = absl::GetFlag(FLAGS_idle_after);
  options.shutdown_grace = absl::GetFlag(FLAGS_shutdown_grace);
  command.init_timeout = absl::GetFlag(FLAGS_init_timeout);
  for (const auto& [flag, value] : {std::pair<const char*, absl::Duration>{
                                        "idle_after", options.cache.idle_after},
                                    {"shutdown_grace", options.shutdown_grace},
                                    {"init_timeout", command.init_timeout}}) {
    if (auto status = CheckPositive(flag, value); !status.ok()) return status;
  }
  // The watch says something every 15 s while it is well.
  if (options.cache.max_stale < absl::Seconds(30)) {
    return BadFlag("max_stale", "30s or more");
  }
  const int tokens = absl::GetFlag(FLAGS_max_tokens);
  if (tokens < 1) return BadFlag("max_tokens", "1 or more");
  options.cache.max_tokens = static_cast<std::size_t>(tokens);
  options.health_listen = absl::GetFlag(FLAGS_health_listen);
  if (!options.health_listen.empty() &&
      !ParseListenAddress(options.health_listen).ok()) {
    return BadFlag("health_listen", "HOST:PORT or unix:PATH");
  }
  command.ready_file = absl::GetFlag(FLAGS_ready_file);
  command.init = absl::GetFlag(FLAGS_init);
  if (command.init && options.warm.empty() && options.files.empty()) {
    return BadFlag("init", "to be given with --warm or --file");
  }
  return command;
}

}  // namespace valetkey
