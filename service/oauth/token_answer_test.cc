// Good answers of the token endpoint, in all their forms.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "service/oauth/json.h"
#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

constexpr char kNone[] = "-";  // no expiry, no scopes

std::string Seconds(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return kNone;
  return absl::StrCat(absl::ToInt64Seconds(*time - TestNow()));
}

// "access refresh type expires_in refresh_expires_in [scopes]"
std::string Show(const TokenSet& token) {
  std::string scopes = kNone;
  if (token.scopes.has_value()) {
    scopes.clear();
    for (const std::string& scope : *token.scopes) {
      absl::StrAppend(&scopes, scopes.empty() ? "" : "|", scope);
    }
  }
  return absl::StrCat(token.access_token.Reveal(), " ",
                      token.refresh_token.Reveal(), " ", token.token_type, " ",
                      Seconds(token.expire_time), " ",
                      Seconds(token.refresh_expire_time), " ", scopes);
}

std::string ShowFirst(const ParsedTokenAnswer& parsed) {
  if (parsed.failure.has_value()) {
    return absl::StrCat("failure ", static_cast<int>(parsed.failure->kind));
  }
  return Show(parsed.answer->tokens.front());
}

constexpr char kUnreadable[] = "failure 6";

TEST(ParseTokenAnswer, Forms) {
  const struct {
    const char* name;
    const char* changes;
    int status;
    const char* type;
    std::string body;
    std::string want;
  } cases[] = {
      {"RFC 6749 section 5.1", "", 200, "application/json",
       R"({"access_token":"a","token_type":"bearer","expires_in":3600,)"
       R"("refresh_token":"r","scope":"x y"})",
       "a r bearer 3600 - x|y"},
      {"least", "", 200, "application/json", R"({"access_token":"a"})",
       "a  Bearer - - -"},
      {"expires_in as text", "", 200, "application/json",
       R"({"access_token":"a","expires_in":"3600"})", "a  Bearer 3600 - -"},
      {"expires_in as a float", "", 200, "application/json",
       R"({"access_token":"a","expires_in":3599.5})", "a  Bearer 3599 - -"},
      {"omnisend: 292 years is never", "", 200, "application/json",
       R"({"access_token":"a","expires_in":9223372036})", "a  Bearer - - -"},
      {"more than any number", "", 200, "application/json",
       R"({"access_token":"a","expires_in":1e300})", "a  Bearer - - -"},
      {"zero is not said", "lifetimes { access { seconds: 60 } }", 200,
       "application/json", R"({"access_token":"a","expires_in":0})",
       "a  Bearer 60 - -"},
      {"negative is not said", "lifetimes { access { seconds: 60 } }", 200,
       "application/json", R"({"access_token":"a","expires_in":-5})",
       "a  Bearer 60 - -"},
      {"no number is not said", "lifetimes { access { seconds: 60 } }", 200,
       "application/json", R"({"access_token":"a","expires_in":"soon"})",
       "a  Bearer 60 - -"},
      {"null is not said", "lifetimes { access { seconds: 60 } }", 200,
       "application/json", R"({"access_token":"a","expires_in":null})",
       "a  Bearer 60 - -"},
      {"salesforce, stripe: assumed", "lifetimes { access { seconds: 3600 } }",
       200, "application/json", R"({"access_token":"a"})",
       "a  Bearer 3600 - -"},
      {"square: ISO time",
       "response { expiries { pointer: '/expires_at' "
       "format: EXPIRY_FORMAT_RFC3339 } }",
       200, "application/json",
       R"({"access_token":"a","expires_at":"2027-01-15T09:00:00Z"})",
       "a  Bearer 3600 - -"},
      {"ISO time without a zone is UTC",
       "response { expiries { pointer: '/expires_at' "
       "format: EXPIRY_FORMAT_RFC3339 } }",
       200, "application/json",
       R"({"access_token":"a","expires_at":"2027-01-15T09:00:00.25"})",
       "a  Bearer 3600 - -"},
      {"unix seconds, then the standard field",
       "response { expiries { pointer: '/at' "
       "format: EXPIRY_FORMAT_UNIX_SECONDS } "
       "expiries { pointer: '/expires_in' } }",
       200, "application/json",
       R"({"access_token":"a","at":1800000100,"expires_in":5})",
       "a  Bearer 100 - -"},
      {"the first that is there",
       "response { expiries { pointer: '/at' "
       "format: EXPIRY_FORMAT_UNIX_SECONDS } "
       "expiries { pointer: '/expires_in' } }",
       200, "application/json", R"({"access_token":"a","expires_in":5})",
       "a  Bearer 5 - -"},
      {"unix milliseconds",
       "response { expiries { pointer: '/at' "
       "format: EXPIRY_FORMAT_UNIX_MILLISECONDS } }",
       200, "application/json", R"({"access_token":"a","at":"1800000100000"})",
       "a  Bearer 100 - -"},
      {"fiserv: milliseconds",
       "response { expiries { pointer: '/expires_in' "
       "format: EXPIRY_FORMAT_MILLISECONDS } }",
       200, "application/json", R"({"access_token":"a","expires_in":900000})",
       "a  Bearer 900 - -"},
      {"intuit: its own refresh lifetime",
       "response { refresh_expiries { "
       "pointer: '/x_refresh_token_expires_in' } }",
       200, "application/json",
       R"({"access_token":"a","refresh_token":"r",)"
       R"("x_refresh_token_expires_in":8726400})",
       "a r Bearer - 8726400 -"},
      {"tiktok: refresh_expires_in", "", 200, "application/json",
       R"({"access_token":"a","refresh_token":"r","refresh_expires_in":99})",
       "a r Bearer - 99 -"},
      {"documented idle life of the refresh token",
       "lifetimes { refresh_idle { seconds: 500 } "
       "refresh_absolute { seconds: 400 } }",
       200, "application/json", R"({"access_token":"a","refresh_token":"r"})",
       "a r Bearer - 400 -"},
      {"twitch: scopes in an array", "", 200, "application/json",
       R"({"access_token":"a","scope":["x","y","x"]})", "a  Bearer - - x|y"},
      {"github: scopes by comma", "", 200, "application/json",
       R"({"access_token":"a","scope":"repo,gist"})",
       "a  Bearer - - repo|gist"},
      {"empty scope: none", "", 200, "application/json",
       R"({"access_token":"a","scope":""})", "a  Bearer - - "},
      {"keap: a tenant after the bar",
       "response { scope_format: SCOPE_FORMAT_BEFORE_BAR }", 200,
       "application/json",
       R"({"access_token":"a","scope":"full|acme.infusionsoft.com"})",
       "a  Bearer - - full"},
      {"scopes not to be read",
       "response { scope_format: SCOPE_FORMAT_IGNORED }", 200,
       "application/json", R"({"access_token":"a","scope":"junk"})",
       "a  Bearer - - -"},
      {"sentry: 201 and other names",
       "response { access_token_pointer: '/token' "
       "refresh_token_pointer: '/refreshToken' "
       "expiries { pointer: '/expiresAt' format: EXPIRY_FORMAT_RFC3339 } }",
       201, "application/json",
       R"({"token":"a","refreshToken":"r",)"
       R"("expiresAt":"2027-01-15T16:00:00.123Z"})",
       "a r Bearer 28800 - -"},
      {"tiktok business: an envelope and a code",
       "response { base_pointer: '/data' "
       "success { predicate { pointer: '/code' equals: '0' } } }",
       200, "application/json",
       R"({"code":0,"data":{"access_token":"a","scope":[4,5]}})",
       "a  Bearer - - 4|5"},
      {"the same, refused",
       "response { base_pointer: '/data' "
       "success { predicate { pointer: '/code' equals: '0' } } }",
       200, "application/json", R"({"code":40001,"data":{"access_token":"a"}})",
       kUnreadable},
      {"a status of its own", "response { success { statuses: 299 } }", 299,
       "application/json", R"({"access_token":"a"})", "a  Bearer - - -"},
      {"and no other", "response { success { statuses: 299 } }", 200,
       "application/json", R"({"access_token":"a"})", kUnreadable},
      {"form by its type", "", 200, "application/x-www-form-urlencoded",
       "access_token=a&scope=x%2Cy&token_type=bearer", "a  bearer - - x|y"},
      {"form by the definition", "response { allow_form: true }", 200,
       "text/plain", "access_token=a&expires_in=60", "a  Bearer 60 - -"},
      {"form that nobody announced", "", 200, "text/plain", "access_token=a",
       kUnreadable},
      {"JSON under a wrong type", "", 200, "text/html",
       R"({"access_token":"a"})", "a  Bearer - - -"},
      {"no type at all", "", 200, "", R"({"access_token":"a"})",
       "a  Bearer - - -"},
      {"an HTML page", "response { allow_form: true }", 200, "text/html",
       "<html><a href=\"?access_token=a\">", kUnreadable},
      {"an empty body", "", 200, "application/json", "", kUnreadable},
      {"an empty token", "", 200, "application/json", R"({"access_token":""})",
       kUnreadable},
      {"a token that is an object", "", 200, "application/json",
       R"({"access_token":{"a":1}})", kUnreadable},
      {"a token that breaks a header", "", 200, "application/json",
       R"({"access_token":"a\r\nX: y"})", kUnreadable},
      {"cut off", "", 200, "application/json", R"({"access_token":"a)",
       kUnreadable},
      {"bytes that are no UTF-8", "", 200, "application/json",
       "{\"access_token\":\"a\",\"x\":\"\xff\"}", kUnreadable},
      {"nested too deep", "", 200, "application/json",
       absl::StrCat(R"({"access_token":"a","x":)", std::string(64, '['),
                    std::string(64, ']'), "}"),
       kUnreadable},
      {"nested as deep as allowed", "", 200, "application/json",
       absl::StrCat(R"({"access_token":"a","x":)", std::string(63, '['),
                    std::string(63, ']'), "}"),
       "a  Bearer - - -"},
      {"too large", "", 200, "application/json",
       absl::StrCat(R"({"access_token":"a","x":")",
                    std::string(kMaxDocumentSize, 'x'), "\"}"),
       kUnreadable},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ShowFirst(ParseTokenAnswer(Define(c.changes), Leg::kExchange,
                                         Answer(c.status, c.body, c.type),
                                         TestNow(), {})),
              c.want);
  }
}

TEST(ParseTokenAnswer, CapturesAndCoercesNumbers) {
  const Definition definition = Define(
      "response { captures { name: 'user' pointer: '/user_id' } "
      "captures { name: 'team' pointer: '/team/id' } "
      "captures { name: 'odd' pointer: '/a~1b' } "
      "captures { name: 'absent' pointer: '/absent' } "
      "captures { name: 'empty' pointer: '/empty' } }");
  const auto parsed = ParseTokenAnswer(
      definition, Leg::kExchange,
      Answer(200, R"({"access_token":"a","user_id":17841400000000001,)"
                  R"("team":{"id":"T1"},"a/b":true,"empty":""})"),
      TestNow(), {});
  ASSERT_TRUE(parsed.answer.has_value());
  EXPECT_THAT(parsed.answer->metadata,
              ElementsAre(Pair("odd", "true"), Pair("team", "T1"),
                          Pair("user", "17841400000000001")));
}

TEST(ParseTokenAnswer, Pinterest) {
  const auto parsed = ParseTokenAnswer(
      FromCatalog("pinterest"), Leg::kRefresh,
      Answer(200, R"({"access_token":"pina.1","refresh_token":"pinr.1",)"
                  R"("response_type":"refresh_token","token_type":"bearer",)"
                  R"("expires_in":2592000,"refresh_token_expires_in":5184000,)"
                  R"("refresh_token_expires_at":1805184000,)"
                  R"("scope":"boards:read pins:read"})"),
      TestNow(), {});
  EXPECT_EQ(ShowFirst(parsed),
            "pina.1 pinr.1 bearer 2592000 5184000 boards:read|pins:read");
  // Only the absolute field, and neither.
  EXPECT_EQ(ShowFirst(ParseTokenAnswer(
                FromCatalog("pinterest"), Leg::kExchange,
                Answer(200, R"({"access_token":"a","refresh_token":"r",)"
                            R"("refresh_token_expires_at":1800000007})"),
                TestNow(), {})),
            "a r Bearer 2592000 7 -");
  EXPECT_EQ(ShowFirst(ParseTokenAnswer(
                FromCatalog("pinterest"), Leg::kExchange,
                Answer(200, R"({"access_token":"a","refresh_token":"r"})"),
                TestNow(), {})),
            "a r Bearer 2592000 5184000 -");
}

TEST(ParseTokenAnswer, GoogleKeepsTheRefreshToken) {
  const auto parsed = ParseTokenAnswer(
      FromCatalog("google"), Leg::kRefresh,
      Answer(200, R"({"access_token":"ya29.x","expires_in":3599,)"
                  R"("scope":"openid https://www.googleapis.com/auth/)"
                  R"(userinfo.email","token_type":"Bearer"})"),
      TestNow(), {});
  EXPECT_EQ(ShowFirst(parsed), "ya29.x  Bearer 3599 15552000 openid|email");
}

TEST(ParseTokenAnswer, GithubBothWays) {
  const Definition github = FromCatalog("github");
  EXPECT_EQ(ShowFirst(ParseTokenAnswer(
                github, Leg::kExchange,
                Answer(200,
                       "access_token=gho_1&scope=repo%2Cgist&"
                       "token_type=bearer",
                       "application/x-www-form-urlencoded; charset=utf-8"),
                TestNow(), {})),
            "gho_1  bearer - - repo|gist");
  EXPECT_EQ(ShowFirst(ParseTokenAnswer(
                github, Leg::kExchange,
                Answer(200, R"({"access_token":"ghu_1","expires_in":28800,)"
                            R"("refresh_token":"ghr_1",)"
                            R"("refresh_token_expires_in":15897600,)"
                            R"("scope":"","token_type":"bearer"})"),
                TestNow(), {})),
            "ghu_1 ghr_1 bearer 28800 15897600 ");
}

constexpr char kSlackBoth[] =
    R"({"ok":true,"access_token":"xoxb-1","token_type":"bot",)"
    R"("scope":"chat:write,users:read","bot_user_id":"U0","app_id":"A1",)"
    R"("expires_in":43200,"refresh_token":"xoxe-1",)"
    R"("team":{"id":"T1","name":"Acme"},"enterprise":null,)"
    R"("authed_user":{"id":"U1","scope":"search:read","access_token":"xoxp-1",)"
    R"("token_type":"user","expires_in":43100,"refresh_token":"xoxe-2"}})";

TEST(ParseTokenAnswer, SlackGivesTwoTokens) {
  const auto parsed = ParseTokenAnswer(FromCatalog("slack"), Leg::kExchange,
                                       Answer(200, kSlackBoth), TestNow(), {});
  ASSERT_TRUE(parsed.answer.has_value());
  ASSERT_EQ(parsed.answer->tokens.size(), 2u);
  EXPECT_EQ(parsed.answer->tokens[0].name, "");
  EXPECT_EQ(Show(parsed.answer->tokens[0]),
            "xoxb-1 xoxe-1 bot 43200 - chat:write|users:read");
  EXPECT_EQ(parsed.answer->tokens[1].name, "user");
  EXPECT_EQ(Show(parsed.answer->tokens[1]),
            "xoxp-1 xoxe-2 user 43100 - user:search:read");
  EXPECT_THAT(parsed.answer->metadata,
              ElementsAre(Pair("app_id", "A1"), Pair("bot_user_id", "U0"),
                          Pair("team_id", "T1"), Pair("team_name", "Acme"),
                          Pair("user_id", "U1")));
}

TEST(ParseTokenAnswer, SlackTheUsersTokenAlone) {
  const auto parsed = ParseTokenAnswer(
      FromCatalog("slack"), Leg::kExchange,
      Answer(200, R"({"ok":true,"team":{"id":"T1"},"authed_user":{"id":"U1",)"
                  R"("access_token":"xoxp-1","scope":"search:read"}})"),
      TestNow(), {});
  ASSERT_TRUE(parsed.answer.has_value());
  ASSERT_EQ(parsed.answer->tokens.size(), 1u);
  EXPECT_EQ(parsed.answer->tokens[0].name, "user");
}

TEST(ParseTokenAnswer, SlackRefreshOfTheUsersToken) {
  const auto parsed = ParseTokenAnswer(
      FromCatalog("slack"), Leg::kRefresh,
      Answer(200, R"({"ok":true,"access_token":"xoxp-2","token_type":"user",)"
                  R"("refresh_token":"xoxe-3","expires_in":43200,)"
                  R"("scope":"search:read","team":{"id":"T1"}})"),
      TestNow(), {});
  ASSERT_TRUE(parsed.answer.has_value());
  ASSERT_EQ(parsed.answer->tokens.size(), 1u);
  EXPECT_EQ(parsed.answer->tokens[0].name, "user");
  EXPECT_EQ(Show(parsed.answer->tokens[0]),
            "xoxp-2 xoxe-3 user 43200 - user:search:read");
}

TEST(ParseTokenAnswer, CorosOnlyExtends) {
  const Definition coros = Define(
      "refresh { kind: REFRESH_KIND_EXTEND } "
      "lifetimes { access { seconds: 2592000 } } "
      "response { success { predicate { pointer: '/result' "
      "equals: '0000' } } }");
  const auto parsed = ParseTokenAnswer(
      coros, Leg::kRefresh, Answer(200, R"({"result":"0000","message":"OK"})"),
      TestNow(), {});
  ASSERT_TRUE(parsed.answer.has_value());
  EXPECT_EQ(Show(parsed.answer->tokens[0]), "  Bearer 2592000 - -");
  // The exchange must give a token all the same.
  EXPECT_TRUE(ParseTokenAnswer(coros, Leg::kExchange,
                               Answer(200, R"({"result":"0000"})"), TestNow(),
                               {})
                  .failure.has_value());
  EXPECT_EQ(RefreshKindOf(coros, true), RefreshKind::kExtend);
}

}  // namespace
}  // namespace valetkey::oauth
