// What the built-in definitions must say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "service/catalog/catalog.h"
#include "service/oauth/template.h"

namespace valetkey::catalog {
namespace {

using ::testing::ElementsAre;
using ::valetkey::catalog::v1::PKCE_SUPPORT_SUPPORTED;
using ::valetkey::catalog::v1::SCOPE_MODE_NONE;

const Catalog& BuiltIn() {
  static const auto& catalog = *new absl::StatusOr<Catalog>(Catalog::Load(""));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *catalog;
}

TEST(BuiltIn, EveryEntryHasWhatAPortalShows) {
  for (const auto& definition : BuiltIn().List()) {
    SCOPED_TRACE(definition->id());
    EXPECT_FALSE(definition->summary().empty());
    EXPECT_FALSE(definition->links().empty());
    EXPECT_EQ(definition->properties_size(), 5);
    EXPECT_GE(definition->setup_steps_size(), 4);
    EXPECT_FALSE(definition->notes().empty());
    // Whether tokens can be revoked is said, one way or the other.
    EXPECT_TRUE(definition->has_revocation());
    EXPECT_NE(definition->pkce().support(), 0);
    for (const auto& note : definition->notes()) {
      EXPECT_FALSE(note.source().empty()) << note.text();
      EXPECT_NE(note.confidence(), 0) << note.text();
    }
    for (const auto& scope : definition->scopes()) {
      EXPECT_FALSE(scope.description().empty()) << scope.name();
      EXPECT_EQ(scope.needs_approval(), !scope.approval_note().empty())
          << scope.name();
    }
  }
}

TEST(BuiltIn, HoldsTheProvidersThatPeopleUse) {
  EXPECT_GE(BuiltIn().List().size(), 150u);
  // These have their scopes described, one by one.
  for (const char* id :
       {"pinterest", "google",     "microsoft", "github",   "gitlab",
        "slack",     "salesforce", "hubspot",   "x",        "linkedin",
        "facebook",  "instagram",  "tiktok",    "reddit",   "spotify",
        "dropbox",   "box",        "zoom",      "jira",     "confluence",
        "asana",     "linear",     "figma",     "shopify",  "stripe",
        "square",    "quickbooks", "xero",      "discord",  "twitch",
        "airtable",  "monday",     "zendesk",   "docusign", "strava",
        "fitbit"}) {
    const auto definition = BuiltIn().Find(id);
    ASSERT_NE(definition, nullptr) << id;
    EXPECT_GE(definition->scopes_size(), 2) << id;
  }
  // These have none.
  for (const char* id : {"notion", "intercom", "mailchimp"}) {
    const auto definition = BuiltIn().Find(id);
    ASSERT_NE(definition, nullptr) << id;
    EXPECT_EQ(definition->authorization().scope_mode(), SCOPE_MODE_NONE);
  }
}

bool NamesHost(const oauth::Definition& definition, const std::string& input) {
  for (const std::string& url :
       {definition.authorization().url(), definition.token().url(),
        definition.refresh().url(), definition.verification().url(),
        definition.api_base_url()}) {
    const auto variables = oauth::HostVariables(url);
    if (variables.ok() && std::find(variables->begin(), variables->end(),
                                    "input." + input) != variables->end()) {
      return true;
    }
  }
  return false;
}

// A code, the client secret and tokens go to a host that these name. Whoever
// adds one to the list has thought about who can have a name under its
// allowed_hosts, and writes that into docs/providers.md.
TEST(BuiltIn, PeopleNameHostsWhereThatWasThoughtAbout) {
  std::vector<std::string> named;
  for (const auto& definition : BuiltIn().List()) {
    for (const auto& input : definition->inputs()) {
      if (input.source() != catalog::v1::INPUT_SOURCE_OPERATOR &&
          NamesHost(*definition, input.name())) {
        named.push_back(definition->id());
        for (const std::string& host : definition->allowed_hosts()) {
          EXPECT_NE(host, "**") << definition->id();
        }
      }
    }
  }
  EXPECT_THAT(
      named,
      ElementsAre("adobe-sign", "amazon-selling-partner", "bamboohr", "egnyte",
                  "exact-online", "gorgias", "lightspeed-retail",
                  "nationbuilder", "shopify", "zendesk", "zoho", "zoho"));
}

TEST(Pinterest, OffersNineteenScopes) {
  const auto pinterest = BuiltIn().Find("pinterest");
  ASSERT_NE(pinterest, nullptr);
  std::vector<std::string> offered, advanced, approval;
  for (const auto& scope : pinterest->scopes()) {
    (scope.advanced() ? advanced : offered).push_back(scope.name());
    if (scope.needs_approval()) approval.push_back(scope.name());
  }
  EXPECT_THAT(offered,
              ElementsAre("boards:read", "boards:write", "pins:read",
                          "pins:write", "user_accounts:read", "ads:read",
                          "ads:write", "catalogs:read", "catalogs:write"));
  EXPECT_EQ(advanced.size(), 10u);
  EXPECT_NE(std::find(approval.begin(), approval.end(), "ads:read"),
            approval.end());
  EXPECT_EQ(pinterest->pkce().support(), PKCE_SUPPORT_SUPPORTED);
  EXPECT_EQ(pinterest->setup_steps_size(), 5);
}

TEST(Pinterest, SandboxHasOtherHostsAndTheSameConsentPage) {
  const auto production = BuiltIn().Find("pinterest");
  const auto sandbox = BuiltIn().Find("pinterest", "sandbox");
  ASSERT_NE(sandbox, nullptr);
  EXPECT_EQ(sandbox->authorization().url(), production->authorization().url());
  for (const std::string& url :
       {sandbox->token().url(), sandbox->verification().url(),
        sandbox->api_base_url(), sandbox->revocation().steps(0).url(),
        sandbox->revocation().steps(1).url()}) {
    EXPECT_EQ(url.rfind("https://api-sandbox.pinterest.com/v5", 0), 0u) << url;
  }
  EXPECT_EQ(sandbox->revocation().not_supported_size(), 1);
  EXPECT_EQ(sandbox->token().parameters(0).name(), "continuous_refresh");
}

}  // namespace
}  // namespace valetkey::catalog
