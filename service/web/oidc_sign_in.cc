#include "service/web/oidc_sign_in.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/rpc/trace_context.h"
#include "service/web/oidc_pages.h"
#include "service/web/same_origin.h"

namespace valetkey::web {
namespace {

HttpResponse Redirect(absl::string_view location) {
  HttpResponse response;
  response.status = 302;
  response.headers.Add("Location", location);
  AddSecurityHeaders(response.headers);
  return response;
}

// "" if there is none. Of two, nobody could say which was meant (RFC 6749
// section 3.1); then both are none.
std::string OnlyParameter(const QueryParameters& parameters,
                          absl::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [given, value] : parameters) {
    if (given != name) continue;
    if (found != nullptr) return "";
    found = &value;
  }
  return found == nullptr ? std::string() : *found;
}

// Whether whoever brought it may be one who tries things out.
bool IsSuspicious(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kAuthorizationCodeRejected:
    case Reason::kCallerInvalid:
    case Reason::kCallerDenied:
    case Reason::kIssuerMismatch:
    case Reason::kRightMissing:
      return true;
    default:
      return false;
  }
}

absl::string_view HeaderOf(const ServerRequest& request,
                           absl::string_view name) {
  const std::string* const value = request.headers.Find(name);
  return value == nullptr ? "" : absl::string_view(*value);
}

std::string Loggable(absl::string_view text) {
  std::string word(text.substr(0, 64));
  for (char& c : word) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return word;
}

}  // namespace

OidcSignIn::OidcSignIn(callers::OidcClient& client, PortalSession& session,
                       const Sealer& sealer, const Clock& clock, Random& random,
                       std::string public_origin, bool secure)
    : client_(client),
      session_(session),
      random_(random),
      pending_(sealer, clock, secure),
      public_origin_(std::move(public_origin)) {}

Task<void> OidcSignIn::Serve(ServerRequest request, ResponseWriter& writer) {
  const RequestContext context = rpc::MakeRequestContext(
      HeaderOf(request, "x-request-id"), HeaderOf(request, "traceparent"));
  HttpResponse response;
  if (request.method == "HEAD") {
    // A preview or a scanner of links: it must not use up the code.
    response = PlainResponse(200, "");
  } else if (request.method != "GET") {
    response = MethodNotAllowed("GET, HEAD");
  } else if (const absl::Duration wait = session_.limiter().Wait(request.peer);
             wait > absl::ZeroDuration()) {
    response = OidcSlowDownPage(
        {absl::StrCat(public_origin_, "/"), context.request_id}, wait);
  } else if (request.path == kOidcStartPath) {
    response = co_await Start(request, context);
  } else {
    response = co_await Callback(request, context);
  }
  (co_await writer.Send(std::move(response))).IgnoreError();
}

Task<HttpResponse> OidcSignIn::Start(const ServerRequest& request,
                                     const RequestContext& context) {
  // Nobody is signed in because another site says so: they press the button.
  if (!IsFromOurPages(request, public_origin_)) co_return Redirect("/");
  PendingSignIn pending;
  pending.secrets = PendingSignIns::NewSecrets(random_);
  pending.return_to =
      OwnPath(OnlyParameter(ParseQuery(request.query), "return_to"));
  const absl::StatusOr<std::string> url =
      co_await client_.Begin(pending.secrets);
  if (!url.ok()) {
    Log(LogLevel::kWarning, context, "portal sign-in cannot begin",
        {{"issuer", client_.issuer()},
         {"peer", request.peer},
         {"status", url.status()}});
    co_return OidcFailedPage(
        {absl::StrCat(public_origin_, "/"), context.request_id}, url.status(),
        {});
  }
  HttpResponse response = Redirect(*url);
  for (const std::string& cookie : pending_.Begin(pending, request.headers)) {
    response.headers.Add("Set-Cookie", cookie);
  }
  co_return response;
}

Task<HttpResponse> OidcSignIn::Callback(const ServerRequest& request,
                                        const RequestContext& context) {
  const QueryParameters parameters = ParseQuery(request.query);
  const std::string state = OnlyParameter(parameters, "state");
  const std::optional<PendingSignIn> pending =
      pending_.Read(request.headers, state);
  if (!pending.has_value()) {
    session_.limiter().Failed(request.peer);
    Log(LogLevel::kInfo, context, "portal sign-in failed: none is pending",
        {{"issuer", client_.issuer()}, {"peer", request.peer}});
    co_return OidcNotPendingPage(
        {absl::StrCat(public_origin_, "/"), context.request_id});
  }
  HttpResponse response =
      co_await Conclude(*pending, parameters, request, context);
  // However it ended: no answer counts twice.
  response.headers.Add("Set-Cookie", pending_.Clear(state));
  co_return response;
}

Task<HttpResponse> OidcSignIn::Conclude(const PendingSignIn& pending,
                                        const QueryParameters& parameters,
                                        const ServerRequest& request,
                                        const RequestContext& context) {
  const OidcPageContext page = {absl::StrCat(public_origin_, "/"),
                                context.request_id};
  callers::OidcAnswer answer;
  answer.issuer = OnlyParameter(parameters, "iss");
  const std::string error = OnlyParameter(parameters, "error");
  // What another provider says is not to be shown as ours.
  const bool ours = answer.issuer.empty() || answer.issuer == client_.issuer();
  if (!error.empty() && ours) {
    Log(LogLevel::kInfo, context, "portal sign-in refused by the provider",
        {{"issuer", client_.issuer()},
         {"peer", request.peer},
         {"error", Loggable(error)}});
    co_return OidcRefusedPage(page, error,
                              OnlyParameter(parameters, "error_description"));
  }
  answer.code = SecretString(OnlyParameter(parameters, "code"));
  callers::OidcOutcome outcome;
  if (answer.code.empty()) {
    outcome.status = MakeError(Reason::kAuthorizationCodeRejected,
                               "the identity provider sent no code");
  } else {
    outcome = co_await client_.Finish(std::move(answer), pending.secrets);
  }
  const identity::Person& person = outcome.who.person;
  if (!outcome.status.ok()) {
    if (IsSuspicious(outcome.status)) session_.limiter().Failed(request.peer);
    Log(LogLevel::kInfo, context, "portal sign-in failed",
        {{"issuer", client_.issuer()},
         {"subject", person.subject},
         {"peer", request.peer},
         {"status", outcome.status}});
    co_return OidcFailedPage(page, outcome.status, person);
  }
  Log(LogLevel::kInfo, context, "signed in to the portal",
      {{"issuer", person.issuer},
       {"subject", person.subject},
       {"rule", outcome.who.caller->rule},
       {"application", outcome.who.caller->application},
       {"peer", request.peer}});
  HttpResponse response = Redirect(pending.return_to);
  response.headers.Add("Set-Cookie",
                       session_.cookie().BeginFor(std::move(outcome.person)));
  co_return response;
}

}  // namespace valetkey::web
