#include "service/web/oidc_pages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/web/html.h"

namespace valetkey::web {
namespace {

constexpr std::size_t kMaxShown = 300;

Page Begin(const OidcPageContext& context, int status) {
  Page page;
  page.status = status;
  page.mood = Mood::kBad;
  page.title = "You are not signed in";
  page.heading = "You are not signed in";
  page.actions = {Action(context.portal, "Back to sign-in", /*main=*/true)};
  page.reference = context.request_id;
  return page;
}

// A text that came with a request.
std::string Foreign(absl::string_view text) {
  return NameHtml(text.substr(0, kMaxShown));
}

// A sentence of ours: statuses begin in lower case and have no period.
std::string Sentence(const absl::Status& status) {
  std::string text(status.message());
  if (text.empty()) return text;
  if (text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return EscapeHtml(absl::StrCat(text, "."));
}

}  // namespace

HttpResponse OidcNotPendingPage(const OidcPageContext& context) {
  Page page = Begin(context, 400);
  page.mood = Mood::kNeutral;
  page.heading = "This sign-in is over";
  page.paragraphs = {
      "A sign-in has to be finished within ten minutes, once, and in the "
      "browser that it was begun in. This one is too old, was used before, was "
      "given up for a newer one, or was begun elsewhere or under another "
      "address of this server."};
  return RenderPage(page);
}

HttpResponse OidcSlowDownPage(const OidcPageContext& context,
                              absl::Duration wait) {
  Page page = Begin(context, 429);
  page.paragraphs = {
      "There were too many failed attempts from your network address. Wait a "
      "little, then try again."};
  HttpResponse response = RenderPage(page);
  response.headers.Add("Retry-After",
                       absl::StrCat(1 + absl::ToInt64Seconds(wait)));
  return response;
}

HttpResponse OidcRefusedPage(const OidcPageContext& context,
                             absl::string_view error,
                             absl::string_view description) {
  Page page = Begin(context, 403);
  page.paragraphs = {"The identity provider did not sign you in. It says:"};
  page.items = {absl::StrCat("<code>", Foreign(error), "</code>")};
  if (!description.empty()) page.items.push_back(Foreign(description));
  return RenderPage(page);
}

HttpResponse OidcFailedPage(const OidcPageContext& context,
                            const absl::Status& status,
                            const identity::Person& person) {
  switch (ReasonOf(status)) {
    case Reason::kProviderUnavailable:
    case Reason::kCallerKeysUnavailable: {
      Page page = Begin(context, 503);
      page.paragraphs = {
          "The identity provider does not answer at the moment. Try again in a "
          "little while; an API key signs you in meanwhile."};
      return RenderPage(page);
    }
    case Reason::kCallerDenied:
    case Reason::kRightMissing: {
      Page page = Begin(context, 403);
      page.heading = "You may not use this portal";
      page.paragraphs = {
          absl::StrCat("The identity provider says that you are ",
                       Foreign(person.name), ". ", Sentence(status)),
          "Ask this server’s operator for a rule, and tell them your subject:"};
      page.items = {absl::StrCat("<code>", Foreign(person.subject), "</code>")};
      return RenderPage(page);
    }
    case Reason::kCallerInvalid:
    case Reason::kIssuerMismatch:
    case Reason::kAuthorizationCodeRejected: {
      Page page = Begin(context, 400);
      page.paragraphs = {Sentence(status)};
      return RenderPage(page);
    }
    case Reason::kProviderClientRejected:
    case Reason::kProviderRequestRejected:
    case Reason::kProviderResponseInvalid: {
      Page page = Begin(context, 502);
      page.paragraphs = {Sentence(status),
                         "That is for this server’s operator to mend."};
      return RenderPage(page);
    }
    default: {
      Page page = Begin(context, 500);
      page.paragraphs = {
          "This server is not set up for signing in so. Its log says why, with "
          "the reference below."};
      return RenderPage(page);
    }
  }
}

}  // namespace valetkey::web
