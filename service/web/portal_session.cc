#include "service/web/portal_session.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/rpc/status_mapping.h"
#include "service/rpc/trace_context.h"
#include "service/web/same_origin.h"

namespace valetkey::web {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxBody = 4096;

absl::string_view HeaderOf(const ServerRequest& request,
                           absl::string_view name) {
  const std::string* const value = request.headers.Find(name);
  return value == nullptr ? "" : absl::string_view(*value);
}

absl::string_view MediaTypeOf(const ServerRequest& request) {
  const absl::string_view type = HeaderOf(request, "content-type");
  return absl::StripAsciiWhitespace(type.substr(0, type.find(';')));
}

RequestContext ContextOf(const ServerRequest& request) {
  return rpc::MakeRequestContext(HeaderOf(request, "x-request-id"),
                                 HeaderOf(request, "traceparent"));
}

HttpResponse JsonResponse(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  if (!body.empty()) response.headers.Add("Content-Type", "application/json");
  AddSecurityHeaders(response.headers);
  response.body = std::move(body);
  return response;
}

HttpResponse ErrorResponse(int http_status, const absl::Status& status,
                           const RequestContext& context) {
  HttpResponse response = JsonResponse(
      http_status, rpc::ToConnectError(status, context.request_id));
  response.headers.Add("X-Request-Id", context.request_id);
  return response;
}

HttpResponse ErrorResponse(const absl::Status& status,
                           const RequestContext& context) {
  return ErrorResponse(rpc::ConnectHttpStatus(rpc::OutwardCode(status)), status,
                       context);
}

absl::Status ForeignOrigin() {
  return rpc::ProtocolError(
      absl::StatusCode::kPermissionDenied,
      "the request does not come from a page of this server: open the portal "
      "by the server's --public_url, or call with authorization: Bearer "
      "vk_...");
}

absl::Status SessionOver() {
  return MakeError(Reason::kApiKeyMissing,
                   "the session is over: sign in again");
}

absl::Status Unparsed() {
  return InvalidField("api_key", "{\"api_key\": \"vk_...\"} as the body");
}

// The key in a body of {"api_key": "vk_..."}. The body is wiped.
absl::StatusOr<SecretString> KeyIn(std::string& body) {
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  WipeMemory(body.data(), body.size());
  if (!json.is_object()) return Unparsed();
  const auto found = json.find("api_key");
  if (found == json.end() || !found->is_string()) return Unparsed();
  SecretString key =
      SecretString::Take(std::move(found->get_ref<std::string&>()));
  if (key.empty()) return Unparsed();
  return key;
}

std::string BearerOf(const SecretString& key) {
  return absl::StrCat("Bearer ", key.Reveal());
}

// Adds a cookie to the answer that passes through: the session renewed, or
// taken away when its key is no longer good.
class CookieWriter final : public ResponseWriter {
 public:
  CookieWriter(ResponseWriter& writer, std::optional<std::string> renewed,
               std::string clear)
      : writer_(writer),
        renewed_(std::move(renewed)),
        clear_(std::move(clear)) {}

  Task<absl::Status> Send(HttpResponse response) override {
    AddTo(response.headers, response.status);
    return writer_.Send(std::move(response));
  }
  Task<absl::Status> Start(int status, HttpHeaders headers,
                           std::optional<std::uint64_t> length) override {
    AddTo(headers, status);
    return writer_.Start(status, std::move(headers), length);
  }
  Task<absl::Status> Write(std::string data) override {
    return writer_.Write(std::move(data));
  }
  Task<absl::Status> Finish() override { return writer_.Finish(); }
  void OnStop(std::function<void(StopReason)> callback) override {
    writer_.OnStop(std::move(callback));
  }
  bool disconnected() const override { return writer_.disconnected(); }
  bool draining() const override { return writer_.draining(); }

 private:
  void AddTo(HttpHeaders& headers, int status) const {
    if (status == 401) {
      headers.Add("Set-Cookie", clear_);
    } else if (renewed_.has_value()) {
      headers.Add("Set-Cookie", *renewed_);
    }
  }

  ResponseWriter& writer_;
  const std::optional<std::string> renewed_;
  const std::string clear_;
};

constexpr char kTimeoutHeader[] = "connect-timeout-ms";

// The headers of a call by a session: its key, if it has one, for the cookie,
// and for a stream the session's time where the caller's own is not shorter.
HttpHeaders HeadersBySession(const HttpHeaders& headers,
                             const SecretString& key,
                             std::optional<std::int64_t> milliseconds_left) {
  HttpHeaders changed;
  for (const auto& [name, value] : headers.fields()) {
    if (absl::EqualsIgnoreCase(name, "cookie")) continue;
    if (milliseconds_left.has_value() &&
        absl::EqualsIgnoreCase(name, kTimeoutHeader)) {
      std::int64_t own = 0;
      // What is no number is refused further on.
      if (!absl::SimpleAtoi(value, &own) || own < *milliseconds_left) {
        milliseconds_left.reset();
        changed.Add(name, value);
      }
      continue;
    }
    changed.Add(name, value);
  }
  if (milliseconds_left.has_value()) {
    changed.Add(kTimeoutHeader, absl::StrCat(*milliseconds_left));
  }
  if (!key.empty()) changed.Add("authorization", BearerOf(key));
  return changed;
}

}  // namespace

PortalSession::PortalSession(const Sealer& sealer, const Clock& clock,
                             Authenticate authenticate, Rpc call,
                             PortalSessionOptions options)
    : cookie_(sealer, clock, options.session),
      clock_(clock),
      authenticate_(std::move(authenticate)),
      call_(std::move(call)),
      options_(std::move(options)),
      limiter_(clock, options_.limits) {}

Task<void> PortalSession::Serve(ServerRequest request, ResponseWriter& writer) {
  HttpResponse response;
  if (request.method == "POST") {
    response = co_await SignIn(request);
  } else if (request.method == "GET" || request.method == "HEAD") {
    response = co_await Describe(request);
  } else if (request.method == "DELETE") {
    response = SignOut(request);
  } else {
    response = MethodNotAllowed("GET, HEAD, POST, DELETE");
  }
  (co_await writer.Send(std::move(response))).IgnoreError();
}

Task<HttpResponse> PortalSession::SignIn(ServerRequest& request) {
  const RequestContext context = ContextOf(request);
  if (!IsFromOurPages(request, options_.public_origin)) {
    co_return ErrorResponse(ForeignOrigin(), context);
  }
  // A form cannot send this, nor a script of another origin without asking.
  if (!absl::EqualsIgnoreCase(MediaTypeOf(request), "application/json")) {
    co_return ErrorResponse(
        415,
        rpc::ProtocolError(absl::StatusCode::kInvalidArgument,
                           "content type must be application/json"),
        context);
  }
  if (request.body.size() > kMaxBody) {
    co_return ErrorResponse(413, Unparsed(), context);
  }
  const absl::Duration wait = limiter_.Wait(request.peer);
  if (wait > absl::ZeroDuration()) {
    HttpResponse response = ErrorResponse(
        rpc::ProtocolError(absl::StatusCode::kResourceExhausted,
                           "too many failed attempts from your network "
                           "address: wait a little"),
        context);
    response.headers.Add("Retry-After",
                         absl::StrCat(1 + absl::ToInt64Seconds(wait)));
    co_return response;
  }
  absl::StatusOr<SecretString> key = KeyIn(request.body);
  if (!key.ok()) co_return ErrorResponse(key.status(), context);
  std::string authorization = BearerOf(*key);
  const auto caller = co_await authenticate_(std::move(authorization));
  absl::Status status = caller.status();
  if (status.ok() && !(*caller)->Has(store::kAdminister)) {
    status = MakeError(Reason::kRightMissing,
                       "the key lacks the right ADMINISTER: the portal is for "
                       "keys that may administer an application",
                       {{"right", "ADMINISTER"}});
  }
  if (!status.ok()) {
    // Not when it is the store's fault.
    if (ReasonOf(status) == Reason::kApiKeyInvalid ||
        ReasonOf(status) == Reason::kRightMissing) {
      limiter_.Failed(request.peer);
    }
    Log(LogLevel::kInfo, context, "portal sign-in failed",
        {{"peer", request.peer}, {"status", status}});
    co_return ErrorResponse(status, context);
  }
  Log(LogLevel::kInfo, context, "signed in to the portal",
      {{"key", (*caller)->key}, {"peer", request.peer}});
  HttpResponse response = JsonResponse(204, "");
  response.headers.Add("Set-Cookie", cookie_.Begin(*std::move(key)));
  co_return response;
}

Task<HttpResponse> PortalSession::Describe(const ServerRequest& request) {
  const RequestContext context = ContextOf(request);
  if (!IsFromOurPages(request, options_.public_origin)) {
    co_return ErrorResponse(ForeignOrigin(), context);
  }
  const std::optional<Session> session = cookie_.Read(request.headers);
  if (!session.has_value()) {
    HttpResponse response =
        cookie_.IsIn(request.headers)
            ? ErrorResponse(SessionOver(), context)
            : ErrorResponse(
                  MakeError(Reason::kApiKeyMissing, "nobody is signed in"),
                  context);
    if (cookie_.IsIn(request.headers)) {
      response.headers.Add("Set-Cookie", cookie_.Clear());
    }
    co_return response;
  }
  std::shared_ptr<const broker::Caller> caller;
  Json json;
  absl::Status status;
  if (session->person.empty()) {
    std::string authorization = BearerOf(session->api_key);
    auto found = co_await authenticate_(std::move(authorization));
    status = found.status();
    if (status.ok()) caller = *std::move(found);
  } else {
    auto judged = Judge(*session);
    status = judged.status();
    if (status.ok()) {
      caller = std::move(judged->caller);
      json["person"] = {{"name", judged->person.name},
                        {"email", judged->person.email}};
    }
  }
  if (!status.ok()) {
    HttpResponse response = ErrorResponse(status, context);
    if (response.status == 401) {
      response.headers.Add("Set-Cookie", cookie_.Clear());
    }
    co_return response;
  }
  json["application"] = caller->application;
  json["system"] = caller->IsSystem();
  json["key"] = caller->key;
  json["expire_time"] = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%SZ", cookie_.EndIfUsed(*session), absl::UTCTimeZone());
  HttpResponse response = JsonResponse(200, json.dump());
  if (auto renewed = cookie_.Renew(*session)) {
    response.headers.Add("Set-Cookie", *renewed);
  }
  co_return response;
}

HttpResponse PortalSession::Ways(const ServerRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return MethodNotAllowed("GET, HEAD");
  }
  Json ways = {{"api_key", true}};
  if (options_.judge) ways["oidc"] = {{"host", options_.provider_host}};
  return JsonResponse(200, ways.dump());
}

absl::StatusOr<callers::JudgedPerson> PortalSession::Judge(
    const Session& session) const {
  if (!options_.judge) return SessionOver();
  return options_.judge(session.person);
}

HttpResponse PortalSession::SignOut(const ServerRequest& request) const {
  if (!IsFromOurPages(request, options_.public_origin)) {
    return ErrorResponse(ForeignOrigin(), ContextOf(request));
  }
  HttpResponse response = JsonResponse(204, "");
  response.headers.Add("Set-Cookie", cookie_.Clear());
  return response;
}

Task<void> PortalSession::Call(ServerRequest request, ResponseWriter& writer) {
  if (request.headers.Find("authorization") != nullptr ||
      !cookie_.IsIn(request.headers)) {
    co_await call_(std::move(request), writer, nullptr);
    co_return;
  }
  const bool stream =
      absl::StartsWithIgnoreCase(MediaTypeOf(request), "application/connect+");
  if (!IsFromOurPages(request, options_.public_origin)) {
    HttpResponse response = ErrorResponse(ForeignOrigin(), ContextOf(request));
    (co_await writer.Send(std::move(response))).IgnoreError();
    co_return;
  }
  const std::optional<Session> session = cookie_.Read(request.headers);
  if (!session.has_value()) {
    HttpResponse response = ErrorResponse(SessionOver(), ContextOf(request));
    response.headers.Add("Set-Cookie", cookie_.Clear());
    (co_await writer.Send(std::move(response))).IgnoreError();
    co_return;
  }
  std::optional<std::int64_t> left;
  if (stream) {
    left = absl::ToInt64Milliseconds(cookie_.EndOf(*session) - clock_.Now());
  }
  std::shared_ptr<const broker::Caller> person;
  if (!session->person.empty()) {
    auto judged = Judge(*session);
    if (!judged.ok()) {
      HttpResponse response =
          ErrorResponse(judged.status(), ContextOf(request));
      response.headers.Add("Set-Cookie", cookie_.Clear());
      (co_await writer.Send(std::move(response))).IgnoreError();
      co_return;
    }
    person = std::move(judged->caller);
  }
  request.headers = HeadersBySession(request.headers, session->api_key, left);
  CookieWriter with_cookie(
      writer, stream ? std::nullopt : cookie_.Renew(*session), cookie_.Clear());
  co_await call_(std::move(request), with_cookie, std::move(person));
}

}  // namespace valetkey::web
