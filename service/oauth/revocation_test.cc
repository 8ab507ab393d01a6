#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::HasSubstr;
using R = RevokeOutcome;

std::vector<TokenSet> Tokens(const char* name = "") {
  TokenSet token;
  token.name = name;
  token.access_token = SecretString("a/1");
  token.refresh_token = SecretString("r/1");
  return {token};
}

std::vector<RevokeStep> Steps(const Definition& definition,
                              const std::vector<TokenSet>& tokens) {
  auto steps = RevokeSteps(definition, TestClient(), tokens, TestNow());
  EXPECT_TRUE(steps.ok()) << steps.status();
  return steps.ok() ? *std::move(steps) : std::vector<RevokeStep>();
}

TEST(RevokeSteps, PinterestBothTokensBestEffort) {
  const auto steps = Steps(FromCatalog("pinterest"), Tokens());
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].kind, TokenKind::kRefreshToken);
  EXPECT_EQ(steps[0].request->url,
            "https://api.pinterest.com/v5/oauth/token/revoke");
  EXPECT_EQ(steps[0].request->body,
            "token=r%2F1&token_type_hint=refresh_token");
  EXPECT_EQ(steps[1].kind, TokenKind::kAccessToken);
  EXPECT_EQ(steps[1].request->body, "token=a%2F1&token_type_hint=access_token");
  EXPECT_THAT(HeaderLines(*steps[1].request),
              HasSubstr("Authorization: Basic "));
  EXPECT_FALSE(steps[0].ends_grant);
}

TEST(RevokeSteps, GoogleEndsTheGrantWithoutClient) {
  const auto steps = Steps(FromCatalog("google"), Tokens());
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].kind, TokenKind::kRefreshToken);
  EXPECT_TRUE(steps[0].ends_grant);
  EXPECT_EQ(steps[0].request->body, "token=r%2F1");
  EXPECT_EQ(HeaderLines(*steps[0].request),
            "Accept: application/json\n"
            "Content-Type: application/x-www-form-urlencoded\n");
  std::vector<TokenSet> tokens = Tokens();
  tokens[0].refresh_token = SecretString();
  EXPECT_EQ(Steps(FromCatalog("google"), tokens)[0].request->body,
            "token=a%2F1");
}

TEST(RevokeSteps, GithubDeletesWithABody) {
  const auto steps = Steps(FromCatalog("github"), Tokens());
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].request->method, "DELETE");
  EXPECT_EQ(steps[0].request->url,
            "https://api.github.com/applications/id%201/token");
  EXPECT_EQ(steps[0].request->body, R"({"access_token":"a/1"})");
  EXPECT_THAT(HeaderLines(*steps[0].request),
              HasSubstr("Authorization: Basic "));
}

TEST(RevokeSteps, SlackByTheTokenItselfForEach) {
  std::vector<TokenSet> tokens = Tokens();
  tokens.push_back(Tokens("user")[0]);
  const auto steps = Steps(FromCatalog("slack"), tokens);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[1].token, "user");
  EXPECT_EQ(steps[1].request->url, "https://slack.com/api/auth.revoke");
  EXPECT_EQ(steps[1].request->body, "");
  EXPECT_THAT(HeaderLines(*steps[1].request),
              HasSubstr("Authorization: Bearer a/1\n"));
}

TEST(RevokeSteps, TokenInPathOrQuery) {
  const auto steps =
      Steps(Define("revocation { steps { url: 'https://idp.example/t/{token}' "
                   "method: HTTP_METHOD_DELETE encoding: ENCODING_QUERY "
                   "omit_token_parameter: true token: REVOKED_TOKEN_REFRESH "
                   "client_authentication { "
                   "method: CLIENT_AUTHENTICATION_METHOD_OMITTED } } "
                   "steps { url: 'https://idp.example/revoke' "
                   "method: HTTP_METHOD_GET token: REVOKED_TOKEN_ACCESS "
                   "token_parameter: 'access_token' client_authentication { "
                   "method: CLIENT_AUTHENTICATION_METHOD_NONE } } }"),
            Tokens());
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].request->url, "https://idp.example/t/r%2F1");
  EXPECT_EQ(steps[0].request->body, "");
  EXPECT_EQ(steps[1].request->url,
            "https://idp.example/revoke?access_token=a%2F1&client_id=id+1");
}

TEST(RevokeSteps, NoWaySaysSo) {
  const auto none = Steps(Define(""), Tokens());
  ASSERT_EQ(none.size(), 1u);
  EXPECT_FALSE(none[0].request.has_value());
  EXPECT_EQ(none[0].unsupported, "the provider offers no way to revoke tokens");
  const auto why =
      Steps(Define("revocation { unsupported: 'ask them' }"), Tokens());
  EXPECT_EQ(why[0].unsupported, "ask them");
}

TEST(ParseRevokeAnswer, Outcomes) {
  const struct {
    const char* provider;
    int status;
    const char* body;
    R want;
  } cases[] = {
      {"pinterest", 200, "", R::kRevoked},
      {"pinterest", 403, R"({"code":29,"message":"no"})", R::kUnsupported},
      {"pinterest", 403, R"({"code":7,"message":"no"})", R::kFailed},
      {"pinterest", 401, R"({"code":2,"message":"no"})", R::kFailed},
      {"pinterest", 503, "", R::kFailed},
      {"google", 200, "{}", R::kRevoked},
      {"google", 400, R"({"error":"invalid_token"})", R::kAlreadyInvalid},
      {"google", 400, R"({"error":"invalid_request"})", R::kFailed},
      {"github", 204, "", R::kRevoked},
      {"github", 404, "{}", R::kAlreadyInvalid},
      {"github", 200, "{}", R::kFailed},
      {"slack", 200, R"({"ok":true,"revoked":true})", R::kRevoked},
      {"slack", 200, R"({"ok":false,"error":"token_revoked"})",
       R::kAlreadyInvalid},
      {"slack", 200, R"({"ok":false,"error":"ratelimited"})", R::kFailed},
      {"slack", 200, "<html>", R::kFailed},
      // RFC 7009 section 2.2.1
      {"google", 400, R"({"error":"unsupported_token_type"})", R::kUnsupported},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.provider, " ", c.status, " ", c.body));
    const RevokeResult result =
        ParseRevokeAnswer(FromCatalog(c.provider), Answer(c.status, c.body));
    EXPECT_EQ(result.outcome, c.want) << result.detail;
  }
  EXPECT_THAT(
      ParseRevokeAnswer(FromCatalog("pinterest"), Answer(403, R"({"code":29})"))
          .detail,
      HasSubstr("system users only"));
  EXPECT_EQ(
      ParseRevokeAnswer(FromCatalog("pinterest"), Answer(401, R"({"code":2})"))
          .detail,
      "the provider refused (status 401, code 2)");
}

}  // namespace
}  // namespace valetkey::oauth
