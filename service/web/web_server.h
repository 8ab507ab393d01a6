// The routes for browsers and for those who watch over the service:
//
//   /                 the portal; without one, what this is and where the rest
//                     is
//   /connect/{state}  what an application asks for, before a provider asks
//   /oauth/callback   where providers send people back to (GET, form POST)
//   /healthz          200 while the process runs
//   /readyz           200 while it can serve, else 503 and why
//   /metrics          Prometheus's text format
//
// All answer HEAD too, and 405 to any other method. What they show comes from
// functions, so that nothing here knows the broker.

#ifndef VALETKEY_WEB_WEB_SERVER_H_
#define VALETKEY_WEB_WEB_SERVER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "service/async/task.h"
#include "service/base/url.h"
#include "service/broker/types.h"
#include "service/net/http/http_server.h"
#include "service/web/callback.h"

namespace valetkey::web {

// The path of our redirect URI.
inline constexpr char kCallbackPath[] = "/oauth/callback";

struct WebHandlers {
  // Finishes a consent. The parameters are as the provider sent them, at most
  // one `state`, `code`, `error` and `iss` each.
  std::function<Task<CallbackOutcome>(QueryParameters parameters)> callback;
  // What is asked for by a state.
  std::function<Task<broker::ConsentOffer>(std::string state)> connect;
  // Null functions take their route away.
  std::function<absl::Status()> health;
  std::function<Task<absl::Status>()> ready;
  std::function<std::string()> metrics;
  // Answers whatever no other route does; null: "/" is the index page, and
  // the rest is not found.
  std::function<HttpResponse(const ServerRequest& request)> portal;
  // Shown on the index page: that there should be a portal and is none.
  bool portal_missing = false;
  // Shown on the index page; "" leaves the link out.
  std::string documentation_url;
  std::string version;
};

// REQUIRES: the server is not started; what the functions use outlives it.
void AddWebRoutes(HttpServer& server, WebHandlers handlers);

// For HttpServerOptions::error_page: the failed page for the callback, plain
// text for all else.
HttpResponse WebErrorPage(int status, const std::string& path);

// The page at "/".
HttpResponse IndexPage(const WebHandlers& handlers);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_WEB_SERVER_H_
