// ClientOptions with the environment and the files read, and checked.

#ifndef VALETKEY_CLIENT_SRC_CONFIG_H_
#define VALETKEY_CLIENT_SRC_CONFIG_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "valetkey/options.h"

namespace valetkey::client::internal {

struct Config {
  std::string target;  // as gRPC takes it
  bool local = false;  // a Unix socket or a loopback host
  bool tls = false;
  std::string roots;  // PEM; empty: gRPC's own
  std::string certificate;
  std::string private_key;
  // Files to be watched in place of what was read of them; empty: none.
  std::string roots_file;
  std::string certificate_file;
  std::string private_key_file;
  std::string server_name;  // empty: the target's
  std::string api_key;
  std::string api_key_file;  // where it came from; empty: from elsewhere
  std::string application;   // "applications/shop", or empty
  absl::Duration timeout;
};

// The value of an environment variable; absent if it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> ProcessEnvironment(const char* name);

// Fails with a ConfigError. The error names the option, and never a secret.
absl::StatusOr<Config> Resolve(const ClientOptions& options,
                               const Environment& environment);

struct Address {
  std::string target;
  bool local = false;
  // Said by a scheme; absent for a bare host:port.
  std::optional<bool> tls;
};

absl::StatusOr<Address> ParseAddress(absl::string_view text);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_CONFIG_H_
