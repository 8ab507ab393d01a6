// Secret inputs: sealed, used, and never shown.

#include "service/broker/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "service/broker/admin_harness.h"
#include "service/broker/shapes_harness.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

// An operator's key, and one that each person brings.
constexpr char kKeyed[] = R"pb(
  id: "keyed"
  display_name: "Keyed"
  category: CATEGORY_CRM
  inputs {
    name: "site_key"
    display_name: "Site key"
    source: INPUT_SOURCE_OPERATOR
    pattern: "[a-z0-9-]+"
    secret: true
  }
  inputs {
    name: "region"
    display_name: "Region"
    source: INPUT_SOURCE_OPERATOR
    allowed_values: "eu"
    default_value: "eu"
  }
  inputs {
    name: "own_key"
    display_name: "Your key"
    source: INPUT_SOURCE_USER
    pattern: "[a-z0-9-]+"
    strip_prefixes: "key:"
    secret: true
  }
  authorization { url: "https://keyed.example/authorize" }
  client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
  token {
    url: "https://keyed.example/token"
    headers { name: "X-Site-Key" value: "{input.site_key}" }
    headers { name: "X-Own-Key" value: "{input.own_key}" }
  }
  verification {
    url: "https://keyed.example/me?key={input.own_key}"
    id_pointer: "/id"
  }
  revocation {
    steps {
      url: "https://keyed.example/revoke"
      token: REVOKED_TOKEN_ACCESS
      parameters { name: "key" value: "{input.own_key}" }
    }
  }
)pb";

class InputsTest : public ::testing::Test {
 protected:
  InputsTest() {
    AddDefinition(harness_, "keyed", kKeyed);
    definition_ = harness_.catalog->Find("keyed");
  }

  Inputs Sealed(const std::string& owner, const Inputs& given,
                const Inputs& before = {}) {
    auto kept =
        SealInputs(*definition_, *harness_.sealer, owner, given, before);
    EXPECT_TRUE(kept.ok()) << kept.status();
    return *std::move(kept);
  }

  BrokerHarness harness_;
  std::shared_ptr<const catalog::Definition> definition_;
};

TEST_F(InputsTest, AreSealedWhereTheDefinitionSaysSo) {
  const Inputs kept = Sealed("owner", {{"site_key", "s-1"}, {"region", "eu"}});
  EXPECT_THAT(kept, ElementsAre(Key("region"), Key("site_key#sealed")));
  EXPECT_FALSE(IsSealedInput("region"));
  EXPECT_TRUE(IsSealedInput("site_key#sealed"));
  EXPECT_TRUE(HasInput(kept, "site_key"));
  EXPECT_THAT(kept.at("site_key#sealed"), Not(HasSubstr("s-1")));
  oauth::Client client;
  ASSERT_TRUE(OpenInputs(*harness_.sealer, "owner", kept, client).ok());
  EXPECT_THAT(client.inputs, ElementsAre(Key("region")));
  EXPECT_EQ(client.secret_inputs.at("site_key").Reveal(), "s-1");
  // What is copied to another row does not open.
  EXPECT_FALSE(OpenInputs(*harness_.sealer, "other", kept, client).ok());
}

TEST_F(InputsTest, StayUnlessTheyAreGivenAnew) {
  const Inputs kept = Sealed("owner", {{"site_key", "s-1"}});
  EXPECT_EQ(Sealed("owner", {}, kept), kept);
  const Inputs renewed = Sealed("owner", {{"site_key", "s-2"}}, kept);
  oauth::Client client;
  ASSERT_TRUE(OpenInputs(*harness_.sealer, "owner", renewed, client).ok());
  EXPECT_EQ(client.secret_inputs.at("site_key").Reveal(), "s-2");
}

TEST_F(InputsTest, AWrongOneIsNamedAndNotQuoted) {
  const auto kept = SealInputs(*definition_, *harness_.sealer, "owner",
                               {{"site_key", "S3CRET!"}}, {});
  EXPECT_EQ(FieldOf(kept.status()), "inputs.site_key");
  EXPECT_EQ(kept.status().ToString().find("S3CRET"), std::string::npos);
}

// Consent, refresh, another consent without the key, and revocation.
TEST_F(InputsTest, ArePresentedToTheProviderAndQuotedByNobody) {
  bool refuse = false;
  harness_.http.SetHandler([&](const HttpRequest& request) {
    if (absl::StrContains(request.url, "/token")) {
      const std::string* site = request.headers.Find("X-Site-Key");
      const std::string* own = request.headers.Find("X-Own-Key");
      if (site == nullptr || *site != "site-1" || own == nullptr ||
          *own != "own-1") {
        return FakeHttpClient::Answer(400, R"({"error":"invalid_request"})");
      }
      if (refuse) {
        return FakeHttpClient::Answer(
            400,
            R"({"error":"invalid_scope","error_description":"not own-1"})");
      }
      return FakeHttpClient::Answer(
          200, R"({"access_token":"t","expires_in":600,"refresh_token":"r"})");
    }
    if (absl::EndsWith(request.url, "/me?key=own-1")) {
      return FakeHttpClient::Answer(200, R"({"id":"9"})");
    }
    return FakeHttpClient::Answer(
        absl::StrContains(request.body, "key=own-1") ? 200 : 400, "{}");
  });
  const std::string provider = AddProvider(
      harness_, "keyed",
      Sealed("applications/shop/providers/keyed", {{"site_key", "site-1"}}));
  auto connected =
      ConnectTo(harness_, provider, {}, {{"own_key", "key:own-1"}});
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string name = connected->connection;
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness_.Stored(name).account_id == "9"; }));
  for (const auto& [key, value] : harness_.Stored(name).inputs) {
    EXPECT_TRUE(IsSealedInput(key)) << key;
    EXPECT_EQ(value.find("own-1"), std::string::npos);
  }
  ASSERT_TRUE(harness_.Refresh(name).ok());

  AuthorizeParameters again;
  again.provider = provider;
  again.connection = name;
  auto authorized = harness_.Run(harness_.broker->Authorize(again));
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  EXPECT_EQ(authorized->authorization_uri.find("own"), std::string::npos);
  const auto renewed = harness_.Exchange(authorized->state, "code-2");
  ASSERT_TRUE(renewed.ok()) << renewed.status();

  refuse = true;
  const auto refused = harness_.Refresh(name);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kProviderRequestRejected);
  EXPECT_EQ(refused.status().ToString().find("own-1"), std::string::npos)
      << refused.status();
  auto revoked = harness_.Revoke(name);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  ASSERT_EQ(revoked->items.size(), 1u);
  EXPECT_EQ(revoked->items[0].result, 1) << revoked->items[0].detail;
}

}  // namespace
}  // namespace valetkey::broker
