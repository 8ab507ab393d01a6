#include "service/catalog/dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace valetkey::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Catalog& BuiltIn() {
  static const auto& catalog = *new absl::StatusOr<Catalog>(Catalog::Load(""));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *catalog;
}

std::vector<std::string> Legs(const std::vector<DryRunRequest>& requests) {
  std::vector<std::string> legs;
  for (const auto& made : requests) legs.push_back(made.leg);
  return legs;
}

TEST(DryRun, PrintsEachLegWithPlaceholders) {
  const auto made = DryRun(*BuiltIn().Find("pinterest"), {});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(Legs(*made), ElementsAre("authorize", "exchange", "verify",
                                       "refresh", "revoke", "revoke"));
  EXPECT_THAT(
      (*made)[0].request.url,
      HasSubstr("https://www.pinterest.com/oauth/?client_id=CLIENT_ID"));
  const std::string* authorization =
      (*made)[1].request.headers.Find("Authorization");
  ASSERT_NE(authorization, nullptr);
  EXPECT_EQ(*authorization, "Basic base64(CLIENT_ID:CLIENT_SECRET)");
  EXPECT_EQ((*made)[3].request.body,
            "grant_type=refresh_token&refresh_token=REFRESH_TOKEN");
}

TEST(DryRun, TakesInputsAndNamesWhatIsWrongWithThem) {
  const auto& shopify = *BuiltIn().Find("shopify");
  DryRunOptions options;
  options.inputs = {{"shop", "https://acme-1.myshopify.com"}};
  const auto made = DryRun(shopify, options);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(absl::StartsWith((*made)[0].request.url,
                               "https://acme-1.myshopify.com/admin/oauth/"));
  options.inputs = {{"shop", "evil.com/"}};
  EXPECT_THAT(DryRun(shopify, options).status().message(),
              HasSubstr("inputs.shop"));
  options.inputs = {{"shap", "acme"}};
  EXPECT_THAT(DryRun(shopify, options).status().message(),
              HasSubstr("inputs.shap"));
}

TEST(DryRun, ShowsTheClaimsOfAJwt) {
  const auto made = DryRun(*BuiltIn().Find("apple"), {});
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string& body = (*made)[1].request.body;
  EXPECT_THAT(body, HasSubstr("client_secret=JWT({\"alg\":\"ES256\""));
  EXPECT_THAT(body, HasSubstr("\"iss\":\"ABCDE12345\""));
  EXPECT_EQ(body.find("eyJ"), std::string::npos);
}

TEST(DryRun, WorksForEveryDefinitionAndEnvironment) {
  for (const auto& definition : BuiltIn().List()) {
    SCOPED_TRACE(definition->id());
    const auto made = DryRun(*definition, {});
    EXPECT_TRUE(made.ok()) << made.status();
    for (const auto& environment : definition->environments()) {
      SCOPED_TRACE(environment.name());
      const auto other =
          DryRun(*BuiltIn().Find(definition->id(), environment.name()), {});
      ASSERT_TRUE(other.ok()) << other.status();
      EXPECT_EQ(Legs(*other), Legs(*made));
    }
  }
}

}  // namespace
}  // namespace valetkey::catalog
