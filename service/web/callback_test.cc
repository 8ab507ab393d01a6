#include "service/web/callback.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/web/html.h"
#include "service/web/web_server.h"

namespace valetkey::web {
namespace {

// Breaks out of text, of attributes in either quote, of comments and styles.
constexpr char kMarkup[] =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>--></style>&amp;";

CallbackOutcome Outcome(Reason reason) {
  CallbackOutcome outcome;
  if (reason != Reason::kNone) {
    outcome.status = MakeError(reason, "secret detail");
  }
  outcome.connection = "applications/shop/connections/c-1";
  outcome.application_name = "Pin Planner";
  outcome.provider_name = "Pinterest";
  return outcome;
}

std::string Header(const HttpResponse& response, absl::string_view name) {
  const std::string* const value = response.headers.Find(name);
  return value == nullptr ? "" : *value;
}

// Every kind of outcome there is.
std::vector<CallbackOutcome> AllOutcomes() {
  std::vector<CallbackOutcome> outcomes = {Outcome(Reason::kNone)};
  outcomes.push_back(Outcome(Reason::kNone));
  outcomes.back().scopes_missing = true;
  for (int i = 1; i <= static_cast<int>(kLastReason); ++i) {
    outcomes.push_back(Outcome(static_cast<Reason>(i)));
  }
  outcomes.push_back(Outcome(Reason::kNone));
  outcomes.back().status = absl::UnknownError("without a reason");
  return outcomes;
}

TEST(CallbackPageTest, StatusesAndWords) {
  const struct {
    Reason reason;
    int status;
    const char* heading;
    const char* step;
  } kCases[] = {
      {Reason::kNone, 200, "Pinterest</bdi> is connected", "close this window"},
      {Reason::kConsentDenied, 403, "You did not connect", "close this window"},
      {Reason::kAuthorizationStateInvalid, 400, "This link no longer works",
       "start connecting again"},
      {Reason::kAuthorizationCodeRejected, 400, "was not connected",
       "start connecting again"},
      {Reason::kIssuerMismatch, 400, "was not connected",
       "start connecting again"},
      {Reason::kScopeNotGranted, 400, "was not connected", "allow all"},
      {Reason::kProviderClientRejected, 502, "was not connected",
       "Tell the people who run <bdi>Pin Planner</bdi>"},
      {Reason::kProviderResponseInvalid, 502, "was not connected",
       "start connecting again"},
      {Reason::kProviderUnavailable, 503, "was not connected",
       "Wait a few minutes"},
      {Reason::kProviderThrottled, 503, "was not connected",
       "Wait a few minutes"},
      {Reason::kStoreUnavailable, 503, "was not connected",
       "Wait a few minutes"},
      {Reason::kInternalFault, 500, "was not connected",
       "start connecting again"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(std::string(ReasonName(c.reason)));
    const HttpResponse page = CallbackPage(Outcome(c.reason));
    EXPECT_EQ(page.status, c.status);
    EXPECT_TRUE(absl::StrContains(page.body, c.heading)) << page.body;
    EXPECT_TRUE(absl::StrContains(page.body, c.step)) << page.body;
    EXPECT_TRUE(absl::StrContains(page.body, "<bdi>Pin Planner</bdi>"));
    EXPECT_EQ(c.status != 200,
              absl::StrContains(page.body, "Reference: <code>"));
    EXPECT_EQ(c.status == 503, !Header(page, "Retry-After").empty());
  }
}

TEST(CallbackPageTest, RetryAfterIsTheProviders) {
  CallbackOutcome outcome;
  outcome.status = MakeError(Reason::kProviderThrottled, "too many requests",
                             {}, absl::Seconds(17));
  EXPECT_EQ(Header(CallbackPage(outcome), "Retry-After"), "17");
}

TEST(CallbackPageTest, MissingScopesAreSaid) {
  CallbackOutcome outcome = Outcome(Reason::kNone);
  EXPECT_FALSE(absl::StrContains(CallbackPage(outcome).body, "everything"));
  outcome.scopes_missing = true;
  EXPECT_TRUE(absl::StrContains(CallbackPage(outcome).body, "everything"));
}

TEST(CallbackPageTest, NamesMayBeUnknown) {
  for (CallbackOutcome outcome : AllOutcomes()) {
    outcome.application_name = "";
    outcome.provider_name = "";
    const HttpResponse page = CallbackPage(outcome);
    EXPECT_FALSE(absl::StrContains(page.body, "<bdi>"));
    EXPECT_FALSE(absl::StrContains(page.body, "  <"));
  }
}

TEST(CallbackPageTest, MarkupStaysText) {
  for (CallbackOutcome outcome : AllOutcomes()) {
    outcome.application_name = kMarkup;
    outcome.provider_name = kMarkup;
    outcome.connection = kMarkup;
    if (!outcome.status.ok()) {
      outcome.status = absl::Status(outcome.status);
    }
    const HttpResponse page = CallbackPage(outcome);
    EXPECT_FALSE(absl::StrContains(page.body, "<script")) << page.body;
    EXPECT_FALSE(absl::StrContains(page.body, "<img"));
    EXPECT_FALSE(absl::StrContains(page.body, "onerror=alert(1)>"));
    EXPECT_FALSE(absl::StrContains(page.body, "secret detail"));
    // One style, closed once.
    const std::string once = absl::StrReplaceAll(page.body, {{"</style>", ""}});
    EXPECT_EQ(page.body.size() - once.size(), 8u);
  }
}

TEST(CallbackPageTest, NothingComesFromElsewhereAndNothingRuns) {
  std::vector<HttpResponse> pages;
  for (const CallbackOutcome& outcome : AllOutcomes()) {
    pages.push_back(CallbackPage(outcome));
  }
  WebHandlers handlers;
  handlers.health = [] { return absl::OkStatus(); };
  pages.push_back(IndexPage(handlers));
  for (const HttpResponse& page : pages) {
    for (const char* part : {"src=", "url(", "@import", "http:", "<script",
                             "style=", "onclick", "<link", "<form"}) {
      EXPECT_FALSE(absl::StrContains(page.body, part)) << part;
    }
    // The style is the one that the policy allows.
    const std::size_t begin = page.body.find("<style>") + 7;
    const std::string style =
        page.body.substr(begin, page.body.find("</style>") - begin);
    EXPECT_EQ(Header(page, "Content-Security-Policy"),
              absl::StrCat("default-src 'none'; style-src 'sha256-",
                           absl::Base64Escape(Sha256(style)),
                           "'; base-uri 'none'; form-action 'none'; "
                           "frame-ancestors 'none'"));
    EXPECT_EQ(Header(page, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(Header(page, "Cache-Control"), "no-store");
    EXPECT_EQ(Header(page, "X-Content-Type-Options"), "nosniff");
    EXPECT_TRUE(absl::StrContains(page.body, "<html lang=\"en\">"));
    EXPECT_TRUE(absl::StrContains(page.body, "<main>"));
  }
}

TEST(CallbackPageTest, UnreadableRequests) {
  for (const int status : {400, 405, 413, 414, 415, 431}) {
    const HttpResponse page = UnreadableCallbackPage(status);
    EXPECT_EQ(page.status, status);
    EXPECT_TRUE(absl::StrContains(page.body, "was not connected"));
    EXPECT_EQ(Header(page, "Allow"), status == 405 ? "GET, HEAD, POST" : "");
  }
}

TEST(EscapeHtmlTest, Escapes) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\" b='y'>&"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(EscapeHtml(absl::string_view("\0", 1)), "\xEF\xBF\xBD");
  EXPECT_EQ(EscapeHtml("Café ✓"), "Café ✓");
}

TEST(ReturnLocationTest, AddsToTheUriAsRegistered) {
  const struct {
    const char* uri;
    const char* expected;
  } kCases[] = {
      {"https://a.example/done", "https://a.example/done?Q"},
      {"https://a.example/done?", "https://a.example/done?Q"},
      {"https://a.example/done?x=%20y&z", "https://a.example/done?x=%20y&z&Q"},
      {"https://a.example/done#top", "https://a.example/done?Q#top"},
      {"https://a.example/?x=1#/route?y=2",
       "https://a.example/?x=1&Q#/route?y=2"},
      {"https://a.example", "https://a.example?Q"},
      {"com.example.app:/done", "com.example.app:/done?Q"},
      {"myapp://done?status=own", "myapp://done?status=own&Q"},
  };
  for (const auto& c : kCases) {
    CallbackOutcome outcome = Outcome(Reason::kNone);
    outcome.return_uri = c.uri;
    EXPECT_EQ(ReturnLocation(outcome),
              absl::StrReplaceAll(
                  c.expected, {{"Q",
                                "status=connected&connection="
                                "applications%2Fshop%2Fconnections%2Fc-1"}}));
  }
}

TEST(ReturnLocationTest, SaysHowItEnded) {
  const struct {
    Reason reason;
    const char* expected;
  } kCases[] = {
      {Reason::kConsentDenied, "?status=declined&error=CONSENT_DENIED"},
      {Reason::kAuthorizationStateInvalid,
       "?status=expired&error=AUTHORIZATION_STATE_INVALID"},
      {Reason::kProviderUnavailable,
       "?status=failed&error=PROVIDER_UNAVAILABLE"},
      {Reason::kInternalFault, "?status=failed&error=INTERNAL_FAULT"},
  };
  for (const auto& c : kCases) {
    CallbackOutcome outcome = Outcome(c.reason);
    outcome.connection = "";
    outcome.return_uri = "https://a.example/";
    EXPECT_EQ(ReturnLocation(outcome),
              absl::StrCat("https://a.example/", c.expected));
  }
  CallbackOutcome outcome = Outcome(Reason::kNone);
  outcome.status = absl::UnknownError("no reason");
  outcome.connection = "a&b=c#d\r\nX: y";
  outcome.return_uri = "https://a.example/";
  EXPECT_EQ(ReturnLocation(outcome),
            "https://a.example/?status=failed&connection=a%26b%3Dc%23d%0D%0AX"
            "%3A+y&error=INTERNAL_FAULT");
}

TEST(CallbackResponseTest, RedirectsWhereThereIsSomewhereToGo) {
  CallbackOutcome outcome = Outcome(Reason::kConsentDenied);
  EXPECT_EQ(CallbackResponse(outcome).status, 403);
  outcome.return_uri = "https://a.example/";
  const HttpResponse response = CallbackResponse(outcome);
  EXPECT_EQ(response.status, 303);
  EXPECT_EQ(Header(response, "Location"), ReturnLocation(outcome));
  EXPECT_EQ(Header(response, "Referrer-Policy"), "no-referrer");
}

}  // namespace
}  // namespace valetkey::web
