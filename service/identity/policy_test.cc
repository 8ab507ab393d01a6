#include "service/identity/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/status.h"
#include "service/net/http/test_certificates.h"

namespace valetkey::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kIssuer[] = R"(issuers {
  name: "cluster" issuer: "https://cluster.example" audiences: "valetkey"
  jwks_file: "/etc/jwks.json"
}
)";
constexpr char kGrant[] =
    R"(grant { application: "applications/shop" rights: RIGHT_READ_TOKENS })";

std::string RuleText(absl::string_view name, absl::string_view match) {
  return absl::StrCat("rules { name: \"", name, "\" ", match, " ", kGrant,
                      " }\n");
}
std::string JwtRule(absl::string_view name, absl::string_view subject,
                    absl::string_view more = "") {
  return RuleText(name, absl::StrCat(R"(jwt { issuer: "cluster" subject: ")",
                                     subject, "\" ", more, " }"));
}

std::shared_ptr<const Policy> Good(const std::string& text) {
  const auto policy = Policy::Parse("p", text);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *policy : nullptr;
}
std::string ErrorOf(const std::string& text) {
  const auto policy = Policy::Parse("callers.textproto", text);
  if (policy.ok()) return "";
  EXPECT_EQ(ReasonOf(policy.status()), Reason::kFieldInvalid);
  return std::string(policy.status().message());
}

JwtIdentity Who(const std::string& subject, const std::string& claims = "{}") {
  return {
      "cluster", subject,
      std::make_shared<const nlohmann::json>(nlohmann::json::parse(claims))};
}
std::string MatchOf(const Policy& policy, const JwtIdentity& who) {
  const Rule* rule = policy.Match(who);
  return rule == nullptr ? "" : rule->name;
}

TEST(PatternTest, StarsStandForPartsAndDoubleStarsForAll) {
  const auto matches = [](const char* pattern, const char* text) {
    return Pattern(pattern, "/:").Matches(text);
  };
  EXPECT_TRUE(matches("a:b", "a:b"));
  EXPECT_FALSE(matches("a:b", "a:b "));
  EXPECT_TRUE(matches("a:*", "a:b"));
  EXPECT_FALSE(matches("a:*", "a:"));
  EXPECT_FALSE(matches("a:*", "a:b:c"));
  EXPECT_FALSE(matches("a:*", "a:b/c"));
  EXPECT_TRUE(matches("a:**", "a:b:c/d"));
  EXPECT_FALSE(matches("a:**", "a:"));
  EXPECT_TRUE(matches("*:x:*", "a:x:b"));
  EXPECT_TRUE(matches("a*c*e", "abbcdde"));
  EXPECT_FALSE(matches("a*c*e", "abbcdd"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("*", ""));
  EXPECT_TRUE(matches("repo:org/app:**", "repo:org/app:ref:refs/heads/main"));
  EXPECT_FALSE(matches("repo:org/app:**", "repo:org/app2:ref:x"));
}

TEST(PatternTest, ManyStarsCostNoMoreThanTheirProduct) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "**a";
  EXPECT_FALSE(Pattern(pattern, "").Matches(std::string(2000, 'a') + "b"));
}

TEST(PolicyTest, ReadsAWholeFile) {
  const auto policy = Good(R"(
issuers {
  name: "cluster"
  issuer: "https://cluster.example/"
  audiences: "valetkey"
  audiences: "vk"
  discovery: true
  ca_file: "/ca.crt"
  bearer_token_file: "/token"
  algorithms: ALGORITHM_RS256
  algorithms: ALGORITHM_EDDSA
  clock_skew { seconds: 5 }
  refresh_interval { seconds: 60 }
  keep_keys { seconds: 3600 }
}
rules {
  name: "shop"
  jwt { issuer: "cluster" subject: "s:*" claims { key: "a.b" value: "c" } }
  grant {
    application: "applications/shop"
    rights: RIGHT_READ_TOKENS
    rights: RIGHT_ADMINISTER
  }
}
)");
  ASSERT_NE(policy, nullptr);
  const Issuer& issuer = policy->issuers()[0];
  EXPECT_EQ(issuer.keys.url,
            "https://cluster.example/.well-known/openid-configuration");
  EXPECT_TRUE(issuer.keys.discovery);
  EXPECT_EQ(issuer.expected.clock_skew, absl::Seconds(5));
  EXPECT_EQ(issuer.keys.refresh_interval, absl::Minutes(1));
  EXPECT_EQ(issuer.keys.keep_keys, absl::Hours(1));
  EXPECT_THAT(issuer.expected.algorithms,
              ElementsAre(Algorithm::kRs256, Algorithm::kEdDsa));
  EXPECT_EQ(policy->FindIssuer("https://cluster.example/"), &issuer);
  EXPECT_EQ(policy->FindIssuer("https://cluster.example"), nullptr);
  const Rule& rule = policy->rules()[0];
  EXPECT_EQ(rule.application, "applications/shop");
  EXPECT_EQ(rule.rights, 2u | 16u);
  EXPECT_THAT(rule.right_names,
              ElementsAre("RIGHT_READ_TOKENS", "RIGHT_ADMINISTER"));
  EXPECT_FALSE(policy->uses_certificates());
}

TEST(PolicyTest, TheFirstRuleThatMatchesDecides) {
  const auto policy = Good(
      absl::StrCat(kIssuer, JwtRule("web", "system:serviceaccount:shop:web"),
                   JwtRule("shop", "system:serviceaccount:shop:*"),
                   JwtRule("never", "system:serviceaccount:shop:web")));
  EXPECT_EQ(MatchOf(*policy, Who("system:serviceaccount:shop:web")), "web");
  EXPECT_EQ(MatchOf(*policy, Who("system:serviceaccount:shop:job")), "shop");
  EXPECT_EQ(MatchOf(*policy, Who("system:serviceaccount:shop2:web")), "");
  JwtIdentity stranger = Who("system:serviceaccount:shop:web");
  stranger.issuer = "other";
  EXPECT_EQ(MatchOf(*policy, stranger), "");
}

TEST(PolicyTest, AllClaimsMustHold) {
  const auto policy = Good(absl::StrCat(
      kIssuer,
      JwtRule("r", "**",
              R"(claims { key: "kubernetes.io.namespace" value: "shop" }
                 claims { key: "groups" value: "dev*" })")));
  EXPECT_EQ(MatchOf(*policy, Who("s", R"({"kubernetes.io":
      {"namespace":"shop"},"groups":["ops","developers"]})")),
            "r");
  EXPECT_EQ(MatchOf(*policy, Who("s", R"({"kubernetes.io":
      {"namespace":"shop"},"groups":["ops"]})")),
            "");
  EXPECT_EQ(MatchOf(*policy, Who("s", R"({"groups":"dev1"})")), "");
  EXPECT_EQ(MatchOf(*policy, Who("s")), "");
}

TEST(PolicyTest, AClaimThatCouldBeTwoIsNone) {
  const auto texts = [](const char* claims, const char* path) {
    return ClaimTexts(nlohmann::json::parse(claims), path);
  };
  EXPECT_THAT(texts(R"({"a":{"b":"c"}})", "a.b"), ElementsAre("c"));
  EXPECT_THAT(texts(R"({"a.b":"c"})", "a.b"), ElementsAre("c"));
  EXPECT_THAT(texts(R"({"a.b":"c","a":{"b":"c"}})", "a.b"), IsEmpty());
  EXPECT_THAT(texts(R"({"a":{"b":true}})", "a.b"), ElementsAre("true"));
  EXPECT_THAT(texts(R"({"a":[1,"x",{"y":1}]})", "a"), ElementsAre("1", "x"));
  EXPECT_THAT(texts(R"({"a":{}})", "a"), IsEmpty());
  EXPECT_THAT(texts(R"({"a":null})", "a"), IsEmpty());
}

TEST(PolicyTest, ExplainsEachRuleUpToTheOneThatMatches) {
  const auto policy = Good(absl::StrCat(
      kIssuer, RuleText("mesh", R"(mtls { dns_name: "a.example" })"),
      JwtRule("one", "s:1"), JwtRule("two", "s:*"), JwtRule("three", "s:2")));
  const std::vector<Verdict> verdicts = policy->Explain(Who("s:2"));
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_THAT(verdicts[0].why_not, HasSubstr("DNS name"));
  EXPECT_EQ(verdicts[1].why_not, "subject: is \"s:2\", expected \"s:1\"");
  EXPECT_EQ(verdicts[2].why_not, "");
  EXPECT_EQ(policy->Explain(Who("t")).size(), 4u);
}

TEST(PolicyTest, ErrorsNameFileLineAndField) {
  EXPECT_THAT(ErrorOf("rules {\n  name: 7\n}"),
              HasSubstr("callers.textproto:2: column"));
  EXPECT_THAT(ErrorOf("nonsense: 1"), HasSubstr("callers.textproto:1:"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("rules: expected"));
  EXPECT_THAT(ErrorOf(std::string(kIssuer)), HasSubstr("rules: expected"));
  const std::string good = absl::StrCat(kIssuer, JwtRule("r", "s"));
  EXPECT_EQ(ErrorOf(good), "");
  struct {
    const char* what;
    const char* with;
    const char* error;
  } const kCases[] = {
      {"name: \"cluster\"", "name: \"C l\"", ":2: issuers[0].name"},
      {"issuer: \"https://cluster.example\"", "", "issuers[0].issuer"},
      {"audiences: \"valetkey\"", "", "issuers[0].audiences"},
      {"audiences: \"valetkey\"", "audiences: \"\"", "issuers[0].audiences"},
      {"jwks_file: \"/etc/jwks.json\"", "", ":1: issuers[0].jwks_file"},
      {"jwks_file: \"/etc/jwks.json\"", "jwks_url: \"http://a.example/\"",
       ":3: issuers[0].jwks_url: expected an https URL"},
      {"jwks_file: \"/etc/jwks.json\"", "jwks_url: \"file:///etc/passwd\"",
       "issuers[0].jwks_url"},
      {"jwks_file: \"/etc/jwks.json\"", "discovery: false",
       "issuers[0].jwks_file"},
      {"jwks_file:", "ca_file: \"/ca\" jwks_file:", "issuers[0].ca_file"},
      {"jwks_file:", "clock_skew { seconds: 301 } jwks_file:",
       "issuers[0].clock_skew: expected 0 to 5m"},
      {"jwks_file:", "clock_skew { seconds: -1 } jwks_file:",
       "issuers[0].clock_skew"},
      {"jwks_file:", "refresh_interval { seconds: 1 } jwks_file:",
       "issuers[0].refresh_interval"},
      {"jwks_file:", "keep_keys { seconds: 1 } jwks_file:",
       "issuers[0].keep_keys"},
      {"jwks_file:", "algorithms: ALGORITHM_UNSPECIFIED jwks_file:",
       "issuers[0].algorithms[0]"},
      {"name: \"r\"", "name: \"\"", "rules[0].name"},
      {"issuer: \"cluster\" ", "issuer: \"x\" ", "rules[0].jwt.issuer"},
      {"subject: \"s\"", "", "rules[0].jwt.subject"},
      {"subject: \"s\"", "subject: \"a***\"", "rules[0].jwt.subject"},
      {"subject: \"s\"", "subject: \"s\" claims { key: \"a\" value: \"\" }",
       "rules[0].jwt.claims"},
      {"applications/shop", "shop", "rules[0].grant.application"},
      {"rights: RIGHT_READ_TOKENS", "", "rules[0].grant.rights"},
      {"RIGHT_READ_TOKENS", "RIGHT_UNSPECIFIED", "rules[0].grant.rights[0]"},
      {"RIGHT_READ_TOKENS", "RIGHT_FLY", "callers.textproto:5: column"},
      {kGrant, "", "rules[0].grant"},
  };
  for (const auto& test : kCases) {
    std::string text = good;
    const std::size_t at = text.find(test.what);
    ASSERT_NE(at, text.npos) << test.what;
    text.replace(at, std::string(test.what).size(), test.with);
    EXPECT_THAT(ErrorOf(text), HasSubstr(test.error)) << text;
  }
  EXPECT_THAT(ErrorOf(absl::StrCat(good, JwtRule("r", "t"))),
              HasSubstr("each name once"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kIssuer, good)),
              HasSubstr("each issuer once"));
}

TEST(PolicyTest, CertificateNamesAreChecked) {
  const auto error = [](const char* match) {
    return ErrorOf(RuleText("r", absl::StrCat("mtls { ", match, " }")));
  };
  EXPECT_EQ(error(R"(spiffe_id: "spiffe://example.org/ns/shop/sa/*")"), "");
  EXPECT_EQ(error(R"(spiffe_id: "spiffe://example.org/**")"), "");
  EXPECT_EQ(error(R"(dns_name: "*.example.org")"), "");
  EXPECT_EQ(error(R"(common_name: "billing")"), "");
  for (const char* match :
       {"", R"(spiffe_id: "spiffe://*/ns/shop")", R"(spiffe_id: "**")",
        R"(spiffe_id: "spiffe://example.org")",
        R"(spiffe_id: "spiffe://example.org/")",
        R"(spiffe_id: "https://example.org/a")",
        R"(spiffe_id: "spiffe://Example.org/a")",
        R"(spiffe_id: "spiffe://example.org/a/../b")", R"(dns_name: "")",
        R"(common_name: "")"}) {
    EXPECT_THAT(error(match), HasSubstr("rules[0].mtls")) << match;
  }
}

TEST(CertificateTest, NamesAreThoseOfTheStandards) {
  TestAuthority authority;
  const auto names = [&](const std::string& cn, const std::string& san) {
    const auto read =
        ReadCertificateNames(authority.Issue(cn, san).certificate_pem);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : CertificateNames();
  };
  const CertificateNames one =
      names("web", "URI:spiffe://example.org/ns/shop/sa/web,DNS:Web.Example");
  EXPECT_EQ(one.spiffe_id, "spiffe://example.org/ns/shop/sa/web");
  EXPECT_THAT(one.dns_names, ElementsAre("web.example"));
  EXPECT_EQ(one.common_name, "web");
  EXPECT_GT(one.not_after, absl::Now());
  // Two URIs make no SPIFFE ID, whichever comes first.
  EXPECT_EQ(
      names("web", "URI:spiffe://example.org/a,URI:spiffe://evil/b").spiffe_id,
      "");
  EXPECT_EQ(names("web", "URI:https://example.org/a").spiffe_id, "");
  EXPECT_EQ(names("web", "").spiffe_id, "");
  EXPECT_EQ(names("a b", "").common_name, "");
  EXPECT_FALSE(ReadCertificateNames("no certificate").ok());
}

TEST(CertificateTest, SpiffeIdsAreWrittenInOneWay) {
  EXPECT_TRUE(IsSpiffeId("spiffe://example.org/a"));
  EXPECT_TRUE(IsSpiffeId("spiffe://example.org/a/B_c-d.e/1"));
  for (const char* id :
       {"", "spiffe://", "spiffe://example.org", "spiffe://example.org/",
        "spiffe:///a", "spiffe://example.org//a", "spiffe://example.org/a/",
        "spiffe://example.org/./a", "spiffe://example.org/../a",
        "spiffe://example.org/a?b", "spiffe://example.org/a#b",
        "spiffe://example.org:80/a", "spiffe://u@example.org/a",
        "spiffe://example.org/%61", "SPIFFE://example.org/a",
        "spiffe://Example.org/a"}) {
    EXPECT_FALSE(IsSpiffeId(id)) << id;
  }
}

TEST(CertificateTest, EachKindOfNameCountsWhereARuleAsksForIt) {
  CertificateNames names;
  names.spiffe_id = "spiffe://example.org/ns/shop/sa/web";
  names.dns_names = {"web.shop.example", "x"};
  names.common_name = "web";
  const auto matches = [&](const char* match) {
    return Good(RuleText("r", absl::StrCat("mtls { ", match, " }")))
               ->Match(names) != nullptr;
  };
  EXPECT_TRUE(matches(R"(spiffe_id: "spiffe://example.org/ns/shop/sa/*")"));
  EXPECT_FALSE(matches(R"(spiffe_id: "spiffe://example.org/ns/*")"));
  EXPECT_FALSE(matches(R"(spiffe_id: "spiffe://example.com/**")"));
  EXPECT_TRUE(matches(R"(dns_name: "*.SHOP.example")"));
  EXPECT_FALSE(matches(R"(dns_name: "*.example")"));
  EXPECT_FALSE(matches(R"(dns_name: "web")"));
  EXPECT_TRUE(matches(R"(common_name: "web")"));
  EXPECT_FALSE(matches(R"(common_name: "x")"));
}

}  // namespace
}  // namespace valetkey::identity
