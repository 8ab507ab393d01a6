// Consent: Authorize, Exchange and the callback.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/broker/broker_harness.h"

namespace valetkey::broker {
namespace {

using store::AuthorizationStatus;
using store::ConnectionState;
using store::EventType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string RowName(const std::string& state) {
  return HexEncode(Sha256(state));
}

CallbackResult Finish(BrokerHarness& harness, const std::string& query) {
  const QueryParameters parameters = ParseQuery(query);
  return harness.Run(harness.broker->FinishCallback(
      oauth::ReadCallback(nullptr, parameters), parameters));
}

TEST(ExchangeTest, ConnectsAndTellsIt) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  EXPECT_THAT(authorized->authorization_uri,
              HasSubstr("https://www.pinterest.com/oauth/?"));
  EXPECT_THAT(authorized->authorization_uri,
              HasSubstr("code_challenge_method=S256"));
  EXPECT_THAT(authorized->authorization_uri,
              HasSubstr("state=" + authorized->state));
  auto exchanged = harness.Exchange(authorized->state, "code-1");
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  EXPECT_EQ(exchanged->connection, authorized->connection);
  EXPECT_THAT(exchanged->scopes,
              ElementsAre("boards:read", "user_accounts:read"));
  EXPECT_EQ(exchanged->generation, 1);
  EXPECT_EQ(harness.EventCount(EventType::kConnected), 1);
  auto token = harness.GetToken(exchanged->connection);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->token->access_token.Reveal(), "pina_1");
  // Whose account it is is learned afterwards, by itself.
  EXPECT_TRUE(BrokerHarness::Eventually([&] {
    return harness.Stored(exchanged->connection).account_id == "4711";
  }));
  EXPECT_EQ(harness.Stored(exchanged->connection).account_display_name,
            "ann_pins");
}

TEST(ExchangeTest, SecretsAreKeptSealedOnly) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  const store::Connection stored = harness.Stored(name);
  ASSERT_EQ(stored.tokens.size(), 1u);
  for (const std::string& kept :
       {stored.tokens[0].access_sealed, stored.tokens[0].refresh_sealed,
        stored.tokens[0].refresh_digest}) {
    EXPECT_FALSE(kept.empty());
    EXPECT_EQ(kept.find("pina_"), std::string::npos);
    EXPECT_EQ(kept.find("pinr_"), std::string::npos);
  }
}

TEST(ExchangeTest, RepeatingItReturnsTheSameConnection) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  auto first = harness.Exchange(authorized->state, "code-1");
  auto second = harness.Exchange(authorized->state, "code-1");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->connection, second->connection);
  EXPECT_EQ(harness.pinterest.exchanges, 1);
  harness.Restart();
  EXPECT_TRUE(harness.Exchange(authorized->state, "code-1").ok());
  EXPECT_EQ(harness.pinterest.exchanges, 1);
  EXPECT_EQ(harness.EventCount(EventType::kConnected), 1);
}

TEST(ExchangeTest, ConcurrentCallsSendTheCodeOnce) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  ExchangeParameters parameters;
  parameters.state = authorized->state;
  parameters.code = "code-1";
  std::vector<std::future<absl::StatusOr<ExchangeResult>>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(harness.Begin(
        harness.broker->Exchange(BrokerHarness::kApplication, parameters)));
  }
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  EXPECT_EQ(harness.pinterest.exchanges, 1);
}

TEST(ExchangeTest, AnotherCodeForAUsedStateIsRefused) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  ASSERT_TRUE(harness.Exchange(authorized->state, "code-1").ok());
  EXPECT_EQ(ReasonOf(harness.Exchange(authorized->state, "code-2").status()),
            Reason::kAuthorizationStateInvalid);
  EXPECT_EQ(harness.pinterest.exchanges, 1);
}

TEST(ExchangeTest, ForgedExpiredAndForeignStatesChangeNothing) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  EXPECT_EQ(ReasonOf(harness.Exchange("forged", "code-1").status()),
            Reason::kAuthorizationStateInvalid);
  ExchangeParameters parameters;
  parameters.state = authorized->state;
  parameters.code = "code-1";
  EXPECT_EQ(ReasonOf(harness
                         .Run(harness.broker->Exchange("applications/other",
                                                       parameters))
                         .status()),
            Reason::kAuthorizationStateInvalid);
  harness.clock.Advance(absl::Hours(1));
  EXPECT_EQ(ReasonOf(harness.Exchange(authorized->state, "code-1").status()),
            Reason::kAuthorizationStateInvalid);
  EXPECT_EQ(harness.pinterest.exchanges, 0);
  EXPECT_TRUE(harness.store.events().empty());
  EXPECT_EQ(harness.store.FindAuthorization(RowName(authorized->state))->status,
            AuthorizationStatus::kPending);
}

TEST(ExchangeTest, DecliningLeavesTheStateGood) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  const CallbackResult declined =
      Finish(harness, "error=access_denied&state=" + authorized->state);
  EXPECT_EQ(ReasonOf(declined.status), Reason::kConsentDenied);
  EXPECT_EQ(declined.application_display_name, "The Shop");
  EXPECT_EQ(declined.provider_display_name, "Pinterest");
  EXPECT_EQ(harness.pinterest.exchanges, 0);
  EXPECT_TRUE(
      Finish(harness, "code=code-1&state=" + authorized->state).status.ok());
}

TEST(ExchangeTest, AWrongIssuerIsAMixUp) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  const CallbackResult result =
      Finish(harness, "code=code-1&iss=https%3A%2F%2Fevil.example&state=" +
                          authorized->state);
  EXPECT_EQ(ReasonOf(result.status), Reason::kIssuerMismatch);
  EXPECT_EQ(harness.pinterest.exchanges, 0);
}

TEST(ExchangeTest, ACallbackWithoutCodeOrStateSaysSo) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  EXPECT_EQ(ReasonOf(Finish(harness, "state=" + authorized->state).status),
            Reason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(Finish(harness, "code=x").status),
            Reason::kAuthorizationStateInvalid);
  EXPECT_EQ(ReasonOf(Finish(harness, "").status),
            Reason::kAuthorizationStateInvalid);
}

TEST(ExchangeTest, ARefusedCodeEndsTheAuthorization) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  ASSERT_TRUE(harness.Exchange(authorized->state, "code-1").ok());
  auto again = harness.Authorize();
  EXPECT_EQ(ReasonOf(harness.Exchange(again->state, "code-1").status()),
            Reason::kAuthorizationCodeRejected);
  const int sent = harness.pinterest.exchanges;
  EXPECT_EQ(ReasonOf(harness.Exchange(again->state, "code-1").status()),
            Reason::kAuthorizationCodeRejected);
  EXPECT_EQ(harness.pinterest.exchanges, sent);
}

TEST(ExchangeTest, AWrongClientSecretIsTheOperatorsFault) {
  BrokerHarness harness;
  harness.pinterest.secret = "other";
  auto authorized = harness.Authorize();
  EXPECT_EQ(ReasonOf(harness.Exchange(authorized->state, "code-1").status()),
            Reason::kProviderClientRejected);
}

TEST(ExchangeTest, WeatherCanBeTriedAgainWithTheSameCode) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  harness.pinterest.instead = {
      FakeHttpClient::Answer(502, "bad gateway", "text/plain")};
  EXPECT_EQ(ReasonOf(harness.Exchange(authorized->state, "code-1").status()),
            Reason::kProviderUnavailable);
  EXPECT_TRUE(harness.Exchange(authorized->state, "code-1").ok());
}

TEST(ExchangeTest, AStoreThatFailsAfterTheExchangeLosesNothing) {
  BrokerHarness harness;
  auto authorized = harness.Authorize();
  harness.http.Hold();
  ExchangeParameters parameters;
  parameters.state = authorized->state;
  parameters.code = "code-1";
  auto call = harness.Begin(
      harness.broker->Exchange(BrokerHarness::kApplication, parameters));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  harness.store.SetDown(true);
  harness.http.ReleaseAll();
  EXPECT_TRUE(
      BrokerHarness::Eventually([&] { return !harness.broker->ready(); }));
  harness.store.SetDown(false);
  auto exchanged = call.get();
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  EXPECT_TRUE(harness.GetToken(exchanged->connection).ok());
}

TEST(ExchangeTest, ReturnUrisMustBeRegisteredToTheLetter) {
  BrokerHarness harness;
  AuthorizeParameters parameters;
  parameters.provider = BrokerHarness::kProvider;
  parameters.subject = "ann";
  for (const char* uri : {"https://evil.example/", "//shop.example.com",
                          "https://shop.example.com/connected/",
                          "https://shop.example.com/connected?x=1",
                          "HTTPS://shop.example.com/connected"}) {
    parameters.return_uri = uri;
    EXPECT_EQ(
        ReasonOf(harness.Run(harness.broker->Authorize(parameters)).status()),
        Reason::kFieldInvalid)
        << uri;
  }
  parameters.return_uri = "https://shop.example.com/connected";
  auto authorized = harness.Run(harness.broker->Authorize(parameters));
  ASSERT_TRUE(authorized.ok());
  EXPECT_EQ(Finish(harness, "code=c&state=" + authorized->state).return_uri,
            parameters.return_uri);
}

TEST(ExchangeTest, ReauthorizingKeepsTheNameAndRevivesTheConnection) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.pinterest.KillAllGrants();
  EXPECT_FALSE(harness.Refresh(name).ok());
  ASSERT_EQ(harness.Stored(name).state,
            ConnectionState::kReauthorizationRequired);
  AuthorizeParameters parameters;
  parameters.provider = BrokerHarness::kProvider;
  parameters.connection = name;
  auto authorized = harness.Run(harness.broker->Authorize(parameters));
  ASSERT_TRUE(authorized.ok()) << authorized.status();
  EXPECT_EQ(authorized->connection, name);
  auto exchanged =
      harness.Exchange(authorized->state, harness.pinterest.NewCode());
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  EXPECT_EQ(exchanged->generation, 2);
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  EXPECT_EQ(harness.Stored(name).subject, "ann");
  EXPECT_EQ(harness.EventCount(EventType::kReauthorized), 1);
  EXPECT_TRUE(harness.GetToken(name).ok());
}

TEST(ExchangeTest, ReauthorizingWhatIsNotThereIsRefused) {
  BrokerHarness harness;
  AuthorizeParameters parameters;
  parameters.provider = BrokerHarness::kProvider;
  parameters.connection = "applications/shop/connections/c-none";
  EXPECT_EQ(
      ReasonOf(harness.Run(harness.broker->Authorize(parameters)).status()),
      Reason::kConnectionNotFound);
}

TEST(RevokeTest, ItemisesAndIsIdempotent) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  auto revoked = harness.Revoke(name);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->copy_destroyed);
  ASSERT_FALSE(revoked->items.empty());
  for (const store::RevocationItem& item : revoked->items) {
    EXPECT_EQ(item.result, 3) << item.detail;  // UNSUPPORTED_BY_PROVIDER
    EXPECT_FALSE(item.detail.empty());
  }
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kRevoked);
  EXPECT_TRUE(harness.Stored(name).tokens.empty());
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kConnectionRevoked);
  const int calls = harness.pinterest.revocations;
  auto again = harness.Revoke(name);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->items.size(), revoked->items.size());
  EXPECT_EQ(harness.pinterest.revocations, calls);
  EXPECT_EQ(harness.EventCount(EventType::kRevoked), 1);
  harness.Restart();
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kConnectionRevoked);
}

TEST(RevokeTest, DuringARefreshNothingIsGivenOut) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto refresh = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  auto revoke = harness.Begin(harness.broker->Revoke(name));
  EXPECT_TRUE(BrokerHarness::Eventually([&] {
    return harness.Stored(name).state == ConnectionState::kRevoking;
  }));
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kConnectionRevoked);
  harness.http.ReleaseAll();
  EXPECT_EQ(ReasonOf(refresh.get().status()), Reason::kConnectionRevoked);
  auto revoked = revoke.get();
  ASSERT_TRUE(revoked.ok());
  EXPECT_TRUE(revoked->copy_destroyed);
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kConnectionRevoked);
  EXPECT_TRUE(harness.Stored(name).tokens.empty());
}

TEST(RevokeTest, IsFinishedAfterARestart) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  store::RowKeys keys;
  keys.connection = name;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [](store::Rows& rows) {
                               rows.connection->state =
                                   ConnectionState::kRevoking;
                               rows.connection->generation += 1;
                               rows.connection->due_time = rows.now;
                               return absl::OkStatus();
                             })
                  .ok());
  harness.Restart();
  harness.broker->Start();
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).state == ConnectionState::kRevoked; }));
}

TEST(RevokeTest, WhatIsNotThereIsNotFound) {
  BrokerHarness harness;
  EXPECT_EQ(
      ReasonOf(harness.Revoke("applications/shop/connections/c-none").status()),
      Reason::kConnectionNotFound);
}

}  // namespace
}  // namespace valetkey::broker
