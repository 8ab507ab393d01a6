// How a client reaches ValetKey.

#ifndef VALETKEY_OPTIONS_H_
#define VALETKEY_OPTIONS_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace valetkey::client {

// What is absent is taken from the environment variable beside it, and else is
// the default. An empty string is a value: it says "none" whatever the
// environment says.
struct ClientOptions {
  // VALETKEY_ADDRESS, or 127.0.0.1:8800. One of
  //   host:port           with TLS if authorities or a certificate are given
  //   https://host:port   with TLS
  //   http://host:port    in plain text
  //   unix:/path          in plain text; unix:///path is the same
  std::optional<std::string> address;
  // VALETKEY_API_KEY. None: behind a sidecar's socket no key is needed. A
  // secret.
  std::optional<std::string> api_key;
  // VALETKEY_API_KEY_FILE: a file that holds it, in place of api_key. Looked at
  // once a second at most and read again when it has changed, so that it may
  // hold a credential that is renewed, as a projected service-account token is.
  std::optional<std::string> api_key_file;
  // VALETKEY_APPLICATION. "shop" and "applications/shop" are the same. With it
  // names may be short: "c-7", "pinterest".
  std::optional<std::string> application;
  // VALETKEY_TLS_CA: a PEM file of the authorities to trust, or "system".
  std::optional<std::string> tls_ca;
  // VALETKEY_TLS_CERT and VALETKEY_TLS_KEY: PEM files, both or none.
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;
  // Read these files again when they change, within seconds, for connections
  // that are made from then on. Otherwise they are read once.
  bool tls_reload = false;
  // The name that the server's certificate must have, if not the address's.
  std::optional<std::string> server_name;
  // Sends the API key in plain text to a host that is not this machine.
  bool insecure_plaintext = false;
  // For a call with its retries, if the caller gives none.
  absl::Duration timeout = absl::Seconds(30);
};

}  // namespace valetkey::client

#endif  // VALETKEY_OPTIONS_H_
