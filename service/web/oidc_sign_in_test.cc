#include "service/web/oidc_sign_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/base/crypto.h"
#include "service/web/oidc_fixture.h"

namespace valetkey::web {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(OidcTest, FromTheButtonToTheSession) {
  const HttpResponse start = Start("return_to=%2Fapplications%2Fshop%3Fa%3Db");
  EXPECT_EQ(start.status, 302);
  EXPECT_THAT(HeaderIn(start, "location"),
              StartsWith("https://issuer.example/auth?response_type=code&"));
  EXPECT_THAT(HeaderIn(start, "set-cookie"),
              StartsWith(absl::StrCat("__Host-valetkey-signin-",
                                      state_.substr(0, 8), "=")));
  EXPECT_THAT(
      HeaderIn(start, "set-cookie"),
      HasSubstr("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"));

  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 302) << back.body;
  EXPECT_EQ(HeaderIn(back, "location"), "/applications/shop?a=b");
  EXPECT_THAT(token_request_.body, HasSubstr("code=c-canary"));
  EXPECT_THAT(token_request_.body, HasSubstr("code_verifier="));
  const std::string session = SessionIn(back);
  ASSERT_THAT(session, Not(IsEmpty()));
  EXPECT_LT(session.size(), 1024u);

  const nlohmann::json who = nlohmann::json::parse(Describe(session).body);
  EXPECT_EQ(who["person"], nlohmann::json({{"name", "Ann Archer"},
                                           {"email", "ann@example.com"}}));
  EXPECT_EQ(who["application"], "applications/system");
  EXPECT_EQ(who["system"], true);
  EXPECT_EQ(who["key"], "");
  EXPECT_EQ(Call(session).status, 200);
  ASSERT_NE(called_by_, nullptr);
  EXPECT_EQ(called_by_->rule, "operators");
  EXPECT_EQ(called_by_->subject, "ann-1");
  EXPECT_THAT(log_, HasSubstr("ann-1"));
  EXPECT_THAT(log_, Not(HasSubstr("canary")));
}

TEST_F(OidcTest, TheSecretOfAClientThatHasOne) {
  folder_.Write("secret", "s-canary\n");
  MakeParts(folder_.Path("secret"));
  EXPECT_THAT(SignIn(), Not(IsEmpty()));
  EXPECT_THAT(*token_request_.headers.Find("authorization"),
              StartsWith("Basic "));
  // Read each time; without it nobody is sent a code's worth.
  folder_.Write("secret", "\n");
  Start();
  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 500);
  EXPECT_THAT(back.body, Not(HasSubstr(folder_.Path("secret"))));
  EXPECT_THAT(log_, HasSubstr("expected a client secret"));
  EXPECT_THAT(log_, Not(HasSubstr("canary")));
}

TEST_F(OidcTest, AStateThatIsNotOurs) {
  Start();
  const std::string ours = state_;
  for (const std::string& state :
       {std::string(), std::string("x"), std::string(43, 'a'),
        ours.substr(0, 8) + std::string(35, 'a'), ours + "a",
        std::string("\r\nSet-Cookie: a=b")}) {
    state_ = PercentEncode(state);
    const HttpResponse back = Return();
    EXPECT_EQ(back.status, 400) << state;
    EXPECT_THAT(SessionIn(back), IsEmpty());
    EXPECT_EQ(back.headers.Find("set-cookie"), nullptr);
  }
  state_ = absl::StrCat(ours, "&state=", ours);
  EXPECT_EQ(Return().status, 400);
  EXPECT_THAT(token_request_.url, IsEmpty());
}

TEST_F(OidcTest, AnAnswerCountsOnce) {
  Start();
  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 302);
  const std::string* const clear = back.headers.Find("set-cookie");
  ASSERT_NE(clear, nullptr);
  std::string cleared;
  for (const auto& [name, value] : back.headers.fields()) {
    if (absl::StrContains(value, "Max-Age=0")) cleared = value;
  }
  EXPECT_THAT(cleared, StartsWith(absl::StrCat("__Host-valetkey-signin-",
                                               state_.substr(0, 8), "=;")));
  jar_.clear();  // as the browser does
  EXPECT_EQ(Return().status, 400);
}

TEST_F(OidcTest, AnotherBrowsersAnswer) {
  Start();
  const std::string theirs = state_;
  jar_.clear();
  Start();
  state_ = theirs;
  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 400);
  EXPECT_THAT(back.body, HasSubstr("This sign-in is over"));
  // Nor with their state's name on our value.
  jar_ = absl::StrCat("__Host-valetkey-signin-", theirs.substr(0, 8),
                      jar_.substr(jar_.find('=')));
  EXPECT_EQ(Return().status, 400);
}

TEST_F(OidcTest, TenMinutesAreEnough) {
  Start();
  clock_.Advance(absl::Minutes(10));
  EXPECT_EQ(Return().status, 400);
}

TEST_F(OidcTest, SeveralTabs) {
  std::vector<std::pair<std::string, std::string>> tabs;
  for (int i = 0; i < 4; ++i) {
    Start();
    tabs.emplace_back(state_, nonce_);
  }
  for (const auto& [state, nonce] : tabs) {
    state_ = state;
    nonce_ = nonce;
    EXPECT_EQ(Return().status, 302);
  }
  // One more, and the browser forgets the others: a request's headers end.
  const HttpResponse fifth = Start();
  int forgotten = 0;
  for (const auto& [name, value] : fifth.headers.fields()) {
    if (absl::StrContains(value, "Max-Age=0")) ++forgotten;
  }
  EXPECT_EQ(forgotten, 4);
}

TEST_F(OidcTest, TokensThatDoNotProveAnything) {
  const auto with = [this](absl::string_view field, nlohmann::json value) {
    nlohmann::json claims = Claims();
    if (value.is_null()) {
      claims.erase(std::string(field));
    } else {
      claims[std::string(field)] = std::move(value);
    }
    return old_.Sign(identity::Algorithm::kEs256, claims.dump());
  };
  const std::int64_t now = absl::ToUnixSeconds(clock_.Now());
  using Make = std::function<std::string()>;
  for (const auto& [what, make] : std::vector<std::pair<std::string, Make>>{
           {"nonce", [&] { return with("nonce", "another"); }},
           {"no nonce", [&] { return with("nonce", nullptr); }},
           {"aud", [&] { return with("aud", "another"); }},
           {"aud", [&] { return with("aud", {"valetkey", "another"}); }},
           {"azp", [&] { return with("azp", "another"); }},
           {"iss", [&] { return with("iss", "https://evil.example"); }},
           {"exp", [&] { return with("exp", now - 60); }},
           {"no exp", [&] { return with("exp", nullptr); }},
           {"iat", [&] { return with("iat", now + 600); }},
           {"no iat", [&] { return with("iat", nullptr); }},
           {"no sub", [&] { return with("sub", nullptr); }},
           {"none",
            [&] {
              return absl::StrCat(
                  identity::Unsigned("{\"alg\":\"none\"}", Claims().dump()),
                  ".");
            }},
           {"HS256 with the public key",
            [&] {
              const std::string data = identity::Unsigned(
                  "{\"alg\":\"HS256\",\"kid\":\"old\"}", Claims().dump());
              return absl::StrCat(
                  data, ".",
                  Base64UrlEncode(HmacSha256(old_.PublicPem(), data)));
            }},
           {"unknown key",
            [&] {
              return new_.Sign(identity::Algorithm::kEs256, Claims().dump());
            }},
           {"signature",
            [&] {
              std::string token = Token();
              token.replace(token.size() - 8, 4, "AAAA");
              return token;
            }},
           {"no token", [&] { return std::string("canary"); }}}) {
    SCOPED_TRACE(what);
    Start();
    id_token_ = make();
    const HttpResponse back = Return();
    EXPECT_EQ(back.status, 400) << back.body;
    EXPECT_THAT(SessionIn(back), IsEmpty());
    EXPECT_THAT(back.body, Not(HasSubstr(id_token_)));
    EXPECT_THAT(log_, Not(HasSubstr(id_token_)));
    clock_.Advance(absl::Minutes(1));  // the limiter forgives
    jar_.clear();
  }
}

TEST_F(OidcTest, KeysRotate) {
  EXPECT_THAT(SignIn(), Not(IsEmpty()));
  keys_ = &new_;
  clock_.Advance(absl::Seconds(11));
  EXPECT_THAT(SignIn(), Not(IsEmpty()));
}

TEST_F(OidcTest, TheProviderIsDown) {
  down_ = true;
  const HttpResponse start = Start();
  EXPECT_EQ(start.status, 503);
  EXPECT_THAT(start.body, HasSubstr("API key"));
  // However many ask, it has two seconds' peace.
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Start().status, 503);
  EXPECT_EQ(http_.request_count(), 1);
  down_ = false;
  clock_.Advance(absl::Seconds(2));
  Start();
  down_ = true;
  EXPECT_EQ(Return().status, 503);
  // It is nobody's fault: nobody has to wait.
  for (int i = 0; i < 20; ++i) Return();
  EXPECT_EQ(Return().status, 503);
}

TEST_F(OidcTest, MetadataOfSomebodyElse) {
  metadata_["issuer"] = "https://evil.example";
  const HttpResponse start = Start();
  EXPECT_EQ(start.status, 502);
  EXPECT_THAT(start.body, HasSubstr("--portal_oidc_issuer"));
}

TEST_F(OidcTest, TheProvidersErrorIsText) {
  Start();
  const HttpResponse back = Return(
      "&error=access_denied&error_description="
      "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%0d%0aX: y");
  EXPECT_EQ(back.status, 403);
  EXPECT_THAT(back.body, HasSubstr("access_denied"));
  EXPECT_THAT(back.body, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(back.body, Not(HasSubstr("<script")));
  EXPECT_THAT(HeaderIn(back, "content-security-policy"),
              HasSubstr("default-src 'none'"));
}

TEST_F(OidcTest, WordsOfStrangersAreNotShown) {
  for (const char* site : {"&error=canary", "&error=canary&iss=x"}) {
    Start();
    if (absl::StrContains(site, "iss")) {
      EXPECT_EQ(Return(site).status, 400);
    } else {
      state_ = std::string(43, 'a');
    }
    EXPECT_THAT(Return(site).body, Not(HasSubstr("canary")));
  }
}

TEST_F(OidcTest, TheIssuerOfTheAnswer) {
  Start();
  EXPECT_EQ(Return("&code=c&iss=https%3A%2F%2Fevil.example").status, 400);
  EXPECT_THAT(token_request_.url, IsEmpty());
  EXPECT_EQ(Return("&code=c&iss=https%3A%2F%2Fissuer.example").status, 302);
  metadata_["authorization_response_iss_parameter_supported"] = true;
  clock_.Advance(absl::Minutes(11));
  Start();
  EXPECT_EQ(Return().status, 400);
}

TEST_F(OidcTest, ACodeThatIsRefused) {
  Start();
  EXPECT_EQ(Return("").status, 400);
  token_error_ = "invalid_grant";
  EXPECT_EQ(Return().status, 400);
  token_error_ = "invalid_client";
  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 502);
  EXPECT_THAT(back.body, HasSubstr("--portal_oidc_client_id"));
}

TEST_F(OidcTest, WhereToGoBackToIsOurs) {
  for (const char* place :
       {"https://evil.example", "//evil.example", "/\\evil.example",
        "\\\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie:b=c",
        "/a b", "evil", "/portal/oidc/start", "/\tevil.example", ""}) {
    Start(absl::StrCat("return_to=", PercentEncode(place)));
    EXPECT_EQ(HeaderIn(Return(), "location"), "/") << place;
    jar_.clear();
  }
}

TEST_F(OidcTest, FailuresAreSlowedDown) {
  state_ = std::string(43, 'a');
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Return().status, 400) << i;
  const HttpResponse refused = Return();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(HeaderIn(refused, "retry-after"), "7");
  EXPECT_EQ(Start().status, 429);
  clock_.Advance(absl::Seconds(7));
  EXPECT_EQ(Start().status, 302);
}

TEST_F(OidcTest, SoAreThoseWhoseAnswersAreNotGood) {
  for (const bool denied : {false, true}) {
    token_error_ = denied ? "" : "invalid_grant";
    nlohmann::json claims = Claims();
    claims.erase("groups");
    for (int i = 0; i < 10; ++i) {
      jar_.clear();
      Start();
      claims["nonce"] = nonce_;
      id_token_ = old_.Sign(identity::Algorithm::kEs256, claims.dump());
      EXPECT_EQ(Return().status, denied ? 403 : 400) << i;
    }
    EXPECT_EQ(Start().status, 429);
    clock_.Advance(absl::Minutes(2));
  }
}

TEST_F(OidcTest, OtherSitesAndPreviews) {
  EXPECT_EQ(HeaderIn(Get(kOidcStartPath, "", "cross-site"), "location"), "/");
  EXPECT_EQ(http_.request_count(), 0);
  Start();
  const std::string query = absl::StrCat("state=", state_, "&code=c");
  EXPECT_EQ(Get(kOidcCallbackPath, query, "none", "HEAD").status, 200);
  EXPECT_EQ(Get(kOidcCallbackPath, query, "none", "POST").status, 405);
  EXPECT_THAT(token_request_.url, IsEmpty());
  EXPECT_EQ(Return().status, 302);
}

}  // namespace
}  // namespace valetkey::web
