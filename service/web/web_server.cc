#include "service/web/web_server.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/web/connect_page.h"
#include "service/web/html.h"

namespace valetkey::web {
namespace {

using Shared = std::shared_ptr<const WebHandlers>;

bool IsRead(const ServerRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool IsForm(const ServerRequest& request) {
  const std::string* const type = request.headers.Find("Content-Type");
  if (type == nullptr) return false;
  const absl::string_view media =
      absl::string_view(*type).substr(0, type->find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(media),
                                "application/x-www-form-urlencoded");
}

// RFC 6749 section 3.1: parameters must not be repeated. Of two codes nobody
// could say which was meant.
bool HasRepeated(const QueryParameters& parameters) {
  for (absl::string_view name : {"state", "code", "error", "iss"}) {
    int count = 0;
    for (const auto& [key, value] : parameters) count += key == name ? 1 : 0;
    if (count > 1) return true;
  }
  return false;
}

std::string LinkItem(absl::string_view href, absl::string_view what) {
  return absl::StrCat("<a href=\"", EscapeHtml(href), "\">", EscapeHtml(href),
                      "</a> – ", what);
}

// Sends what a route without a wait has to say.
Task<void> Reply(ResponseWriter* writer, HttpResponse response) {
  (co_await writer->Send(std::move(response))).IgnoreError();
}

Task<void> ServeCallback(Shared handlers, ServerRequest request,
                         ResponseWriter* writer) {
  const bool post = request.method == "POST";
  HttpResponse response;
  if (request.method == "HEAD") {
    // A preview or a scanner of links: it must not use up the code.
    response = PlainResponse(200, "");
  } else if (request.method != "GET" && !post) {
    response = UnreadableCallbackPage(405);
  } else if (post && !IsForm(request)) {
    response = UnreadableCallbackPage(415);
  } else {
    QueryParameters parameters =
        ParseQuery(post ? request.body : request.query);
    if (HasRepeated(parameters)) {
      response = UnreadableCallbackPage(400);
    } else {
      response =
          CallbackResponse(co_await handlers->callback(std::move(parameters)));
    }
  }
  (co_await writer->Send(std::move(response))).IgnoreError();
}

Task<void> ServeConnect(Shared handlers, ServerRequest request,
                        ResponseWriter* writer) {
  const ConnectPath path = ReadConnectPath(request.path);
  broker::ConsentOffer offer;
  if (path.state.empty()) {
    offer.status = MakeError(Reason::kAuthorizationStateInvalid,
                             "the link is not complete");
  } else {
    offer = co_await handlers->connect(path.state);
  }
  HttpResponse response =
      path.cancel ? CancelResponse(offer) : ConnectPage(offer, path.state);
  (co_await writer->Send(std::move(response))).IgnoreError();
}

Task<void> ServeReady(Shared handlers, ResponseWriter* writer) {
  const absl::Status status = co_await handlers->ready();
  HttpResponse response =
      status.ok()
          ? PlainResponse(200, "ok\n")
          : PlainResponse(
                503, absl::StrCat("not ready: ", std::string(status.message()),
                                  "\n"));
  (co_await writer->Send(std::move(response))).IgnoreError();
}

HttpResponse Health(const WebHandlers& handlers) {
  const absl::Status status = handlers.health();
  if (status.ok()) return PlainResponse(200, "ok\n");
  return PlainResponse(
      503, absl::StrCat("not healthy: ", std::string(status.message()), "\n"));
}

HttpResponse Metrics(const WebHandlers& handlers) {
  HttpResponse response;
  response.status = 200;
  response.headers.Add("Content-Type",
                       "text/plain; version=0.0.4; charset=utf-8");
  AddSecurityHeaders(response.headers);
  response.body = handlers.metrics();
  return response;
}

}  // namespace

HttpResponse IndexPage(const WebHandlers& handlers) {
  Page page;
  page.mood = Mood::kNone;
  page.title = "ValetKey";
  page.heading = "ValetKey";
  page.paragraphs = {
      "This server keeps the permissions that people have given to use their "
      "accounts at other services, and hands out valid access tokens to the "
      "applications they were given to.",
      "If you came here to connect an account: go back to the application and "
      "start from there."};
  if (handlers.portal_missing) {
    page.paragraphs.push_back(
        "The developer portal is not part of this build, for it was made "
        "without Node.js. To have it, run <code>clients/portal/run "
        "build</code> and build the server again.");
  }
  if (handlers.health) {
    page.links.push_back(LinkItem("/healthz", "whether it runs"));
  }
  if (handlers.ready) {
    page.links.push_back(LinkItem("/readyz", "whether it can serve"));
  }
  if (handlers.metrics) {
    page.links.push_back(LinkItem("/metrics", "figures for Prometheus"));
  }
  if (!handlers.documentation_url.empty()) {
    page.links.push_back(LinkItem(handlers.documentation_url, "documentation"));
  }
  if (!handlers.version.empty()) {
    page.reference_label = "Version";
    page.reference = handlers.version;
  }
  return RenderPage(page);
}

HttpResponse WebErrorPage(int status, const std::string& path) {
  if (path == kCallbackPath) return UnreadableCallbackPage(status);
  return PlainResponse(status, absl::StrCat(HttpStatusText(status), "\n"));
}

void AddWebRoutes(HttpServer& server, WebHandlers handlers) {
  const auto shared = std::make_shared<const WebHandlers>(std::move(handlers));
  // A plain function as a coroutine's start: the answer is made before it.
  const auto add = [&server, shared](const std::string& path, auto answer) {
    server.Handle(path, [shared, answer](ServerRequest request,
                                         ResponseWriter& writer) {
      return Reply(&writer, IsRead(request) ? answer(*shared)
                                            : MethodNotAllowed("GET, HEAD"));
    });
  };
  if (shared->portal) {
    server.HandlePrefix(
        "/", [shared](ServerRequest request, ResponseWriter& writer) {
          return Reply(&writer, shared->portal(request));
        });
  } else {
    add("/", &IndexPage);
  }
  if (shared->health) add("/healthz", &Health);
  if (shared->metrics) add("/metrics", &Metrics);
  if (shared->ready) {
    server.Handle("/readyz", [shared](ServerRequest request,
                                      ResponseWriter& writer) {
      return IsRead(request) ? ServeReady(shared, &writer)
                             : Reply(&writer, MethodNotAllowed("GET, HEAD"));
    });
  }
  if (shared->connect) {
    server.HandlePrefix(kConnectPrefix, [shared](ServerRequest request,
                                                 ResponseWriter& writer) {
      return IsRead(request) ? ServeConnect(shared, std::move(request), &writer)
                             : Reply(&writer, MethodNotAllowed("GET, HEAD"));
    });
  }
  if (shared->callback) {
    server.Handle(kCallbackPath,
                  [shared](ServerRequest request, ResponseWriter& writer) {
                    return ServeCallback(shared, std::move(request), &writer);
                  });
  }
}

}  // namespace valetkey::web
