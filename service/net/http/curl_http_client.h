// HttpClient over libcurl, driven by the reactors' event loops: one curl multi
// handle and one connection pool per reactor, no thread of its own.
//
// What it promises beyond http_client.h:
//   * A request whose method is not GET or HEAD is written to one connection,
//     once. It opens that connection itself: curl would silently send it again
//     when a kept-alive connection turns out to be dead, and an authorization
//     server that has seen a refresh token twice may revoke the grant. GET and
//     HEAD reuse connections, and curl may repeat them once that way.
//   * `maybe_sent` is false exactly if no byte of the request was written.
//   * TLS certificates are verified; only http and https are spoken; cookies,
//     .netrc, redirects and (unless asked for) the environment's proxies are
//     off.
//   * Nothing of a request is ever logged, or quoted in an error.
//
// A cancelled caller gets UNAVAILABLE at once; the transfer itself goes on to
// its end, at the latest to its timeout, and its answer is dropped.

#ifndef VALETKEY_NET_HTTP_CURL_HTTP_CLIENT_H_
#define VALETKEY_NET_HTTP_CURL_HTTP_CLIENT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/net/http/http_client.h"
#include "service/net/http/http_exchange.h"

namespace valetkey {

// Requests to one origin go to another: an emulator, or an egress gateway.
struct OriginOverride {
  std::string from;  // "https://api.pinterest.com"
  std::string to;    // "http://127.0.0.1:4000", with a path prefix if wanted
};

// Reads "https://api.pinterest.com=http://127.0.0.1:4000". INVALID_ARGUMENT
// says which side is wrong and why.
absl::StatusOr<OriginOverride> ParseOriginOverride(absl::string_view text);

// The URL to send to in place of `url`: its origin replaced if an override
// names it, itself otherwise.
std::string ApplyOriginOverrides(const std::vector<OriginOverride>& overrides,
                                 const std::string& url);

struct CurlOptions {
  // PEM file of the authorities to trust, in place of the system's.
  std::string ca_file;
  // Time to resolve, connect and agree on TLS, within the request's timeout.
  absl::Duration connect_timeout = absl::Seconds(10);
  // A longer answer is an error: no token answer comes near it.
  std::size_t max_response_bytes = std::size_t{1} << 20;
  // Kept-alive connections that have been idle for longer are not reused.
  absl::Duration max_idle = absl::Seconds(30);
  // "http://proxy.example:3128"; not used for overridden origins.
  std::string proxy;
  // Heed http_proxy, https_proxy and no_proxy when `proxy` is empty.
  bool proxy_from_environment = false;
  std::vector<OriginOverride> origin_overrides;
  // Whether URLs may lead to private, loopback and link-local addresses. An
  // operator's input may end in a URL's host; without this, it cannot be used
  // to reach into the own network. Judged by the address connected to, so a
  // name that resolves to one is refused too. The targets of overrides are
  // always allowed; with a proxy (or proxy_from_environment) it is for the
  // proxy to decide.
  bool allow_private_addresses = false;
};

// REQUIRES: the pool outlives the client, and no Send is running when the
// client is destroyed. INVALID_ARGUMENT if an option cannot be used.
absl::StatusOr<std::unique_ptr<HttpClient>> NewCurlHttpClient(
    ReactorPool& pool, CurlOptions options);

// For what passes through in pieces (http_exchange.h). Kept-alive connections
// are used for all methods; curl sends a request again by itself only where
// nothing of its body has been sent, and never one without a body but GET and
// HEAD. max_response_bytes does not apply. REQUIRES: as above, and no exchange
// is under way when the client is destroyed.
absl::StatusOr<std::unique_ptr<HttpStreamClient>> NewCurlStreamClient(
    ReactorPool& pool, CurlOptions options);

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_CURL_HTTP_CLIENT_H_
