#include "service/identity/person.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/status.h"

namespace valetkey::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kIss[] = "https://id.example.com";

std::string RuleText(absl::string_view name, absl::string_view more,
                     absl::string_view issuer = "ops",
                     absl::string_view subject = "**") {
  return absl::StrCat("rules { name: \"", name, "\" jwt { issuer: \"", issuer,
                      "\" subject: \"", subject, "\" ", more,
                      " } grant { application: \"applications/", name,
                      "\" rights: RIGHT_ADMINISTER } }\n");
}

std::string Claim(absl::string_view path, absl::string_view pattern) {
  return absl::StrCat("claims { key: \"", path, "\" value: \"", pattern,
                      "\" }");
}

std::shared_ptr<const Policy> PolicyOf(const std::string& rules) {
  const auto policy = Policy::Parse(
      "p", absl::StrCat("issuers { name: \"ops\" issuer: \"", kIss,
                        "\" audiences: \"portal\" jwks_file: \"/k\" }\n"
                        "issuers { name: \"ci\" issuer: \"https://ci\" "
                        "audiences: \"portal\" jwks_file: \"/k\" }\n",
                        rules));
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *policy;
}

Person PersonWith(const Policy& policy, nlohmann::json claims) {
  claims.update({{"iss", kIss}, {"sub", "ann"}});
  Jwt jwt;
  jwt.claims = std::make_shared<const nlohmann::json>(std::move(claims));
  return PersonOf(jwt, policy, *policy.FindIssuer(kIss));
}

// The matching rule's name, or the reason for none.
std::string Judged(const Person& person, const Policy& policy) {
  const auto rule = JudgePerson(person, policy, *policy.FindIssuer(kIss));
  return rule.ok() ? (*rule)->name
                   : std::string(ReasonName(ReasonOf(rule.status())));
}

TEST(PersonTest, KeepsOnlyWhatRulesLookAt) {
  const auto policy = PolicyOf(RuleText("shop", Claim("groups", "shop-*")) +
                               RuleText("blog", Claim("groups", "blog")) +
                               RuleText("ci", Claim("job", "**"), "ci"));
  const Person person =
      PersonWith(*policy, {{"groups", {"all", "shop-a", "staff", "blog"}},
                           {"job", "j"},
                           {"phone", "1"}});
  EXPECT_THAT(person.claims.at("groups"), ElementsAre("shop-a", "blog"));
  EXPECT_EQ(person.claims.size(), 1u);
  EXPECT_EQ(Judged(person, *policy), "shop");
}

TEST(PersonTest, SurvivesTheCookieWhateverItsClaimsAre) {
  const auto policy = PolicyOf(
      RuleText("shop", Claim("realm.roles", "a") + Claim("ok", "true") +
                           Claim("https://x/y.z", "**") + Claim("n", "7")));
  const Person person = PersonWith(*policy, {{"realm", {{"roles", {"b", "a"}}}},
                                             {"ok", true},
                                             {"n", 7},
                                             {"https://x/y.z", "\"<\\ü"},
                                             {"email", "ann@example.com"}});
  const auto text = EncodePerson(person);
  ASSERT_TRUE(text.ok());
  const auto read = DecodePerson(*text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->name, "ann@example.com");
  EXPECT_EQ(read->email, "ann@example.com");
  EXPECT_EQ(Judged(*read, *policy), "shop");
}

TEST(PersonTest, IsJudgedByThePolicyOfTheMoment) {
  const std::string shop = RuleText("shop", Claim("groups", "shop"));
  const auto before = PolicyOf(shop);
  const Person person = PersonWith(*before, {{"groups", {"shop", "out"}}});
  EXPECT_EQ(Judged(person, *before), "shop");
  // The order, the grants and the subjects may change.
  EXPECT_EQ(Judged(person, *PolicyOf(RuleText("ann", "", "ops", "ann") + shop)),
            "ann");
  EXPECT_EQ(Judged(person, *PolicyOf(RuleText("shop", Claim("groups", "shop"),
                                              "ops", "bob"))),
            "CALLER_DENIED");
  // Other issuers' rules are not about this person.
  EXPECT_EQ(
      Judged(person, *PolicyOf(RuleText("ci", Claim("job", "x"), "ci") + shop)),
      "shop");
}

TEST(PersonTest, ARuleThatAsksForMoreIsNotSteppedOver) {
  const std::string shop = RuleText("shop", Claim("groups", "shop"));
  const Person person =
      PersonWith(*PolicyOf(shop), {{"groups", {"shop", "out"}}});
  // Whether it holds is not known: "out" was not kept.
  for (const std::string& more :
       {RuleText("out", Claim("groups", "out")),
        RuleText("out", Claim("level", "low")),
        RuleText("out", Claim("groups", "shop") + Claim("mfa", "true"))}) {
    EXPECT_EQ(Judged(person, *PolicyOf(more + shop)), "CALLER_INVALID") << more;
  }
  EXPECT_EQ(Judged(person, *PolicyOf(RuleText("ci", "", "ci"))),
            "CALLER_INVALID");
}

TEST(PersonTest, NobodyMatches) {
  const auto policy = PolicyOf(RuleText("shop", Claim("groups", "shop")));
  EXPECT_EQ(Judged(PersonWith(*policy, {{"groups", {"x"}}}), *policy),
            "CALLER_DENIED");
  EXPECT_EQ(Judged(PersonWith(*policy, nlohmann::json::object()), *policy),
            "CALLER_DENIED");
}

TEST(PersonTest, NamesAreBounded) {
  const auto policy = PolicyOf(RuleText("ci", "", "ci"));
  std::string name(127, 'x');
  const Person person = PersonWith(*policy, {{"name", name + "ü and more"},
                                             {"email", std::string(255, 'e')}});
  EXPECT_EQ(person.name, name);  // not half of the next character
  EXPECT_THAT(person.email, IsEmpty());
  EXPECT_EQ(PersonWith(*policy, {{"name", 7}}).name, "ann");
  EXPECT_EQ(PersonWith(*policy, {{"preferred_username", "a"}}).name, "a");
}

TEST(PersonTest, WhatDoesNotFitIsRefused) {
  const auto policy = PolicyOf(RuleText("shop", Claim("groups", "**")));
  nlohmann::json groups = nlohmann::json::array();
  for (int i = 0; i < 300; ++i) groups.push_back(absl::StrCat("group-", i));
  const auto text = EncodePerson(PersonWith(*policy, {{"groups", groups}}));
  EXPECT_EQ(ReasonOf(text.status()), Reason::kCallerInvalid);
  const auto narrow = PolicyOf(RuleText("shop", Claim("groups", "group-7")));
  EXPECT_TRUE(EncodePerson(PersonWith(*narrow, {{"groups", groups}})).ok());
}

TEST(PersonTest, WhatIsNoPerson) {
  for (const char* text :
       {"", "{}", "[]", R"({"iss":"i","sub":"s","asked":"a"})",
        R"({"iss":"i","sub":"s","asked":"a","claims":[]})",
        R"({"iss":"i","sub":"s","asked":"a","claims":{"g":"x"}})",
        R"({"iss":"i","sub":"s","asked":"a","claims":{"g":[7]}})",
        R"({"iss":"i","sub":"","asked":"a","claims":{}})"}) {
    EXPECT_FALSE(DecodePerson(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace valetkey::identity
