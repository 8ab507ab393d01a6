#include "service/base/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"

namespace valetkey {

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address) {
  const auto invalid = [&] {
    return InvalidField(absl::StrCat("listen address \"", address, "\""),
                        "host:port, [ipv6]:port or unix:/path");
  };
  ListenAddress parsed;
  absl::string_view rest = address;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    absl::ConsumePrefix(&rest, "//");
    // A socket's path must fit into sockaddr_un.
    if (rest.empty() || rest.size() > 107) return invalid();
    parsed.is_unix = true;
    parsed.path = std::string(rest);
    return parsed;
  }
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return invalid();
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]")) return invalid();
  } else if (host.find(':') != absl::string_view::npos) {
    return invalid();
  }
  if (host.empty() ||
      !absl::SimpleAtoi(address.substr(colon + 1), &parsed.port) ||
      parsed.port < 0 || parsed.port > 65535) {
    return invalid();
  }
  parsed.host = std::string(host);
  return parsed;
}

bool IsLocal(const ListenAddress& address) {
  if (address.is_unix || address.host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return false;
}

absl::Status CheckPlaintext(absl::string_view address, bool tls,
                            bool allow_plaintext) {
  absl::StatusOr<ListenAddress> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (tls || allow_plaintext || IsLocal(*parsed)) return absl::OkStatus();
  return InvalidField(
      absl::StrCat("listen address \"", address, "\""),
      "TLS (--tls_cert, --tls_key), a loopback address, a Unix socket, or "
      "--insecure_plaintext, for API keys and tokens would cross the network "
      "unencrypted");
}

absl::Status ClearSocketPath(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return InvalidField(absl::StrCat("listen address \"unix:", path, "\""),
                        "no file but a socket at this path");
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool alive =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  if (fd >= 0) close(fd);
  if (alive) {
    return InvalidField(absl::StrCat("listen address \"unix:", path, "\""),
                        "a socket that no other process listens on");
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace valetkey
