#include "service/cmd/valetkeyd/server_flags.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "service/base/listen_address.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/cmd/common_flags.h"
#include "service/identity/oidc.h"
#include "service/net/sql/postgres_url.h"

ABSL_FLAG(std::string, data_dir, "",
          "Folder of the store, the keyring and the first admin key; made with "
          "mode 0700 if it is not there. Required.");
ABSL_FLAG(std::string, store, "",
          "PostgreSQL 15 or later as the store that replicas share: "
          "postgres://[user[:password]@]host[:port]/database[?sslmode=...]; "
          "with passfile=PATH in place of a password. Empty: an embedded store "
          "in --data_dir, for one server alone.");
ABSL_FLAG(int, store_connections, 4, "Connections to --store.");
ABSL_FLAG(bool, migrate_only, false,
          "Bring the tables of --store up to date and end, without serving. "
          "Servers do it at their start too. Needs no other flag.");
ABSL_FLAG(absl::Duration, coherence_bound, absl::Seconds(1),
          "With --store: for how long at most a token is still given out from "
          "memory after another replica has revoked it. A replica that is cut "
          "off from the store for longer gives out none.");
ABSL_FLAG(std::string, keyring, "",
          "File of the keys that encrypt secrets. Default: keyring in "
          "--data_dir, made at the first start. Replicas must have the same: "
          "with --store it is not made.");
ABSL_FLAG(std::string, admin_key_file, "",
          "Where the first start writes the admin API key. Default: admin.key "
          "in --data_dir.");
ABSL_FLAG(std::vector<std::string>, listen,
          std::vector<std::string>({"127.0.0.1:8800"}),
          "Addresses for gRPC, comma-separated: HOST:PORT (port 0: any free "
          "one) or unix:PATH.");
ABSL_FLAG(std::string, http_listen, "127.0.0.1:8801",
          "Address for HTTP: the callback, JSON, /metrics, /healthz, /readyz. "
          "HOST:PORT or unix:PATH; empty for none.");
ABSL_FLAG(std::string, public_url, "",
          "How browsers reach the HTTP port, such as "
          "https://tokens.example.com; providers send people back to "
          "PUBLIC_URL/oauth/callback. Default: http:// and --http_listen.");
ABSL_FLAG(std::string, redis_url, "",
          "Redis for the shared token cache and the event stream: "
          "redis://[user:password@]host[:port][/db], unix:///path, "
          "redis+sentinel://[user:password@]host[:26379],.../MASTER[/db], or "
          "redis+cluster://[user:password@]host[:port],...; rediss for TLS. "
          "Empty: from memory and store alone.");
ABSL_FLAG(std::string, redis_prefix, "valetkey",
          "Begins the names of all keys and channels in Redis.");
ABSL_FLAG(std::string, catalog_dir, "",
          "Folder of further provider definitions (*.textproto), which add to "
          "the built-in ones or replace them.");
ABSL_FLAG(std::string, ready_file, "",
          "File to write once it serves: JSON with the real addresses.");
ABSL_FLAG(std::string, tls_cert, "",
          "PEM file of the certificate chain, for both ports; read again when "
          "it changes.");
ABSL_FLAG(std::string, tls_key, "", "PEM file of the certificate's key.");
ABSL_FLAG(std::string, tls_client_ca, "",
          "PEM file of the authorities whose client certificates are "
          "accepted.");
ABSL_FLAG(std::string, tls_client_auth, "require",
          "With --tls_client_ca: require, no call without a client "
          "certificate; or request, a certificate that is shown must be good.");
ABSL_FLAG(std::string, caller_policy, "",
          "File that lets callers in by a JWT or a client certificate, beside "
          "those with an API key (docs/callers.md); read again when it "
          "changes.");
ABSL_FLAG(bool, portal, true,
          "Serve the developer portal on the HTTP port, and take its sessions "
          "for calls there (docs/portal.md).");
ABSL_FLAG(absl::Duration, portal_idle_timeout, absl::Minutes(30),
          "After how long without use a person is signed out of the portal.");
ABSL_FLAG(
    std::string, portal_oidc_issuer, "",
    "OpenID Connect issuer at which people sign in to the portal, such as "
    "https://id.example.com/realms/ops. What they may do there is for "
    "--caller_policy to say (docs/portal.md). Empty: with API keys "
    "alone.");
ABSL_FLAG(std::string, portal_oidc_client_id, "",
          "With --portal_oidc_issuer: this server's client id there.");
ABSL_FLAG(std::string, portal_oidc_client_secret_file, "",
          "With --portal_oidc_issuer: file of the client secret; read each "
          "time. Empty: a public client.");
ABSL_FLAG(std::string, portal_oidc_scopes, "openid profile email",
          "With --portal_oidc_issuer: scopes to ask for, separated by spaces; "
          "openid is always among them.");
ABSL_FLAG(bool, insecure_plaintext, false,
          "Serve without TLS on addresses that other machines can reach.");
ABSL_FLAG(std::vector<std::string>, origin_override, {},
          "Send requests for one origin to another, comma-separated: "
          "https://api.pinterest.com=http://127.0.0.1:4001. For emulators and "
          "egress gateways.");
ABSL_FLAG(std::string, egress_proxy, "",
          "HTTP proxy for requests to providers, such as "
          "http://proxy.example:3128.");
ABSL_FLAG(std::string, egress_ca, "",
          "PEM file of the authorities to trust for providers, in place of "
          "the system's.");
ABSL_FLAG(bool, allow_private_addresses, false,
          "Let provider URLs lead to private, loopback and link-local "
          "addresses.");
ABSL_FLAG(int, reactors, 0,
          "Threads that run the work behind the RPCs. 0: as many as there are "
          "processors, at most 8.");
ABSL_FLAG(int, memory_entries, 1'000'000,
          "Connections whose access tokens are kept in memory, at most.");
ABSL_FLAG(absl::Duration, http_timeout, absl::Seconds(20),
          "Bounds one request to a provider.");
ABSL_FLAG(absl::Duration, idle_after, absl::Hours(24),
          "A connection that was not used for so long is refreshed only to "
          "keep its refresh token alive.");
ABSL_FLAG(absl::Duration, expiring_notice, absl::Hours(7 * 24),
          "How long before a refresh token dies the EXPIRING event comes.");
ABSL_FLAG(absl::Duration, authorization_lifetime, absl::Minutes(15),
          "How long a person has for the consent.");
ABSL_FLAG(absl::Duration, event_retention, absl::Hours(7 * 24),
          "How long events are kept for watchers that resume.");
ABSL_FLAG(absl::Duration, shutdown_grace, absl::Seconds(25),
          "How long calls and refreshes under way may take to finish after "
          "SIGTERM.");
ABSL_FLAG(int, max_parallel_per_client, 32,
          "Token requests under way at once for one configured provider.");

namespace valetkey {
namespace {

// REQUIRES: the options that it stands on are set.
absl::Status ReadPortalOidc(ServerOptions& options) {
  PortalOidcOptions& oidc = options.portal_oidc;
  oidc.issuer = absl::GetFlag(FLAGS_portal_oidc_issuer);
  oidc.client_id = absl::GetFlag(FLAGS_portal_oidc_client_id);
  oidc.client_secret_file = absl::GetFlag(FLAGS_portal_oidc_client_secret_file);
  oidc.scopes = absl::GetFlag(FLAGS_portal_oidc_scopes);
  if (oidc.issuer.empty()) {
    if (oidc.client_id.empty() && oidc.client_secret_file.empty()) {
      return absl::OkStatus();
    }
    return BadFlag("portal_oidc_issuer",
                   "the identity provider that --portal_oidc_client_id and "
                   "--portal_oidc_client_secret_file are for");
  }
  if (!identity::IsFetchUrl(oidc.issuer) ||
      absl::StrContains(oidc.issuer, "?")) {
    return BadFlag("portal_oidc_issuer",
                   "an https URL without query or fragment (http only to a "
                   "loopback address)");
  }
  if (oidc.client_id.empty()) {
    return BadFlag("portal_oidc_client_id",
                   "the client id that is registered at --portal_oidc_issuer");
  }
  if (!options.portal || options.http_listen.empty()) {
    return BadFlag("portal_oidc_issuer",
                   "none without the portal (--portal and --http_listen)");
  }
  if (options.caller_policy.empty()) {
    return BadFlag("caller_policy",
                   "a policy whose rules say what the people of "
                   "--portal_oidc_issuer may do");
  }
  std::vector<std::string> scopes =
      absl::StrSplit(oidc.scopes, absl::ByAnyChar(" ,"), absl::SkipEmpty());
  for (const std::string& scope : scopes) {
    for (const char c : scope) {
      if (absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' &&
          c != '\\') {
        continue;
      }
      return BadFlag("portal_oidc_scopes",
                     "scopes as in \"openid profile email\"");
    }
  }
  if (std::find(scopes.begin(), scopes.end(), "openid") == scopes.end()) {
    scopes.insert(scopes.begin(), "openid");
  }
  oidc.scopes = absl::StrJoin(scopes, " ");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerOptions> ServerOptionsFromFlags() {
  ServerOptions options;
  options.migrate_only = absl::GetFlag(FLAGS_migrate_only);
  options.data_dir = absl::GetFlag(FLAGS_data_dir);
  if (options.data_dir.empty() && !options.migrate_only) {
    return BadFlag("data_dir", "the folder to keep grants in");
  }
  options.store_url = absl::GetFlag(FLAGS_store);
  if (!options.store_url.empty()) {
    const auto url = sql::ParsePostgresUrl(options.store_url);
    if (!url.ok()) return BadFlag("store", url.status().message());
  }
  options.store_connections = absl::GetFlag(FLAGS_store_connections);
  if (options.store_connections < 1 || options.store_connections > 256) {
    return BadFlag("store_connections", "1 to 256");
  }
  options.coherence_bound = absl::GetFlag(FLAGS_coherence_bound);
  if (options.coherence_bound < absl::Milliseconds(500)) {
    return BadFlag("coherence_bound", "500ms or more");
  }
  options.keyring = absl::GetFlag(FLAGS_keyring);
  options.admin_key_file = absl::GetFlag(FLAGS_admin_key_file);
  options.listen = absl::GetFlag(FLAGS_listen);
  if (options.listen.empty()) return BadFlag("listen", "an address");
  options.http_listen = absl::GetFlag(FLAGS_http_listen);
  options.public_url = absl::GetFlag(FLAGS_public_url);
  if (!options.public_url.empty()) {
    const auto url = ParseUrl(options.public_url);
    if (!url.ok() || !url->query.empty() || !url->fragment.empty()) {
      return BadFlag("public_url",
                     "an https or http URL without query or fragment");
    }
    if (url->scheme == "http" && !url->IsLoopback() &&
        !absl::GetFlag(FLAGS_insecure_plaintext)) {
      return BadFlag("public_url",
                     "https, for codes and states travel by it (or "
                     "--insecure_plaintext)");
    }
    while (options.public_url.back() == '/') options.public_url.pop_back();
  } else if (!options.migrate_only) {
    const auto address = ParseListenAddress(options.http_listen);
    if (options.http_listen.empty() || !address.ok() || address->is_unix ||
        address->port == 0) {
      return BadFlag("public_url",
                     "how browsers reach the server, for --http_listen does "
                     "not tell");
    }
    options.public_url = absl::StrCat(
        absl::GetFlag(FLAGS_tls_cert).empty() ? "http://" : "https://",
        options.http_listen);
  }
  options.redis_url = absl::GetFlag(FLAGS_redis_url);
  options.redis_prefix = absl::GetFlag(FLAGS_redis_prefix);
  if (options.redis_prefix.empty()) {
    return BadFlag("redis_prefix", "a prefix that is not empty");
  }
  options.catalog_dir = absl::GetFlag(FLAGS_catalog_dir);
  options.ready_file = absl::GetFlag(FLAGS_ready_file);
  options.tls_certificate = absl::GetFlag(FLAGS_tls_cert);
  options.tls_key = absl::GetFlag(FLAGS_tls_key);
  options.tls_client_ca = absl::GetFlag(FLAGS_tls_client_ca);
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return BadFlag("tls_key", "to be given together with --tls_cert");
  }
  if (!options.tls_client_ca.empty() && options.tls_certificate.empty()) {
    return BadFlag("tls_client_ca", "to be given together with --tls_cert");
  }
  const std::string client_auth = absl::GetFlag(FLAGS_tls_client_auth);
  if (client_auth != "require" && client_auth != "request") {
    return BadFlag("tls_client_auth", "require or request");
  }
  if (client_auth == "request" && options.tls_client_ca.empty()) {
    return BadFlag("tls_client_auth",
                   "to be given together with --tls_client_ca, whose "
                   "authorities sign the certificates");
  }
  options.tls_client_required =
      !options.tls_client_ca.empty() && client_auth == "require";
  options.caller_policy = absl::GetFlag(FLAGS_caller_policy);
  options.insecure_plaintext = absl::GetFlag(FLAGS_insecure_plaintext);
  options.portal = absl::GetFlag(FLAGS_portal);
  options.portal_idle_timeout = absl::GetFlag(FLAGS_portal_idle_timeout);
  if (options.portal_idle_timeout < absl::Minutes(1) ||
      options.portal_idle_timeout > absl::Hours(12)) {
    return BadFlag("portal_idle_timeout", "1m to 12h");
  }
  VK_RETURN_IF_ERROR(ReadPortalOidc(options));
  auto overrides = OriginOverridesOf("origin_override",
                                     absl::GetFlag(FLAGS_origin_override));
  if (!overrides.ok()) return overrides.status();
  options.curl.origin_overrides = *std::move(overrides);
  options.curl.proxy = absl::GetFlag(FLAGS_egress_proxy);
  options.curl.ca_file = absl::GetFlag(FLAGS_egress_ca);
  options.curl.allow_private_addresses =
      absl::GetFlag(FLAGS_allow_private_addresses);
  options.reactors = absl::GetFlag(FLAGS_reactors);
  if (options.reactors < 0 || options.reactors > 64) {
    return BadFlag("reactors", "0 to 64");
  }
  if (options.reactors == 0) {
    options.reactors =
        std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);
  }
  const int entries = absl::GetFlag(FLAGS_memory_entries);
  if (entries < 64) return BadFlag("memory_entries", "64 or more");
  options.memory_entries = static_cast<std::size_t>(entries);
  const std::pair<const char*, absl::Duration> durations[] = {
      {"http_timeout", absl::GetFlag(FLAGS_http_timeout)},
      {"idle_after", absl::GetFlag(FLAGS_idle_after)},
      {"expiring_notice", absl::GetFlag(FLAGS_expiring_notice)},
      {"authorization_lifetime", absl::GetFlag(FLAGS_authorization_lifetime)},
      {"event_retention", absl::GetFlag(FLAGS_event_retention)},
      {"shutdown_grace", absl::GetFlag(FLAGS_shutdown_grace)},
  };
  for (const auto& [name, value] : durations) {
    if (value <= absl::ZeroDuration()) {
      return BadFlag(name, "a duration above zero, such as 20s");
    }
  }
  options.http_timeout = absl::GetFlag(FLAGS_http_timeout);
  if (options.http_timeout > absl::Minutes(5)) {
    return BadFlag("http_timeout", "at most 5m");
  }
  options.idle_after = absl::GetFlag(FLAGS_idle_after);
  options.expiring_notice = absl::GetFlag(FLAGS_expiring_notice);
  options.authorization_lifetime = absl::GetFlag(FLAGS_authorization_lifetime);
  options.event_retention = absl::GetFlag(FLAGS_event_retention);
  options.shutdown_grace = absl::GetFlag(FLAGS_shutdown_grace);
  options.max_parallel_per_client =
      absl::GetFlag(FLAGS_max_parallel_per_client);
  if (options.max_parallel_per_client < 1) {
    return BadFlag("max_parallel_per_client", "1 or more");
  }
  return options;
}

}  // namespace valetkey
