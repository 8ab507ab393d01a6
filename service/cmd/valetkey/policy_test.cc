// `valetkey policy`: what it says of good and bad files, and of callers.

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/cmd/valetkey/run_fixture.h"
#include "service/identity/test_tokens.h"
#include "service/net/http/test_certificates.h"

namespace valetkey::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRules[] = R"(
rules { name: "web" jwt { issuer: "cluster" subject: "sa:shop:web" }
  grant { application: "applications/shop" rights: RIGHT_READ_TOKENS } }
rules { name: "shop" jwt { issuer: "cluster" subject: "sa:shop:*" }
  grant { application: "applications/shop" rights: RIGHT_CONNECT } }
rules { name: "mesh" mtls { spiffe_id: "spiffe://example.org/ns/*" }
  grant { application: "applications/mesh" rights: RIGHT_CONNECT } }
)";

class PolicyCommandTest : public RunTest {
 protected:
  std::string Policy(const std::string& keys, const char* rules = kRules) {
    return folder_.Write(
        "policy.textproto",
        absl::StrCat("issuers { name: \"cluster\" issuer: \"https://i\" "
                     "audiences: \"valetkey\" ",
                     keys, " }", rules));
  }
  std::string FilePolicy() {
    return Policy(absl::StrCat(
        "jwks_file: \"", folder_.Write("jwks.json", signer_.Jwks()), "\""));
  }
  std::string UrlPolicy() { return Policy("jwks_url: \"https://keys\""); }
  std::string Token(const std::string& subject, const std::string& aud) {
    return signer_.Sign(
        identity::Algorithm::kEs256,
        absl::StrCat(R"({"iss":"https://i","sub":")", subject, R"(","aud":")",
                     aud, R"(","exp":)", absl::ToUnixSeconds(absl::Now()) + 600,
                     "}"));
  }
  Ended Test(const std::string& policy, std::vector<std::string> who) {
    std::vector<std::string> all = {"valetkey", "policy", "test", "--policy",
                                    policy};
    all.insert(all.end(), who.begin(), who.end());
    return Bare(all);
  }
  Ended TestToken(const std::string& policy, const std::string& token) {
    return Test(policy, {"--token-file", folder_.Write("token", token + "\n")});
  }

  TestFolder folder_;
  identity::TestSigner signer_{identity::KeyType::kP256};
};

TEST_F(PolicyCommandTest, CheckNamesFileLineAndField) {
  const Ended good = Bare({"valetkey", "policy", "check", FilePolicy()});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("1 issuers, 3 rules"));
  const Ended bad = Bare(
      {"valetkey", "policy", "check", Policy("jwks_url: \"http://keys\"")});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("policy.textproto:1: issuers[0].jwks_url"));
  const Ended two = Bare({"valetkey", "policy", "check",
                          Policy("jwks_url: \"http://keys\" name: \"\"")});
  EXPECT_THAT(two.err, HasSubstr("\n"));
  EXPECT_THAT(two.err, Not(HasSubstr("\\x0a")));
  const std::string broken = Policy(
      absl::StrCat("jwks_file: \"", folder_.Write("b.json", "[]"), "\""));
  EXPECT_THAT(Bare({"valetkey", "policy", "check", broken}).err,
              HasSubstr("b.json"));
  EXPECT_EQ(Bare({"valetkey", "policy", "check", broken, "--skip-keys"}).code,
            0);
  EXPECT_EQ(Bare({"valetkey", "policy", "check", "/nonexistent"}).code, 1);
}

TEST_F(PolicyCommandTest, ATokenIsExplainedAndNotPrinted) {
  const std::string token = Token("sa:shop:job", "valetkey");
  const Ended ended = TestToken(FilePolicy(), token);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("signature: good"));
  EXPECT_THAT(ended.out,
              HasSubstr("rule \"web\": subject: is \"sa:shop:job\""));
  EXPECT_THAT(ended.out, HasSubstr("rule \"shop\": matches"));
  EXPECT_THAT(ended.out, HasSubstr("(1 further rules are not asked)"));
  EXPECT_THAT(ended.out, HasSubstr("applications/shop with RIGHT_CONNECT"));
  EXPECT_THAT(ended.out + ended.err, Not(HasSubstr("eyJ")));
  EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(token.substr(60, 20))));
}

TEST_F(PolicyCommandTest, WhatIsRefusedIsExitCode5) {
  const Ended audience = TestToken(FilePolicy(), Token("sa:shop:web", "vault"));
  EXPECT_EQ(audience.code, 5);
  EXPECT_THAT(audience.out, HasSubstr("aud"));
  const Ended nobody = TestToken(FilePolicy(), Token("sa:x:y", "valetkey"));
  EXPECT_EQ(nobody.code, 5);
  EXPECT_THAT(nobody.out, HasSubstr("denied: no rule matches"));
  const identity::TestSigner forger(identity::KeyType::kP256);
  const std::string policy = FilePolicy();
  folder_.Write("jwks.json", forger.Jwks());
  const Ended forged = TestToken(policy, Token("sa:shop:web", "valetkey"));
  EXPECT_EQ(forged.code, 5);
  EXPECT_THAT(forged.out, HasSubstr("signature is wrong"));
  EXPECT_EQ(TestToken(FilePolicy(), "canary-no-token").code, 5);
}

TEST_F(PolicyCommandTest, KeysAtAUrlAreNotAsked) {
  const std::string token = Token("sa:shop:web", "valetkey");
  const Ended without = TestToken(UrlPolicy(), token);
  EXPECT_EQ(without.code, 0);
  EXPECT_THAT(without.out, HasSubstr("signature: not checked"));
  const Ended with =
      Test(UrlPolicy(), {"--token_file", folder_.Write("token", token),
                         "--jwks", folder_.Write("j", signer_.Jwks())});
  EXPECT_THAT(with.out, HasSubstr("signature: good"));
}

TEST_F(PolicyCommandTest, ClaimsAndNamesServeWithoutATokenOrCertificate) {
  EXPECT_EQ(Test(UrlPolicy(),
                 {"--claims", R"({"iss":"https://i","sub":"sa:shop:web"})"})
                .code,
            0);
  EXPECT_EQ(Test(UrlPolicy(), {"--claims", R"({"sub":"sa:shop:web"})"}).code,
            5);
  EXPECT_EQ(Test(UrlPolicy(), {"--claims", "nonsense"}).code, 1);
  EXPECT_EQ(
      Test(UrlPolicy(), {"--spiffe_id", "spiffe://example.org/ns/a"}).code, 0);
  EXPECT_EQ(
      Test(UrlPolicy(), {"--spiffe-id", "spiffe://example.org/ns/a/b"}).code,
      5);
  EXPECT_EQ(Test(UrlPolicy(), {"--spiffe-id", "example.org"}).code, 1);
  EXPECT_EQ(Test(UrlPolicy(), {"--common-name", "x"}).code, 5);
  EXPECT_EQ(Test(UrlPolicy(), {}).code, 1);
  TestAuthority authority;
  EXPECT_EQ(
      Test(UrlPolicy(),
           {"--certificate",
            folder_.Write("c.pem",
                          authority.Issue("x", "URI:spiffe://example.org/ns/a")
                              .certificate_pem)})
          .code,
      0);
}

TEST_F(PolicyCommandTest, JsonIsForPrograms) {
  const Ended ended =
      Test(UrlPolicy(), {"--json", "--spiffe-id", "spiffe://example.org/ns/a"});
  EXPECT_THAT(ended.out, HasSubstr("\"admitted\": true"));
  EXPECT_THAT(ended.out, HasSubstr("\"application\": \"applications/mesh\""));
  EXPECT_THAT(ended.out,
              HasSubstr("\"why_not\": \"is for callers with a JWT\""));
}

}  // namespace
}  // namespace valetkey::cli
