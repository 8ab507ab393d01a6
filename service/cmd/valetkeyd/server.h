// The server as a whole: all parts wired together, started and stopped in
// order. Flags are read elsewhere (server_flags.h).

#ifndef VALETKEY_CMD_VALETKEYD_SERVER_H_
#define VALETKEY_CMD_VALETKEYD_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/log.h"
#include "service/net/http/curl_http_client.h"

namespace valetkey {

// How people sign in to the portal at an identity provider.
struct PortalOidcOptions {
  std::string issuer;  // "": with API keys alone
  std::string client_id;
  std::string client_secret_file;  // "": a public client
  std::string scopes;
};

struct ServerOptions {
  // Holds store.db unless there is a store_url, and the keyring and admin.key
  // unless they are named.
  std::string data_dir;
  std::string store_url;  // of a PostgreSQL; "": embedded
  int store_connections = 4;
  bool migrate_only = false;  // see migrate.h; no server then
  absl::Duration coherence_bound = absl::Seconds(1);
  std::string keyring;              // a file; "": keyring in data_dir
  std::string admin_key_file;       // "": admin.key in data_dir
  std::vector<std::string> listen;  // gRPC; see service/base/listen_address.h
  std::string http_listen;          // "" for none
  std::string public_url;           // "" : from http_listen
  std::string redis_url;            // "" : alone, from memory and store
  std::string redis_prefix;
  std::string catalog_dir;  // "" for the built-in definitions alone
  std::string ready_file;   // written when serving; "" for none
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  bool tls_client_required = false;
  std::string caller_policy;  // a file; "": callers have API keys
  bool insecure_plaintext = false;
  bool portal = true;
  absl::Duration portal_idle_timeout = absl::Minutes(30);
  PortalOidcOptions portal_oidc;
  CurlOptions curl;
  int reactors = 2;
  std::size_t memory_entries = 1'000'000;
  absl::Duration http_timeout = absl::Seconds(20);
  absl::Duration idle_after = absl::Hours(24);
  absl::Duration expiring_notice = absl::Hours(7 * 24);
  absl::Duration authorization_lifetime = absl::Minutes(15);
  absl::Duration event_retention = absl::Hours(7 * 24);
  absl::Duration shutdown_grace = absl::Seconds(25);
  int max_parallel_per_client = 32;
};

// Used by one thread.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();

  // Opens the store, listens and serves. An error says what is wrong and how
  // to mend it; nothing is left running then.
  absl::Status Start();
  // Drains: streams end, calls and flights finish, what is cached is dropped.
  // Blocks, at most shutdown_grace and a little.
  void Stop();
  // Reads the TLS files again.
  void Reload();

  // Where it listens, with real ports. REQUIRES: started.
  const std::vector<std::string>& grpc_addresses() const;
  const std::string& http_address() const;

 private:
  struct Parts;
  const ServerOptions options_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEYD_SERVER_H_
