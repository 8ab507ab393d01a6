#include "service/catalog/environment.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace valetkey::catalog {
namespace {

using ::testing::ElementsAre;

Definition FromText(const std::string& text) {
  Definition definition;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &definition));
  return definition;
}

TEST(ApplyEnvironment, ReplacesMergesAndClears) {
  const Definition definition = FromText(
      R"(id: "a" display_name: "A"
         token {
           url: "https://a.example/token" encoding: ENCODING_JSON
           parameters { name: "p" value: "1" }
           parameters { name: "q" value: "2" }
         }
         revocation { unsupported: "no" }
         pkce { support: PKCE_SUPPORT_OFF method_name: "s256" }
         environments {
           name: "sandbox"
           cleared_fields: "revocation"
           cleared_fields: "pkce.method_name"
           cleared_fields: "errors.rules"
           overrides {
             token {
               url: "https://s.example/token"
               parameters { name: "r" value: "3" }
             }
           }
         })");
  const Definition merged =
      ApplyEnvironment(definition, definition.environments(0));
  EXPECT_EQ(merged.token().url(), "https://s.example/token");
  EXPECT_EQ(merged.token().encoding(), ::valetkey::catalog::v1::ENCODING_JSON);
  ASSERT_EQ(merged.token().parameters_size(), 1);
  EXPECT_EQ(merged.token().parameters(0).name(), "r");
  EXPECT_FALSE(merged.has_revocation());
  EXPECT_EQ(merged.pkce().support(), ::valetkey::catalog::v1::PKCE_SUPPORT_OFF);
  EXPECT_EQ(merged.pkce().method_name(), "");
  EXPECT_EQ(merged.environments_size(), 0);
  EXPECT_EQ(merged.display_name(), "A");
  // The original is as it was.
  EXPECT_EQ(definition.token().parameters_size(), 2);
}

TEST(ClearField, RefusesWhatIsNotThere) {
  Definition definition;
  EXPECT_TRUE(ClearField("token.url", definition).ok());
  EXPECT_FALSE(ClearField("tokens", definition).ok());
  EXPECT_FALSE(ClearField("token.colour", definition).ok());
  EXPECT_FALSE(ClearField("scopes.name", definition).ok());
  EXPECT_FALSE(ClearField("", definition).ok());
  EXPECT_FALSE(ClearField("token.", definition).ok());
}

}  // namespace
}  // namespace valetkey::catalog
