#include "service/net/redis/redis_url.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace valetkey::redis {
namespace {

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("redis url: ", what));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// False for a "%" without two digits and for an encoded NUL.
bool PercentDecode(absl::string_view text, std::string* decoded) {
  decoded->clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded->push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    decoded->push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

bool ParseDatabase(absl::string_view text, int* database) {
  return absl::SimpleAtoi(text, database) && *database >= 0 &&
         *database <= 65535 && absl::ascii_isdigit(text[0]);
}

// `key` is the name of the parameter.
absl::Status ReadPasswordFile(absl::string_view key, const std::string& path,
                              SecretString* secret, bool* has_secret) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    return Bad(absl::StrCat("the ", key, " cannot be read or is empty"));
  }
  std::string password = content.str();
  while (!password.empty() &&
         (password.back() == '\n' || password.back() == '\r')) {
    password.pop_back();
  }
  if (password.empty()) return Bad(absl::StrCat("the ", key, " is empty"));
  *secret = SecretString::Take(std::move(password));
  *has_secret = true;
  return absl::OkStatus();
}

absl::Status ParseUserInfo(absl::string_view text, RedisUrl* url) {
  const std::size_t colon = text.find(':');
  if (!PercentDecode(text.substr(0, colon), &url->user)) {
    return Bad("the user is not percent-encoded");
  }
  if (colon == absl::string_view::npos) return absl::OkStatus();
  std::string password;
  if (!PercentDecode(text.substr(colon + 1), &password)) {
    return Bad("the password is not percent-encoded");
  }
  url->password = SecretString::Take(std::move(password));
  url->has_password = true;
  return absl::OkStatus();
}

// The port is left as it is where none is given.
absl::Status ParseHostAndPort(absl::string_view text, std::string* host_name,
                              int* port_number) {
  absl::string_view host = text;
  absl::string_view port;
  bool has_port = false;
  if (absl::StartsWith(text, "[")) {
    const std::size_t end = text.find(']');
    if (end == absl::string_view::npos) {
      return Bad("the host lacks its closing bracket");
    }
    host = text.substr(1, end - 1);
    const absl::string_view rest = text.substr(end + 1);
    has_port = absl::StartsWith(rest, ":");
    if (has_port) port = rest.substr(1);
    if (!has_port && !rest.empty()) {
      return Bad("expected a port after the host");
    }
  } else if (const std::size_t colon = text.find(':');
             colon != absl::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (host.empty()) return Bad("the host is missing");
  if (!PercentDecode(host, host_name)) {
    return Bad("the host is not percent-encoded");
  }
  if (has_port && (port.empty() || !absl::ascii_isdigit(port[0]) ||
                   !absl::SimpleAtoi(port, port_number) || *port_number < 1 ||
                   *port_number > 65535)) {
    return Bad("the port must be a number from 1 to 65535");
  }
  return absl::OkStatus();
}

absl::Status ParseHosts(absl::string_view text, int default_port,
                        std::vector<RedisHost>* hosts) {
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    RedisHost host;
    host.port = default_port;
    if (absl::Status status = ParseHostAndPort(part, &host.name, &host.port);
        !status.ok()) {
      return status;
    }
    hosts->push_back(std::move(host));
  }
  return absl::OkStatus();
}

// "/MASTER" or "/MASTER/db".
absl::Status ParseMaster(absl::string_view path, RedisUrl* url) {
  if (absl::StartsWith(path, "/")) path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  const absl::string_view name = path.substr(0, slash);
  if (name.empty()) return Bad("the name of the master is missing");
  if (!PercentDecode(name, &url->master_name)) {
    return Bad("the name of the master is not percent-encoded");
  }
  if (slash != absl::string_view::npos && slash + 1 < path.size() &&
      !ParseDatabase(path.substr(slash + 1), &url->database)) {
    return Bad(
        "behind the master's name must be the number of a database, 0 to "
        "65535");
  }
  return absl::OkStatus();
}

absl::Status SetSentinelParameter(absl::string_view key, std::string value,
                                  RedisUrl* url) {
  if (key == "sentinel_user") {
    url->sentinel_user = std::move(value);
  } else if (key == "sentinel_password") {
    url->has_sentinel_password = !value.empty();
    url->sentinel_password = SecretString::Take(std::move(value));
  } else if (key == "sentinel_password_file") {
    return ReadPasswordFile(key, value, &url->sentinel_password,
                            &url->has_sentinel_password);
  }
  return absl::OkStatus();
}

absl::Status SetParameter(absl::string_view key, std::string value,
                          RedisUrl* url) {
  const bool tls = url->transport == RedisUrl::Transport::kTls;
  if (key == "db") {
    if (!ParseDatabase(value, &url->database)) {
      return Bad("db must be a number from 0 to 65535");
    }
  } else if (key == "user") {
    url->user = std::move(value);
  } else if (key == "password") {
    url->has_password = !value.empty();
    url->password = SecretString::Take(std::move(value));
  } else if (key == "password_file") {
    return ReadPasswordFile(key, value, &url->password, &url->has_password);
  } else if (url->mode == RedisUrl::Mode::kSentinel &&
             (key == "sentinel_user" || key == "sentinel_password" ||
              key == "sentinel_password_file")) {
    return SetSentinelParameter(key, std::move(value), url);
  } else if (tls && key == "ca") {
    url->ca = std::move(value);
  } else if (tls && key == "cert") {
    url->certificate = std::move(value);
  } else if (tls && key == "key") {
    url->key = std::move(value);
  } else if (tls && key == "server_name") {
    url->server_name = std::move(value);
  } else {
    return Bad(absl::StrCat(
        "unknown query parameter; expected db, user, password, password_file",
        url->mode == RedisUrl::Mode::kSentinel
            ? ", sentinel_user, sentinel_password, sentinel_password_file"
            : "",
        tls ? ", ca, cert, key or server_name"
            : " (and, with rediss, ca, cert, key, server_name)"));
  }
  return absl::OkStatus();
}

absl::Status ParseParameters(absl::string_view query, RedisUrl* url) {
  for (absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::size_t equals = pair.find('=');
    if (equals == absl::string_view::npos) {
      return Bad("a query parameter lacks its \"=\"");
    }
    std::string value;
    if (!PercentDecode(pair.substr(equals + 1), &value)) {
      return Bad("a query parameter is not percent-encoded");
    }
    if (absl::Status status =
            SetParameter(pair.substr(0, equals), std::move(value), url);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ParseScheme(absl::string_view text, RedisUrl* url) {
  const std::string lower = absl::AsciiStrToLower(text);
  absl::string_view scheme = lower;
  if (absl::ConsumeSuffix(&scheme, "+sentinel")) {
    url->mode = RedisUrl::Mode::kSentinel;
  } else if (absl::ConsumeSuffix(&scheme, "+cluster")) {
    url->mode = RedisUrl::Mode::kCluster;
  }
  const bool server = url->mode == RedisUrl::Mode::kServer;
  if (scheme == "redis") {
    url->transport = RedisUrl::Transport::kTcp;
  } else if (scheme == "rediss") {
    url->transport = RedisUrl::Transport::kTls;
  } else if (server && (scheme == "unix" || scheme == "redis+unix")) {
    url->transport = RedisUrl::Transport::kUnix;
  } else {
    return Bad(
        "the scheme must be redis, rediss, unix or redis+unix; or redis or "
        "rediss with +sentinel or +cluster");
  }
  return absl::OkStatus();
}

absl::Status Check(const RedisUrl& url) {
  if (!url.user.empty() && !url.has_password) {
    return Bad(
        "a user without a password; a password alone is written "
        "redis://:password@host");
  }
  if (!url.sentinel_user.empty() && !url.has_sentinel_password) {
    return Bad("a sentinel_user without a sentinel_password");
  }
  if (url.mode == RedisUrl::Mode::kCluster && url.database != 0) {
    return Bad("a cluster has no database but 0");
  }
  if (url.certificate.empty() != url.key.empty()) {
    return Bad("cert and key belong together");
  }
  return absl::OkStatus();
}

}  // namespace

std::string RedisHost::ToString() const {
  const bool brackets = absl::StrContains(name, ':');
  return absl::StrCat(brackets ? "[" : "", name, brackets ? "]" : "", ":",
                      port);
}

std::string RedisUrl::Endpoint() const {
  if (transport == Transport::kUnix) {
    return absl::StrCat("unix://", path, "?db=", database);
  }
  const absl::string_view scheme =
      transport == Transport::kTls ? "rediss" : "redis";
  if (mode == Mode::kServer) {
    return absl::StrCat(scheme, "://", RedisHost{host, port}.ToString(), "/",
                        database);
  }
  const std::string all =
      absl::StrJoin(hosts, ",", [](std::string* out, const RedisHost& each) {
        absl::StrAppend(out, each.ToString());
      });
  if (mode == Mode::kCluster) return absl::StrCat(scheme, "+cluster://", all);
  return absl::StrCat(scheme, "+sentinel://", all, "/", master_name, "/",
                      database);
}

RedisUrl RedisUrl::ForServer(const RedisHost& at) const {
  RedisUrl url = *this;
  url.mode = Mode::kServer;
  url.host = at.name;
  url.port = at.port;
  url.hosts.clear();
  url.master_name.clear();
  url.sentinel_user.clear();
  url.sentinel_password = SecretString();
  url.has_sentinel_password = false;
  return url;
}

RedisUrl RedisUrl::ForSentinel(const RedisHost& at) const {
  RedisUrl url = ForServer(at);
  url.user = sentinel_user;
  url.password = sentinel_password;
  url.has_password = has_sentinel_password;
  url.database = 0;
  return url;
}

absl::StatusOr<RedisUrl> ParseRedisUrl(absl::string_view text) {
  RedisUrl url;
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == absl::string_view::npos) {
    return Bad("expected redis://, rediss:// or unix://");
  }
  if (absl::Status status = ParseScheme(text.substr(0, scheme_end), &url);
      !status.ok()) {
    return status;
  }
  absl::string_view rest = text.substr(scheme_end + 3);
  if (absl::StrContains(rest, '#')) {
    return Bad("a fragment has no meaning; write # as %23");
  }
  absl::string_view query;
  if (const std::size_t mark = rest.find('?');
      mark != absl::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const std::size_t slash = rest.find('/');
  absl::string_view authority = rest.substr(0, slash);
  const absl::string_view path =
      slash == absl::string_view::npos ? "" : rest.substr(slash);

  if (const std::size_t at = authority.rfind('@');
      at != absl::string_view::npos) {
    if (absl::Status status = ParseUserInfo(authority.substr(0, at), &url);
        !status.ok()) {
      return status;
    }
    authority = authority.substr(at + 1);
  }
  if (url.transport == RedisUrl::Transport::kUnix) {
    if (!authority.empty()) {
      return Bad("a socket's path begins with a slash: unix:///run/redis.sock");
    }
    if (path.size() < 2) return Bad("the socket's path is missing");
    if (!PercentDecode(path, &url.path)) {
      return Bad("the socket's path is not percent-encoded");
    }
  } else if (url.mode == RedisUrl::Mode::kSentinel) {
    absl::Status status = ParseHosts(authority, 26379, &url.hosts);
    if (status.ok()) status = ParseMaster(path, &url);
    if (!status.ok()) return status;
  } else {
    absl::Status status =
        url.mode == RedisUrl::Mode::kCluster
            ? ParseHosts(authority, 6379, &url.hosts)
            : ParseHostAndPort(authority, &url.host, &url.port);
    if (!status.ok()) return status;
    if (path.size() > 1 && !ParseDatabase(path.substr(1), &url.database)) {
      return Bad("the path must be the number of a database, 0 to 65535");
    }
  }
  if (absl::Status status = ParseParameters(query, &url); !status.ok()) {
    return status;
  }
  if (absl::Status status = Check(url); !status.ok()) return status;
  return url;
}

}  // namespace valetkey::redis
