// Providers of other shapes than Pinterest, through the whole broker: two
// tokens in one answer, and tokens that never expire.

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/broker/broker_harness.h"
#include "service/broker/rules.h"
#include "service/broker/shapes_harness.h"

namespace valetkey::broker {
namespace {

TEST(ShapesTest, SlackGivesTwoTokensEachRenewedByItself) {
  BrokerHarness harness;
  const std::string provider = AddProvider(harness, "slack");
  harness.http.SetHandler([](const HttpRequest& request) {
    const QueryParameters form = ParseQuery(request.body);
    const std::string* refresh = FindParameter(form, "refresh_token");
    if (refresh == nullptr) {
      if (!absl::StrContains(request.url, "oauth.v2.access")) {
        return FakeHttpClient::Answer(200, R"({"ok":false,"error":"x"})");
      }
      return FakeHttpClient::Answer(
          200,
          R"({"ok":true,"access_token":"xoxe.xoxb-1","token_type":"bot",
              "scope":"chat:write","expires_in":43200,
              "refresh_token":"xoxe-b1","team":{"id":"T1","name":"Team"},
              "authed_user":{"id":"U1","scope":"search:read",
                "access_token":"xoxe.xoxp-1","token_type":"user",
                "expires_in":43200,"refresh_token":"xoxe-p1"}})");
    }
    if (*refresh == "xoxe-p1") {
      return FakeHttpClient::Answer(
          200, R"({"ok":true,"access_token":"xoxe.xoxp-2","token_type":"user",
                   "scope":"search:read","expires_in":43200,
                   "refresh_token":"xoxe-p2"})");
    }
    if (*refresh == "xoxe-b1") {
      return FakeHttpClient::Answer(
          200, R"({"ok":true,"access_token":"xoxe.xoxb-2","token_type":"bot",
                   "scope":"chat:write","expires_in":43200,
                   "refresh_token":"xoxe-b2"})");
    }
    return FakeHttpClient::Answer(
        200, R"({"ok":false,"error":"invalid_refresh_token"})");
  });
  auto connected =
      ConnectTo(harness, provider, {"chat:write", "user:search:read"});
  ASSERT_TRUE(connected.ok()) << connected.status();
  EXPECT_TRUE(connected->missing_scopes.empty());
  const std::string name = connected->connection;
  EXPECT_EQ(Token(harness, name, ""), "xoxe.xoxb-1");
  EXPECT_EQ(Token(harness, name, "user"), "xoxe.xoxp-1");
  EXPECT_EQ(harness.Stored(name).metadata["team_id"], "T1");

  RefreshParameters user;
  user.name = name;
  user.token = "user";
  auto renewed = harness.Run(
      harness.broker->Refresh(user, absl::Now() + absl::Seconds(20)));
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->token->access_token.Reveal(), "xoxe.xoxp-2");
  EXPECT_EQ(Token(harness, name, ""), "xoxe.xoxb-1");
  EXPECT_EQ(Token(harness, name, "user"), "xoxe.xoxp-2");
  ASSERT_TRUE(harness.Refresh(name).ok());
  EXPECT_EQ(Token(harness, name, ""), "xoxe.xoxb-2");
  EXPECT_EQ(Token(harness, name, "user"), "xoxe.xoxp-2");
  EXPECT_EQ(harness.Stored(name).scopes.size(), 2u);

  // An error in a 200 is an error.
  user.generation = 0;
  harness.http.Enqueue(FakeHttpClient::Answer(
      200, R"({"ok":false,"error":"invalid_refresh_token"})"));
  EXPECT_EQ(ReasonOf(harness
                         .Run(harness.broker->Refresh(
                             user, absl::Now() + absl::Seconds(20)))
                         .status()),
            Reason::kReauthorizationRequired);
  GetTokenParameters none;
  none.name = name;
  none.token = "other";
  EXPECT_EQ(ReasonOf(harness.GetToken(none).status()), Reason::kTokenNotFound);
}

TEST(ShapesTest, GitHubAnswersInAFormAndItsTokensDoNotExpire) {
  BrokerHarness harness;
  const std::string provider = AddProvider(harness, "github");
  harness.http.SetHandler([](const HttpRequest& request) {
    if (absl::StrContains(request.url, "/access_token")) {
      return FakeHttpClient::Answer(
          200, "access_token=gho_1&scope=read%3Auser&token_type=bearer",
          "application/x-www-form-urlencoded");
    }
    if (request.method == "DELETE") return FakeHttpClient::Answer(204, "");
    return FakeHttpClient::Answer(200, R"({"id":17,"login":"ann"})");
  });
  auto connected = ConnectTo(harness, provider, {"read:user"});
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string name = connected->connection;
  harness.clock.Advance(absl::Hours(24 * 365 * 5));
  EXPECT_EQ(Token(harness, name, ""), "gho_1");
  EXPECT_FALSE(harness.Stored(name).due_time.has_value());
  EXPECT_EQ(ReasonOf(harness.Refresh(name).status()),
            Reason::kRefreshUnsupported);
  EXPECT_EQ(harness.Stored(name).state, store::ConnectionState::kActive);
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).account_id == "17"; }));
  auto revoked = harness.Revoke(name);
  ASSERT_TRUE(revoked.ok());
  ASSERT_EQ(revoked->items.size(), 1u);
  EXPECT_EQ(revoked->items[0].result, 1) << revoked->items[0].detail;
}

// The account is asked of the tenant's own host, and what the answers of the
// two look-ups keep is the connection's.
TEST(ShapesTest, AccountAndTenantAreLearnedWithTheConnectionsInputs) {
  BrokerHarness harness;
  const std::string provider = AddProvider(harness, "zendesk");
  harness.http.SetHandler([](const HttpRequest& request) {
    if (request.url == "https://acme.zendesk.com/api/v2/users/me.json") {
      return FakeHttpClient::Answer(200, R"({"user":{"id":35}})");
    }
    return FakeHttpClient::Answer(200, R"({"access_token":"t"})");
  });
  AuthorizeParameters parameters;
  parameters.provider = provider;
  parameters.subject = "ann";
  parameters.inputs = {{"subdomain", "acme"}};
  auto authorized = harness.Run(harness.broker->Authorize(parameters));
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  auto connected = harness.Exchange(authorized->state, "code");
  ASSERT_TRUE(connected.ok()) << connected.status();
  EXPECT_TRUE(BrokerHarness::Eventually([&] {
    return harness.Stored(connected->connection).account_id == "35";
  }));
}

TEST(ShapesTest, TheFirstTenantIsKept) {
  BrokerHarness harness;
  const std::string provider = AddProvider(harness, "jira");
  harness.http.SetHandler([](const HttpRequest& request) {
    if (absl::EndsWith(request.url, "/accessible-resources")) {
      return FakeHttpClient::Answer(
          200, R"([{"id":"cloud-1","url":"https://a.example"}])");
    }
    if (absl::EndsWith(request.url, "/me")) {
      return FakeHttpClient::Answer(403, "{}");
    }
    return FakeHttpClient::Answer(200, R"({"access_token":"t"})");
  });
  auto connected = ConnectTo(harness, provider, {"read:jira-work"});
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string name = connected->connection;
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).metadata["tenant_id"] == "cloud-1"; }));
  EXPECT_EQ(harness.Stored(name).metadata["tenant_name"], "https://a.example");
  EXPECT_EQ(harness.Stored(name).account_id, "");
}

// Google: one refresh token for all time, and access tokens with a number.
void SimulateGoogle(BrokerHarness& harness) {
  harness.http.SetHandler([number = 0](const HttpRequest& request) mutable {
    if (absl::StrContains(request.url, "/revoke")) {
      return FakeHttpClient::Answer(200, "{}");
    }
    if (!absl::StrContains(request.url, "/token")) {
      return FakeHttpClient::Answer(200, R"({"sub":"9","name":"Ann"})");
    }
    ++number;
    const bool first = absl::StrContains(request.body, "authorization_code");
    return FakeHttpClient::Answer(
        200, "{\"access_token\":\"ya29." + std::to_string(number) +
                 "\",\"expires_in\":3599,\"token_type\":\"Bearer\","
                 "\"scope\":\"openid\"" +
                 (first ? ",\"refresh_token\":\"1//r\"" : "") + "}");
  });
}

TEST(ShapesTest, GoogleKeepsItsRefreshTokenAndIsRevoked) {
  BrokerHarness harness;
  const std::string provider = AddProvider(harness, "google");
  SimulateGoogle(harness);
  auto connected = ConnectTo(harness, provider, {"openid"});
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string name = connected->connection;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(harness.Refresh(name).ok());
  EXPECT_EQ(Token(harness, name, ""), "ya29.4");
  for (const HttpRequest& request : harness.http.requests()) {
    if (absl::StrContains(request.body, "grant_type=refresh_token")) {
      EXPECT_TRUE(absl::StrContains(request.body, "refresh_token=1%2F%2Fr"));
    }
  }
  auto revoked = harness.Revoke(name);
  ASSERT_TRUE(revoked.ok());
  for (const store::RevocationItem& item : revoked->items) {
    EXPECT_EQ(item.result, 1) << item.detail;
  }
}

// A refresh was under way here while another replica revoked the connection.
TEST(ShapesTest, TokensThatComeAfterARevocationAreRevokedToo) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  SimulateGoogle(harness);
  const std::string provider = AddProvider(harness, "google");
  auto connected = ConnectTo(harness, provider, {"openid"});
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string name = connected->connection;
  ASSERT_TRUE(BrokerHarness::Eventually(
      [&] { return !harness.Stored(name).account_id.empty(); }));
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  store::RowKeys keys;
  keys.connection = name;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [](store::Rows& rows) {
                               BeginRevocation(absl::Minutes(1), rows);
                               FinishRevocation(
                                   store::Connection(*rows.connection), {},
                                   rows);
                               return absl::OkStatus();
                             })
                  .ok());
  harness.http.ReleaseAll();
  EXPECT_EQ(ReasonOf(caller.get().status()), Reason::kConnectionRevoked);
  EXPECT_TRUE(BrokerHarness::Eventually([&] {
    for (const HttpRequest& request : harness.http.requests()) {
      if (absl::StrContains(request.url, "/revoke")) return true;
    }
    return false;
  }));
  EXPECT_TRUE(harness.Stored(name).tokens.empty());
}

}  // namespace
}  // namespace valetkey::broker
