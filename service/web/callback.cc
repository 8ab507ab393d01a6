#include "service/web/callback.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/net/http/http_server.h"
#include "service/web/html.h"

namespace valetkey::web {
namespace {

// Names as they stand in a sentence, in HTML.
struct Words {
  explicit Words(const CallbackOutcome& outcome)
      : application(outcome.application_name.empty()
                        ? "the application"
                        : NameHtml(outcome.application_name)),
        provider(outcome.provider_name.empty()
                     ? "the other service"
                     : NameHtml(outcome.provider_name)),
        account(outcome.provider_name.empty()
                    ? "your account"
                    : absl::StrCat("your ", provider, " account")) {}

  std::string application;
  std::string provider;
  std::string account;
};

std::string StartAgain(const Words& words) {
  return absl::StrCat("Go back to ", words.application,
                      " and start connecting again.");
}

// `begin` is "Tell", or a condition and "tell".
std::string TellSupport(absl::string_view begin, const Words& words) {
  return absl::StrCat(begin, " the people who run ", words.application,
                      ", and give them the reference below.");
}

std::vector<std::string> TryLater(const Words& words) {
  return {"Wait a few minutes.", StartAgain(words),
          TellSupport("If it keeps failing, tell", words)};
}

std::vector<std::string> TryAgain(const Words& words) {
  return {StartAgain(words), TellSupport("If it fails again, tell", words)};
}

Page Connected(const CallbackOutcome& outcome, const Words& words) {
  Page page;
  page.mood = Mood::kGood;
  page.title = "Connected";
  page.heading = outcome.provider_name.empty()
                     ? "Your account is connected"
                     : absl::StrCat(words.provider, " is connected");
  page.paragraphs = {absl::StrCat("From now on ", words.application,
                                  " can use ", words.account,
                                  ", as you have allowed.")};
  if (outcome.scopes_missing) {
    page.paragraphs.push_back(absl::StrCat(
        "You did not allow everything that was asked for, so some things in ",
        words.application, " may not work. Connect again to allow the rest."));
  }
  page.steps = {absl::StrCat("You can close this window and go back to ",
                             words.application, ".")};
  return page;
}

Page Declined(const CallbackOutcome& outcome, const Words& words) {
  Page page;
  page.status = 403;
  page.title = "Not connected";
  page.heading = outcome.provider_name.empty()
                     ? "You did not connect your account"
                     : absl::StrCat("You did not connect ", words.provider);
  page.paragraphs = {
      absl::StrCat("The request was declined. Nothing was shared with ",
                   words.application, ", and nothing has changed.")};
  page.steps = {absl::StrCat(
      "If that is what you wanted, close this window. If not, go back to ",
      words.application, " and start connecting again.")};
  return page;
}

Page Expired(const Words& words) {
  Page page;
  page.status = 400;
  page.title = "This link no longer works";
  page.heading = "This link no longer works";
  page.paragraphs = {
      "An account has to be connected within a few minutes, and each link "
      "works once, in one go. This one is too old, was used before, or is not "
      "complete. Nothing has changed."};
  page.steps = {
      absl::StrCat("Look in ", words.application,
                   ": if your account is connected there, all is well."),
      absl::StrCat("If it is not, go back to ", words.application,
                   " and start connecting again.")};
  return page;
}

Page Failed(const CallbackOutcome& outcome, const Words& words) {
  const bool known = !outcome.provider_name.empty();
  const std::string provider = known ? words.provider : "The other service";
  Page page;
  page.mood = Mood::kBad;
  page.title = "Not connected";
  page.heading = known ? absl::StrCat(words.provider, " was not connected")
                       : "Your account was not connected";
  switch (ReasonOf(outcome.status)) {
    case Reason::kProviderUnavailable:
    case Reason::kProviderThrottled:
      page.status = 503;
      page.paragraphs = {
          absl::StrCat(provider,
                       " does not answer at the moment. This is not your "
                       "doing, and it usually passes.")};
      page.steps = TryLater(words);
      break;
    case Reason::kStoreUnavailable:
    case Reason::kServerShuttingDown:
      page.status = 503;
      page.paragraphs = {
          "We could not finish this at the moment. This is not your doing, "
          "and it usually passes."};
      page.steps = TryLater(words);
      break;
    case Reason::kProviderResponseInvalid:
      page.status = 502;
      page.paragraphs = {absl::StrCat(
          provider,
          " gave an answer that we do not understand. This is not your "
          "doing.")};
      page.steps = TryAgain(words);
      break;
    case Reason::kProviderClientRejected:
    case Reason::kProviderRequestRejected:
      page.status = 502;
      page.paragraphs = {absl::StrCat(
          provider, " does not accept ", words.application,
          ", because something between the two is not set up correctly. You "
          "cannot mend this yourself, and trying again will not help.")};
      page.steps = {TellSupport("Tell", words)};
      break;
    case Reason::kScopeNotGranted:
      page.status = 400;
      page.paragraphs = {absl::StrCat(words.application,
                                      " needs more than you have allowed.")};
      page.steps = {absl::StrCat("Go back to ", words.application,
                                 ", start connecting again, and allow all "
                                 "that is asked for.")};
      break;
    case Reason::kAuthorizationCodeRejected:
    case Reason::kIssuerMismatch:
    case Reason::kFieldInvalid:
      page.status = 400;
      page.paragraphs = {
          "What came back from there was not valid, or came too late. Nothing "
          "has changed."};
      page.steps = TryAgain(words);
      break;
    default:
      page.status = 500;
      page.paragraphs = {
          "Something went wrong on our side. This is not your doing."};
      page.steps = TryAgain(words);
      break;
  }
  return page;
}

}  // namespace

CallbackEnd CallbackEndOf(const absl::Status& status) {
  if (status.ok()) return CallbackEnd::kConnected;
  switch (ReasonOf(status)) {
    case Reason::kConsentDenied:
      return CallbackEnd::kDeclined;
    case Reason::kAuthorizationStateInvalid:
      return CallbackEnd::kExpired;
    default:
      return CallbackEnd::kFailed;
  }
}

absl::string_view CallbackEndName(CallbackEnd end) {
  switch (end) {
    case CallbackEnd::kConnected:
      return "connected";
    case CallbackEnd::kDeclined:
      return "declined";
    case CallbackEnd::kExpired:
      return "expired";
    case CallbackEnd::kFailed:
      return "failed";
  }
  return "failed";
}

HttpResponse CallbackPage(const CallbackOutcome& outcome) {
  const Words words(outcome);
  Page page;
  switch (CallbackEndOf(outcome.status)) {
    case CallbackEnd::kConnected:
      page = Connected(outcome, words);
      break;
    case CallbackEnd::kDeclined:
      page = Declined(outcome, words);
      break;
    case CallbackEnd::kExpired:
      page = Expired(words);
      break;
    case CallbackEnd::kFailed:
      page = Failed(outcome, words);
      break;
  }
  if (!outcome.status.ok()) {
    const Reason reason = ReasonOf(outcome.status);
    page.reference = std::string(
        ReasonName(reason == Reason::kNone ? Reason::kInternalFault : reason));
  }
  HttpResponse response = RenderPage(page);
  if (page.status == 503) {
    const auto seconds = absl::ToInt64Seconds(RetryAfterOf(outcome.status));
    response.headers.Add("Retry-After",
                         absl::StrCat(seconds > 0 ? seconds : 120));
  }
  return response;
}

HttpResponse UnreadableCallbackPage(int status) {
  CallbackOutcome outcome;
  outcome.status = MakeError(Reason::kFieldInvalid, "the request is no answer");
  HttpResponse response = CallbackPage(outcome);
  response.status = status;
  if (status == 405) response.headers.Add("Allow", "GET, HEAD, POST");
  return response;
}

std::string ReturnLocation(const CallbackOutcome& outcome) {
  const CallbackEnd end = CallbackEndOf(outcome.status);
  QueryParameters parameters = {{"status", std::string(CallbackEndName(end))}};
  if (!outcome.connection.empty()) {
    parameters.emplace_back("connection", outcome.connection);
  }
  if (end != CallbackEnd::kConnected) {
    const Reason reason = ReasonOf(outcome.status);
    parameters.emplace_back(
        "error",
        std::string(ReasonName(reason == Reason::kNone ? Reason::kInternalFault
                                                       : reason)));
  }
  return AppendQuery(outcome.return_uri, parameters);
}

HttpResponse CallbackResponse(const CallbackOutcome& outcome) {
  if (outcome.return_uri.empty()) return CallbackPage(outcome);
  HttpResponse response;
  // 303: what follows a form_post is fetched by GET.
  response.status = 303;
  response.headers.Add("Location", ReturnLocation(outcome));
  AddSecurityHeaders(response.headers);
  return response;
}

}  // namespace valetkey::web
