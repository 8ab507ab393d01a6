// What the caller policy makes of people who sign in, and of their sessions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "service/web/oidc_fixture.h"

namespace valetkey::web {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(OidcTest, ThePolicyDecides) {
  WriteRules(AdminRule("others"));
  ReadPolicyAgain();
  Start();
  const HttpResponse back = Return();
  EXPECT_EQ(back.status, 403);
  EXPECT_THAT(back.body, HasSubstr("Ann Archer"));
  EXPECT_THAT(back.body, HasSubstr("ann-1"));
  EXPECT_THAT(SessionIn(back), IsEmpty());
  EXPECT_THAT(log_, HasSubstr("CALLER_DENIED"));

  WriteRules(
      "rules { name: \"readers\" jwt { issuer: \"cluster\" subject: \"**\" } "
      "grant { application: \"applications/shop\" rights: RIGHT_READ_TOKENS } "
      "}\n");
  ReadPolicyAgain();
  Start();
  const HttpResponse reader = Return();
  EXPECT_EQ(reader.status, 403);
  EXPECT_THAT(reader.body, HasSubstr("ADMINISTER"));
}

TEST_F(OidcTest, ARuleTakenAwayEndsTheSessionAtTheNextCall) {
  const std::string session = SignIn();
  EXPECT_EQ(Call(session).status, 200);
  for (const std::string& rules :
       {std::string("rules { name: \"web\" mtls { dns_name: \"a\" } grant { "
                    "application: \"applications/shop\" rights: "
                    "RIGHT_ADMINISTER } }\n"),
        AdminRule("others"),
        std::string(
            "rules { name: \"less\" jwt { issuer: \"cluster\" subject: \"**\" "
            "claims { key: \"groups\" value: \"ops\" } } grant { application: "
            "\"applications/shop\" rights: RIGHT_READ_METADATA } }\n")}) {
    WriteRules(rules);
    ReadPolicyAgain();
    const HttpResponse call = Call(session);
    EXPECT_EQ(call.status, 401) << rules;
    EXPECT_EQ(called_by_, nullptr);
    EXPECT_THAT(HeaderIn(call, "set-cookie"), HasSubstr("Max-Age=0"));
    EXPECT_THAT(call.body, HasSubstr("sign in again"));
    const HttpResponse who = Describe(session);
    EXPECT_EQ(who.status, 401);
    EXPECT_THAT(HeaderIn(who, "set-cookie"), HasSubstr("Max-Age=0"));
  }
  // Nor is a policy good that no longer has us as an audience.
  WriteRules(AdminRule(),
             "issuers { name: \"cluster\" issuer: \"https://issuer.example\" "
             "audiences: \"another\" jwks_url: \"https://keys.example/jwks\" "
             "}\n");
  ReadPolicyAgain();
  EXPECT_EQ(Call(session).status, 401);
  EXPECT_EQ(Start().status, 500);
}

TEST_F(OidcTest, ThePersonsSessionHasTheTimesOfAKeys) {
  const std::string session = SignIn();
  clock_.Advance(absl::Minutes(20));
  EXPECT_THAT(HeaderIn(Call(session), "set-cookie"), HasSubstr("Max-Age=1800"));
  clock_.Advance(absl::Minutes(10));
  EXPECT_EQ(Call(session).status, 401);
}

TEST_F(OidcTest, ThePortalLearnsOfIt) {
  const HttpResponse ways = session_->Ways(MakeRequest("GET", kSignInPath));
  EXPECT_EQ(nlohmann::json::parse(ways.body)["oidc"],
            nlohmann::json({{"host", "issuer.example"}}));
  EXPECT_EQ(session_->Ways(MakeRequest("POST", kSignInPath)).status, 405);
}

TEST_F(OidcTest, AnotherIssuersTokenIsNotTakenThoughThePolicyBelievesIt) {
  WriteRules(absl::StrCat(
      "issuers { name: \"ci\" issuer: \"https://ci.example\" audiences: "
      "\"valetkey\" jwks_url: \"https://keys.example/jwks\" }\n",
      AdminRule()));
  ReadPolicyAgain();
  Start();
  nlohmann::json claims = Claims();
  claims["iss"] = "https://ci.example";
  id_token_ = old_.Sign(identity::Algorithm::kEs256, claims.dump());
  EXPECT_EQ(Return().status, 400);
}

}  // namespace
}  // namespace valetkey::web
