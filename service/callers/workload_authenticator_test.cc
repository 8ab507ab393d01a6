#include "service/callers/workload_authenticator.h"

#include <mutex>
#include <string>
#include <vector>

#include "service/base/log.h"
#include "service/callers/callers_fixture.h"

namespace valetkey::callers {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkloadAuthenticatorTest : public CallersTest {
 protected:
  WorkloadAuthenticatorTest() {
    folder_.Write("jwks.json", old_.Jwks());
    WritePolicy(FileIssuer() + kRule);
    SetLogSink([this](absl::string_view line) {
      std::scoped_lock lock(lines_mutex_);
      lines_.emplace_back(line);
    });
  }
  ~WorkloadAuthenticatorTest() override { SetLogSink(nullptr); }

  std::vector<std::string> lines() {
    std::scoped_lock lock(lines_mutex_);
    return lines_;
  }
  std::uint64_t generation() const { return keeper_->generation(); }

  std::mutex lines_mutex_;
  std::vector<std::string> lines_;
};

TEST_F(WorkloadAuthenticatorTest, ARuleGivesItsApplicationAndRights) {
  ASSERT_TRUE(Open().ok());
  const CallerOr caller = Admit(Token(old_));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->application, "applications/shop");
  EXPECT_EQ((*caller)->key, "");
  EXPECT_EQ((*caller)->rule, "web");
  EXPECT_EQ((*caller)->subject, "sa:shop:web");
  EXPECT_TRUE((*caller)->Has(store::kReadTokens));
  EXPECT_FALSE((*caller)->Has(store::kRevoke));
}

// The policy's numbers become the store's bits by their order.
TEST_F(WorkloadAuthenticatorTest, RightsAreThoseOfTheStore) {
  for (const auto& [name, right] :
       std::initializer_list<std::pair<const char*, store::Right>>{
           {"RIGHT_READ_METADATA", store::kReadMetadata},
           {"RIGHT_READ_TOKENS", store::kReadTokens},
           {"RIGHT_CONNECT", store::kConnect},
           {"RIGHT_REVOKE", store::kRevoke},
           {"RIGHT_ADMINISTER", store::kAdminister}}) {
    const auto policy = identity::Policy::Parse(
        "p", absl::StrCat("rules { name: \"r\" mtls { common_name: \"c\" } "
                          "grant { application: \"applications/a\" rights: ",
                          name, " } }"));
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ((*policy)->rules()[0].rights, right) << name;
  }
}

TEST_F(WorkloadAuthenticatorTest, WhoeverMatchesNoRuleIsDenied) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_, "sa:other:web")), Reason::kCallerDenied);
  EXPECT_EQ(ReasonFor(Token(new_)), Reason::kCallerInvalid);
  EXPECT_EQ(ReasonFor("nonsense"), Reason::kCallerInvalid);
  EXPECT_EQ(ReasonFor(std::string(9000, 'x')), Reason::kCallerInvalid);
}

TEST_F(WorkloadAuthenticatorTest, TellsTokensFromApiKeys) {
  EXPECT_TRUE(WorkloadAuthenticator::IsToken("Bearer eyJ"));
  EXPECT_TRUE(WorkloadAuthenticator::IsToken("bearer x"));
  EXPECT_FALSE(WorkloadAuthenticator::IsToken("Bearer vk_abc"));
  EXPECT_FALSE(WorkloadAuthenticator::IsToken("Basic abc"));
  EXPECT_FALSE(WorkloadAuthenticator::IsToken(""));
}

TEST_F(WorkloadAuthenticatorTest, AVerifiedTokenIsKnownUntilItEnds) {
  ASSERT_TRUE(Open().ok());
  const std::string token = Token(old_, "sa:shop:web", absl::Minutes(10));
  EXPECT_FALSE(Known(token));
  EXPECT_EQ(ReasonFor(token), Reason::kNone);
  EXPECT_TRUE(Known(token));
  clock_.Advance(absl::Minutes(10) + absl::Seconds(29));
  EXPECT_TRUE(Known(token));
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(Known(token));
  EXPECT_EQ(ReasonFor(token), Reason::kCallerInvalid);
  EXPECT_FALSE(Known(token));
}

TEST_F(WorkloadAuthenticatorTest, AChangedPolicyHoldsForTheNextCall) {
  ASSERT_TRUE(Open().ok());
  RunKeeper();
  const std::string token = Token(old_);
  EXPECT_EQ(ReasonFor(token), Reason::kNone);
  WritePolicy(FileIssuer() + R"(rules {
    name: "others" jwt { issuer: "cluster" subject: "sa:other:*" }
    grant { application: "applications/other" rights: RIGHT_CONNECT } })");
  keeper_->Wake();
  ASSERT_TRUE(Eventually([&] { return !Known(token); }));
  EXPECT_EQ(ReasonFor(token), Reason::kCallerDenied);
}

TEST_F(WorkloadAuthenticatorTest, ABadFileLeavesThePolicyAndSaysSo) {
  ASSERT_TRUE(Open().ok());
  RunKeeper();
  const std::string token = Token(old_);
  EXPECT_EQ(ReasonFor(token), Reason::kNone);
  const std::uint64_t before = generation();
  WritePolicy("rules {\n  name: }");
  const auto told =
      AllOf(HasSubstr("stays in force"), HasSubstr("policy.textproto:2"));
  ASSERT_TRUE(
      Eventually([&] { return testing::Value(lines(), Contains(told)); }));
  EXPECT_THAT(metrics_.Export(), HasSubstr("valetkey_caller_policy_current 0"));
  EXPECT_EQ(generation(), before);
  EXPECT_TRUE(Known(token));
  // Keys that cannot be read are no better.
  WritePolicy(IssuerText("jwks_file: \"/nonexistent/jwks.json\"") + kRule);
  ASSERT_TRUE(Eventually([&] {
    return metrics_.Export().find(
               "valetkey_caller_policy_loads_total{result=\"failed\"} 2") !=
           std::string::npos;
  }));
  EXPECT_TRUE(Known(token));
  WritePolicy(FileIssuer() + kRule);
  EXPECT_TRUE(Eventually([&] {
    return metrics_.Export().find("valetkey_caller_policy_current 1") !=
           std::string::npos;
  }));
}

TEST_F(WorkloadAuthenticatorTest, StartErrorsNameFileAndWhatToMend) {
  const auto error = [&](const std::string& text, bool certificates = true) {
    WritePolicy(text);
    return std::string(Open(certificates).message());
  };
  EXPECT_THAT(error("rules {"), HasSubstr("policy.textproto:1: column"));
  EXPECT_THAT(error(IssuerText("jwks_file: \"/nonexistent\"") + kRule),
              AllOf(HasSubstr("issuer cluster"), HasSubstr("/nonexistent")));
  EXPECT_THAT(error("rules { name: \"r\" mtls { common_name: \"c\" } grant { "
                    "application: \"applications/a\" rights: RIGHT_CONNECT } }",
                    false),
              HasSubstr("--tls_client_ca"));
  ASSERT_EQ(::remove(folder_.Path("policy.textproto").c_str()), 0);
  EXPECT_THAT(std::string(Open().message()), HasSubstr("No such file"));
}

TEST_F(WorkloadAuthenticatorTest, CertificatesAreMappedUntilTheyExpire) {
  WritePolicy(R"(rules { name: "billing"
    mtls { spiffe_id: "spiffe://example.org/ns/billing/sa/*" }
    grant { application: "applications/billing" rights: RIGHT_CONNECT } })");
  ASSERT_TRUE(Open().ok());
  clock_.Set(absl::Now());
  TestAuthority authority;
  const std::string pem =
      authority
          .Issue("ignored", "URI:spiffe://example.org/ns/billing/sa/jobs",
                 absl::Minutes(10))
          .certificate_pem;
  const CallerOr caller = Admit("", pem);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->application, "applications/billing");
  EXPECT_EQ((*caller)->subject, "spiffe://example.org/ns/billing/sa/jobs");
  EXPECT_TRUE(callers_->TryAuthenticate("", pem).has_value());
  clock_.Advance(absl::Minutes(11));
  EXPECT_FALSE(callers_->TryAuthenticate("", pem).has_value());
  EXPECT_EQ(ReasonFor("", pem), Reason::kCallerInvalid);
  EXPECT_EQ(ReasonFor("", authority.Issue("billing", "").certificate_pem),
            Reason::kCallerDenied);
}

TEST_F(WorkloadAuthenticatorTest, ACertificateAloneNeedsARuleForCertificates) {
  ASSERT_TRUE(Open().ok());
  TestAuthority authority;
  EXPECT_EQ(ReasonFor("", authority.Issue("web", "").certificate_pem),
            Reason::kApiKeyMissing);
}

TEST_F(WorkloadAuthenticatorTest, TheLogNamesRuleAndSubjectAndNoToken) {
  ASSERT_TRUE(Open().ok());
  const std::string token = Token(old_);
  (void)Admit(token);
  (void)Admit(Token(old_, "sa:other:web"));
  (void)Admit(Token(new_, "sa:forged:web"));
  EXPECT_THAT(lines(),
              Contains(AllOf(HasSubstr("caller admitted"), HasSubstr("web"),
                             HasSubstr("sa:shop:web"),
                             HasSubstr("applications/shop"))));
  EXPECT_THAT(lines(), Contains(AllOf(HasSubstr("caller denied"),
                                      HasSubstr("sa:other:web"))));
  EXPECT_THAT(lines(), Each(Not(HasSubstr("eyJ"))));
  // What was not proven is not worth a line.
  EXPECT_THAT(lines(), Each(Not(HasSubstr("forged"))));
  EXPECT_THAT(metrics_.Export(),
              AllOf(HasSubstr("valetkey_callers_verified_total{kind=\"jwt\","
                              "result=\"admitted\"} 1"),
                    HasSubstr("result=\"denied\"} 1"),
                    HasSubstr("result=\"invalid\"} 1")));
}

TEST(CallerCacheTest, IsBoundedAndForgetsOtherGenerations) {
  CallerCache cache(160);
  const absl::Time now = absl::FromUnixSeconds(1000);
  const auto caller = std::make_shared<const broker::Caller>();
  CallerCache::Digest digest = {};
  for (int i = 0; i < 10'000; ++i) {
    digest[0] = static_cast<unsigned char>(i);
    digest[1] = static_cast<unsigned char>(i >> 8);
    digest.back() = static_cast<unsigned char>(i);
    cache.Put(digest, 1, now + absl::Seconds(10), now, caller);
    ASSERT_NE(cache.Find(digest, 1, now), nullptr);
  }
  EXPECT_LE(cache.size(), 16u * 11);
  EXPECT_EQ(cache.Find(digest, 2, now), nullptr);
  EXPECT_EQ(cache.Find(digest, 1, now + absl::Seconds(10)), nullptr);
}

}  // namespace
}  // namespace valetkey::callers
