// Failed answers of the token endpoint: what they mean, and what of them may
// be told.

#include "service/oauth/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using F = FailureClass;

ProviderFailure Fail(const Definition& definition, Leg leg,
                     const HttpResponse& response,
                     const std::vector<absl::string_view>& secrets = {}) {
  const ParsedTokenAnswer parsed =
      ParseTokenAnswer(definition, leg, response, TestNow(), secrets);
  EXPECT_FALSE(parsed.answer.has_value());
  EXPECT_TRUE(parsed.failure.has_value());
  return parsed.failure.value_or(ProviderFailure{});
}

TEST(Classify, ByRfc6749AndStatus) {
  const Definition plain = Define("");
  const struct {
    int status;
    const char* body;
    F want;
  } cases[] = {
      {400, R"({"error":"invalid_grant"})", F::kGrantDead},
      {401, R"({"error":"invalid_grant"})", F::kGrantDead},
      {200, R"({"error":"invalid_grant"})", F::kGrantDead},
      {401, R"({"error":"invalid_client"})", F::kClientRejected},
      {400, R"({"error":"unauthorized_client"})", F::kClientRejected},
      {400, R"({"error":"invalid_scope"})", F::kRequestRejected},
      {400, R"({"error":"invalid_request"})", F::kRequestRejected},
      {400, R"({"error":"unsupported_grant_type"})", F::kRequestRejected},
      {400, R"({"error":"temporarily_unavailable"})", F::kUnavailable},
      {400, R"({"error":"server_error"})", F::kUnavailable},
      {400, R"({"error":"slow_down"})", F::kThrottled},
      {429, R"({"error":"invalid_grant"})", F::kThrottled},
      {429, "", F::kThrottled},
      {500, R"({"error":"invalid_grant"})", F::kUnavailable},
      {502, "<html>Bad Gateway</html>", F::kUnavailable},
      {503, "", F::kUnavailable},
      {408, "", F::kUnavailable},
      {400, R"({"error":"something_else"})", F::kUnreadable},
      {401, "", F::kUnreadable},
      {403, "<html>WAF</html>", F::kUnreadable},
      {302, "", F::kUnreadable},
      {200, "<html>Sign in</html>", F::kUnreadable},
      {200, "{}", F::kUnreadable},
      {200, "[]", F::kUnreadable},
      {200, R"("a")", F::kUnreadable},
  };
  for (const auto& c : cases) {
    for (const Leg leg : {Leg::kExchange, Leg::kRefresh}) {
      SCOPED_TRACE(absl::StrCat(c.status, " ", c.body));
      EXPECT_EQ(Fail(plain, leg, Answer(c.status, c.body)).kind, c.want);
    }
  }
}

TEST(Classify, ByTheMap) {
  const struct {
    const char* provider;
    Leg leg;
    int status;
    const char* body;
    F want;
  } cases[] = {
      {"pinterest", Leg::kRefresh, 401,
       R"({"code":2,"message":"Authentication failed.","status":"failure"})",
       F::kAmbiguous},
      {"pinterest", Leg::kExchange, 401, R"({"code":2,"message":"x"})",
       F::kAmbiguous},
      {"pinterest", Leg::kRefresh, 401, R"({"error":"invalid_grant"})",
       F::kGrantDead},
      {"pinterest", Leg::kRefresh, 400, R"({"code":1,"message":"x"})",
       F::kRequestRejected},
      {"pinterest", Leg::kRefresh, 429, R"({"code":8,"message":"x"})",
       F::kThrottled},
      {"pinterest", Leg::kRefresh, 500, R"({"code":2,"message":"x"})",
       F::kUnavailable},
      {"slack", Leg::kRefresh, 200,
       R"({"ok":false,"error":"invalid_refresh_token"})", F::kGrantDead},
      {"slack", Leg::kRefresh, 200, R"({"ok":false,"error":"token_revoked"})",
       F::kGrantDead},
      {"slack", Leg::kExchange, 200, R"({"ok":false,"error":"invalid_code"})",
       F::kGrantDead},
      {"slack", Leg::kRefresh, 200,
       R"({"ok":false,"error":"bad_client_secret"})", F::kClientRejected},
      {"slack", Leg::kRefresh, 200, R"({"ok":false,"error":"ratelimited"})",
       F::kThrottled},
      {"slack", Leg::kRefresh, 200, R"({"ok":false,"error":"internal_error"})",
       F::kUnavailable},
      {"slack", Leg::kRefresh, 200, R"({"ok":false,"error":"new_one"})",
       F::kUnreadable},
      {"github", Leg::kExchange, 200, R"({"error":"bad_verification_code"})",
       F::kGrantDead},
      {"github", Leg::kRefresh, 200, R"({"error":"bad_refresh_token"})",
       F::kGrantDead},
      {"github", Leg::kExchange, 200,
       R"({"error":"incorrect_client_credentials"})", F::kClientRejected},
      {"google", Leg::kRefresh, 400, R"({"error":"invalid_grant"})",
       F::kGrantDead},
      {"google", Leg::kExchange, 400, R"({"error":"redirect_uri_mismatch"})",
       F::kRequestRejected},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.provider, " ", c.status, " ", c.body));
    EXPECT_EQ(
        Fail(FromCatalog(c.provider), c.leg, Answer(c.status, c.body)).kind,
        c.want);
  }
}

TEST(Classify, AFormSaysItToo) {
  const ProviderFailure failure =
      Fail(FromCatalog("github"), Leg::kExchange,
           Answer(200,
                  "error=bad_verification_code&error_description=The+code+"
                  "is+incorrect",
                  "application/x-www-form-urlencoded"));
  EXPECT_EQ(failure.kind, F::kGrantDead);
  EXPECT_EQ(failure.code, "bad_verification_code");
  EXPECT_EQ(failure.message, "The code is incorrect");
}

TEST(Classify, ARuleMayHoldForOneCallOnly) {
  const Definition definition = Define(
      "errors { rules { statuses: 400 leg: ERROR_LEG_REFRESH "
      "error_class: ERROR_CLASS_GRANT_DEAD } }");
  EXPECT_EQ(Fail(definition, Leg::kRefresh, Answer(400, "")).kind,
            F::kGrantDead);
  EXPECT_EQ(Fail(definition, Leg::kExchange, Answer(400, "")).kind,
            F::kUnreadable);
}

TEST(Classify, ARateLimit403NeverKillsAGrant) {
  const Definition definition = Define(
      "errors { rules { statuses: 403 "
      "error_class: ERROR_CLASS_GRANT_DEAD } }");
  EXPECT_EQ(Fail(definition, Leg::kRefresh, Answer(403, "{}")).kind,
            F::kGrantDead);
  HttpResponse limited = Answer(403, "{}");
  limited.headers.Add("X-RateLimit-Remaining", "0");
  EXPECT_EQ(Fail(definition, Leg::kRefresh, limited).kind, F::kThrottled);
  HttpResponse later = Answer(403, R"({"error":"invalid_grant"})");
  later.headers.Add("Retry-After", "7");
  EXPECT_EQ(Fail(definition, Leg::kRefresh, later).kind, F::kThrottled);
}

TEST(Classify, RetryAfter) {
  const struct {
    const char* value;
    absl::Duration want;
  } cases[] = {
      {"30", absl::Seconds(30)},
      {" 1.5 ", absl::Seconds(1.5)},
      {"0", absl::ZeroDuration()},
      {"-5", absl::ZeroDuration()},
      {"nan", absl::ZeroDuration()},
      {"1e99", absl::Hours(24)},
      {"Fri, 15 Jan 2027 08:02:00 GMT", absl::Minutes(2)},
      {"Fri, 15 Jan 2027 07:00:00 GMT", absl::ZeroDuration()},
      {"tomorrow", absl::ZeroDuration()},
  };
  for (const auto& c : cases) {
    HttpResponse response = Answer(429, "");
    response.headers.Add("Retry-After", c.value);
    EXPECT_EQ(Fail(Define(""), Leg::kRefresh, response).retry_after, c.want)
        << c.value;
  }
}

TEST(Quote, TellsNoSecret) {
  const ProviderFailure failure =
      Fail(Define(""), Leg::kRefresh,
           Answer(400,
                  "{\"error\":\"invalid_grant\",\"error_description\":"
                  "\"token hunter2secret is\\nbad, pinr.eyJhbGciOiJSUzI1NiIs"
                  "InR5cCI too \\u00e4 \\u001b[31m\"}"),
           {"hunter2secret", ""});
  EXPECT_EQ(failure.message,
            "token [redacted] is bad, [redacted] too     [31m");
  EXPECT_EQ(Quote(std::string(5000, 'a') + "1", {}).size(), 200u);
  EXPECT_THAT(Quote("x=a%2Fb%3Dcd", {"a/b=cd"}), Not(HasSubstr("a%2Fb")));
  EXPECT_EQ(Quote("Authentication failed.", {}), "Authentication failed.");
}

TEST(Quote, ACodeIsShortAndIsNoToken) {
  const ProviderFailure failure = Fail(
      Define(""), Leg::kRefresh,
      Answer(400, R"({"error":"ghr_1B4a2e77838347a7E420ce178F2E7c6912"})"));
  EXPECT_EQ(failure.code, "[redacted]");
}

}  // namespace
}  // namespace valetkey::oauth
