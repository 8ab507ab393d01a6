#include "service/web/connect_page.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/net/http/http_server.h"
#include "service/web/callback.h"
#include "service/web/html.h"

namespace valetkey::web {
namespace {

constexpr absl::string_view kCancel = "/cancel";
constexpr std::size_t kStateSize = 43;  // 32 bytes in base64url

bool IsState(absl::string_view text) {
  return text.size() == kStateSize &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '-' || c == '_';
         });
}

// Why there is nothing to continue to, in the callback's words.
HttpResponse Refused(const broker::ConsentOffer& offer) {
  CallbackOutcome outcome;
  outcome.status = offer.status;
  // What the provider is configured with no longer fits its definition.
  if (ReasonOf(offer.status) == Reason::kFieldInvalid) {
    outcome.status = MakeError(Reason::kProviderRequestRejected,
                               "the provider's configuration is not valid");
  }
  outcome.application_name = offer.application_display_name;
  outcome.provider_name = offer.provider_display_name;
  return CallbackPage(outcome);
}

std::string AbilityHtml(const broker::ConsentOffer::Scope& scope) {
  return scope.description.empty()
             ? absl::StrCat("use the permission <code>", EscapeHtml(scope.name),
                            "</code>")
             : NameHtml(scope.description);
}

}  // namespace

ConnectPath ReadConnectPath(absl::string_view path) {
  ConnectPath result;
  if (!absl::ConsumePrefix(&path, kConnectPrefix)) return result;
  result.cancel = absl::ConsumeSuffix(&path, kCancel);
  if (IsState(path)) result.state = std::string(path);
  return result;
}

HttpResponse ConnectPage(const broker::ConsentOffer& offer,
                         absl::string_view state) {
  if (!offer.status.ok()) return Refused(offer);
  const std::string application =
      offer.application_display_name.empty()
          ? "the application"
          : NameHtml(offer.application_display_name);
  const std::string provider = NameHtml(offer.provider_display_name);
  Page page;
  page.mood = Mood::kNone;
  page.title = absl::StrCat("Connect ", offer.provider_display_name);
  page.heading = absl::StrCat("Connect ", provider, " to ", application, "?");
  if (offer.scopes.empty()) {
    page.paragraphs = {
        absl::StrCat("If you go on, ", provider, " asks whether ", application,
                     " may use your account, and tells you what for.")};
  } else {
    page.paragraphs = {absl::StrCat("If you allow it, ", application,
                                    " will be able to do this with your ",
                                    provider, " account:")};
    for (const broker::ConsentOffer::Scope& scope : offer.scopes) {
      page.items.push_back(AbilityHtml(scope));
    }
  }
  page.notes = {
      absl::StrCat("Next, ", provider, " asks you itself. Your password there ",
                   "is not told to ", application, "."),
      // Whoever sends this link to somebody else would get their account.
      absl::StrCat("Go on only if you have come here from ", application,
                   " yourself just now. If somebody sent you this link, "
                   "cancel.")};
  page.actions = {
      Action(offer.authorization_uri, absl::StrCat("Continue to ", provider),
             /*main=*/true),
      Action(offer.refusal_uri.empty()
                 ? absl::StrCat(kConnectPrefix, state, kCancel)
                 : offer.refusal_uri,
             "Cancel", /*main=*/false)};
  return RenderPage(page);
}

HttpResponse CancelResponse(const broker::ConsentOffer& offer) {
  if (!offer.status.ok()) return Refused(offer);
  if (!offer.refusal_uri.empty()) {
    HttpResponse response;
    response.status = 303;
    response.headers.Add("Location", offer.refusal_uri);
    AddSecurityHeaders(response.headers);
    return response;
  }
  CallbackOutcome outcome;
  outcome.status = MakeError(Reason::kConsentDenied, "the person has canceled");
  outcome.return_uri = offer.return_uri;
  outcome.application_name = offer.application_display_name;
  outcome.provider_name = offer.provider_display_name;
  return CallbackResponse(outcome);
}

}  // namespace valetkey::web
