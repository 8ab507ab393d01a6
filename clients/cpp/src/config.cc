#include "src/config.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "src/key_file.h"
#include "src/names.h"
#include "src/status.h"

namespace valetkey::client::internal {
namespace {

constexpr absl::string_view kDefaultAddress = "127.0.0.1:8800";

// Where the distributions keep the system's authorities. gRPC's own list lacks
// what the administrator added.
constexpr const char* kSystemAuthorities[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

std::string Given(const std::optional<std::string>& option, const char* name,
                  const Environment& environment) {
  return option.has_value() ? *option : environment(name).value_or("");
}

absl::StatusOr<std::string> ReadFile(absl::string_view what,
                                     const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad() || text.empty()) {
    return ConfigError(absl::StrCat(what, ": cannot read ", path));
  }
  return text;
}

absl::Status AddKey(const ClientOptions& options,
                    const Environment& environment, Config* config) {
  if (options.api_key.has_value() && options.api_key_file.has_value()) {
    return ConfigError("the options api_key and api_key_file exclude another");
  }
  // What the options say goes before what the environment says.
  if (!options.api_key_file.has_value()) {
    config->api_key = Given(options.api_key, "VALETKEY_API_KEY", environment);
  }
  if (config->api_key.empty() && !options.api_key.has_value()) {
    config->api_key_file =
        Given(options.api_key_file, "VALETKEY_API_KEY_FILE", environment);
    if (!config->api_key_file.empty()) {
      absl::StatusOr<std::string> key = ReadKey(config->api_key_file);
      if (!key.ok()) return key.status();
      config->api_key = *std::move(key);
    }
  }
  return CheckKey("the API key", config->api_key);
}

absl::Status AddTls(const ClientOptions& options,
                    const Environment& environment, std::optional<bool> tls,
                    Config* config) {
  const std::string authorities =
      Given(options.tls_ca, "VALETKEY_TLS_CA", environment);
  const std::string certificate =
      Given(options.tls_cert, "VALETKEY_TLS_CERT", environment);
  const std::string key =
      Given(options.tls_key, "VALETKEY_TLS_KEY", environment);
  config->tls = tls.value_or(!authorities.empty() || !certificate.empty());
  if (certificate.empty() != key.empty()) {
    return ConfigError(
        "the client certificate and its key (VALETKEY_TLS_CERT, "
        "VALETKEY_TLS_KEY) go together");
  }
  if (!config->tls) return absl::OkStatus();
  if (authorities.empty() || authorities == "system") {
    for (const char* path : kSystemAuthorities) {
      if (access(path, R_OK) != 0) continue;
      absl::StatusOr<std::string> roots = ReadFile("authorities", path);
      if (!roots.ok()) return roots.status();
      config->roots = *std::move(roots);
      if (options.tls_reload) config->roots_file = path;
      break;
    }
  } else {
    absl::StatusOr<std::string> roots = ReadFile("authorities", authorities);
    if (!roots.ok()) return roots.status();
    config->roots = *std::move(roots);
    if (options.tls_reload) config->roots_file = authorities;
  }
  if (!certificate.empty()) {
    absl::StatusOr<std::string> chain =
        ReadFile("client certificate", certificate);
    if (!chain.ok()) return chain.status();
    absl::StatusOr<std::string> secret =
        ReadFile("client certificate's key", key);
    if (!secret.ok()) return secret.status();
    config->certificate = *std::move(chain);
    config->private_key = *std::move(secret);
    if (options.tls_reload) {
      config->certificate_file = certificate;
      config->private_key_file = key;
    }
  }
  return absl::OkStatus();
}

// 127.0.0.0/8, without the help of a resolver.
bool IsLoopback4(absl::string_view host) {
  int dots = 0;
  for (const char c : host) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3 && absl::StartsWith(host, "127.");
}

absl::Status BadAddress(absl::string_view text) {
  return ConfigError(absl::StrCat(
      "address \"", text,
      "\" is none of host:port, https://host:port, http://host:port, "
      "unix:/path"));
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  absl::string_view rest = text;
  Address address;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    absl::ConsumePrefix(&rest, "//");
    if (!absl::StartsWith(rest, "/")) return BadAddress(text);
    address.target = absl::StrCat("unix:", rest);
    address.local = true;
    address.tls = false;
    return address;
  }
  if (absl::ConsumePrefix(&rest, "https://")) {
    address.tls = true;
  } else if (absl::ConsumePrefix(&rest, "http://")) {
    address.tls = false;
  }
  if (address.tls.has_value()) absl::ConsumeSuffix(&rest, "/");
  const std::size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos) return BadAddress(text);
  absl::string_view host = rest.substr(0, colon);
  int port = 0;
  if (!absl::SimpleAtoi(rest.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return BadAddress(text);
  }
  const bool bracketed = absl::ConsumePrefix(&host, "[");
  if (bracketed != absl::ConsumeSuffix(&host, "]") || host.empty() ||
      absl::StrContains(host, ':') != bracketed ||
      host.find_first_of("/@?#[] ") != absl::string_view::npos) {
    return BadAddress(text);
  }
  address.local = absl::EqualsIgnoreCase(host, "localhost") || host == "::1" ||
                  IsLoopback4(host);
  address.target = std::string(rest);
  return address;
}

absl::StatusOr<Config> Resolve(const ClientOptions& options,
                               const Environment& environment) {
  Config config;
  std::string text = Given(options.address, "VALETKEY_ADDRESS", environment);
  if (text.empty()) text = std::string(kDefaultAddress);
  const absl::StatusOr<Address> address = ParseAddress(text);
  if (!address.ok()) return address.status();
  config.target = address->target;
  config.local = address->local;
  const absl::Status tls = AddTls(options, environment, address->tls, &config);
  if (!tls.ok()) return tls;
  if (!config.tls && !config.local && !options.insecure_plaintext) {
    return ConfigError(absl::StrCat(
        "the API key and tokens would cross the network to ", text,
        " in plain text: use TLS (https://, or VALETKEY_TLS_CA), or set "
        "insecure_plaintext"));
  }
  config.server_name = options.server_name.value_or("");
  const absl::Status key = AddKey(options, environment, &config);
  if (!key.ok()) return key;
  absl::StatusOr<std::string> application = ExpandTop(
      "applications",
      Given(options.application, "VALETKEY_APPLICATION", environment));
  if (!application.ok()) return application.status();
  config.application = *std::move(application);
  if (options.timeout <= absl::ZeroDuration()) {
    return ConfigError("the timeout must be longer than nothing");
  }
  config.timeout = options.timeout;
  return config;
}

}  // namespace valetkey::client::internal
