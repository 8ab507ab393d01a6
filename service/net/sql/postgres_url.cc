#include "service/net/sql/postgres_url.h"

#include <libpq-fe.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/base/status.h"

namespace valetkey::sql {
namespace {

absl::Status Wrong(absl::string_view part, absl::string_view expected) {
  return InvalidField(absl::StrCat("database URL: ", part), expected);
}

// What a name that is put into errors may be made of: nothing that shows a
// password which was not percent-encoded and ended up there.
bool IsHost(absl::string_view host) {
  if (!host.empty() && host[0] == '/') {
    return host.find_first_of("@?#") == absl::string_view::npos;
  }
  for (char c : host) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        !absl::StrContains("-._:%", c)) {
      return false;
    }
  }
  return true;
}

bool IsPort(absl::string_view port) {
  int number = 0;
  return port.empty() ||
         (absl::SimpleAtoi(port, &number) && number > 0 && number < 65536);
}

bool IsDatabase(absl::string_view name) {
  return name.find_first_of("@/:?#&=") == absl::string_view::npos;
}

absl::StatusOr<std::vector<PostgresHost>> ParseHosts(absl::string_view hosts,
                                                     absl::string_view ports) {
  std::vector<PostgresHost> parsed;
  const std::vector<std::string> port_list = absl::StrSplit(ports, ',');
  for (absl::string_view name : absl::StrSplit(hosts, ',')) {
    PostgresHost host;
    host.name = std::string(name);
    if (port_list.size() == 1) {
      host.port = port_list[0];
    } else if (parsed.size() < port_list.size()) {
      host.port = port_list[parsed.size()];
    }
    if (!IsHost(host.name)) {
      return Wrong("host", "a name, an address or the folder of a socket");
    }
    if (!IsPort(host.port)) return Wrong("port", "a number up to 65535");
    parsed.push_back(std::move(host));
  }
  if (port_list.size() != 1 && port_list.size() != parsed.size()) {
    return Wrong("port", "one, or as many as there are hosts");
  }
  return parsed;
}

}  // namespace

std::string PostgresUrl::Endpoint() const {
  std::string endpoint;
  for (const PostgresHost& host : hosts) {
    absl::StrAppend(&endpoint, endpoint.empty() ? "" : ",",
                    host.name.empty() ? "local" : host.name);
    if (!absl::StartsWith(host.name, "/")) {
      absl::StrAppend(&endpoint, ":", host.port.empty() ? "5432" : host.port);
    }
  }
  auto database = parameters.find("dbname");
  if (database != parameters.end()) {
    absl::StrAppend(&endpoint, "/", database->second);
  }
  return endpoint;
}

absl::StatusOr<PostgresUrl> ParsePostgresUrl(absl::string_view text) {
  if (!absl::StartsWith(text, "postgres://") &&
      !absl::StartsWith(text, "postgresql://")) {
    return Wrong("scheme", "postgres://user:password@host:port/database");
  }
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(std::string(text).c_str(), &message), PQconninfoFree);
  if (message != nullptr) PQfreemem(message);  // it repeats the URL
  if (options == nullptr) {
    return Wrong("form",
                 "postgres://user:password@host:port/database?parameter=value, "
                 "special characters percent-encoded");
  }
  PostgresUrl url;
  std::string hosts;
  std::string ports;
  for (const PQconninfoOption* it = options.get(); it->keyword != nullptr;
       ++it) {
    if (it->val == nullptr) continue;
    const std::string keyword = it->keyword;
    if (keyword == "password") {
      url.password = SecretString(it->val);
      url.has_password = true;
    } else if (keyword == "host") {
      hosts = it->val;
    } else if (keyword == "port") {
      ports = it->val;
    } else if (keyword == "service") {
      return Wrong("service", "no service file: name the host itself");
    } else {
      url.parameters[keyword] = it->val;
    }
  }
  VK_ASSIGN_OR_RETURN(url.hosts, ParseHosts(hosts, ports));
  auto database = url.parameters.find("dbname");
  if (database != url.parameters.end() && !IsDatabase(database->second)) {
    return Wrong("database", "a name without any of @ / : ? # & =");
  }
  return url;
}

}  // namespace valetkey::sql
