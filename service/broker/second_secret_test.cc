// A provider with two client secrets: while one takes the place of the other,
// nothing fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/base/status.h"
#include "service/broker/broker_harness.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

class SecondSecretTest : public testing::Test {
 protected:
  // As an operator does, on this server or another.
  void SetSecrets(const std::string& first, const std::string& second) {
    store::RowKeys keys;
    keys.provider = BrokerHarness::kProvider;
    const auto seal = [&](const std::string& secret,
                          const std::string& associated_data) {
      return secret.empty()
                 ? ""
                 : harness_.sealer->Seal(SecretString(secret), associated_data);
    };
    ASSERT_TRUE(
        harness_.store
            .UpdateNow(keys,
                       [&](store::Rows& rows) {
                         rows.provider->client_secret_sealed = seal(
                             first, ClientSecretAssociatedData(*keys.provider));
                         rows.provider->second_secret_sealed =
                             seal(second,
                                  SecondSecretAssociatedData(*keys.provider));
                         return absl::OkStatus();
                       })
            .ok());
    // What is in memory is asked for again.
    harness_.clock.Advance(absl::Minutes(1));
  }

  std::string Refreshed(const std::string& name) {
    harness_.clock.Advance(absl::Minutes(5));
    const auto token = harness_.Refresh(name);
    if (!token.ok()) return std::string(ReasonName(ReasonOf(token.status())));
    return std::string(token->token->access_token.Reveal());
  }

  BrokerHarness harness_;
};

TEST_F(SecondSecretTest, RotatingFailsNobody) {
  const std::string name = harness_.Connect();
  SetSecrets("s3cret", "n3w");
  EXPECT_EQ(Refreshed(name), "pina_2");
  EXPECT_EQ(harness_.pinterest.probes, 0);  // the first is good: no question
  harness_.pinterest.secret = "n3w";
  EXPECT_EQ(Refreshed(name), "pina_3");
  // It is known now: once in vain, and not again.
  EXPECT_EQ(harness_.pinterest.refreshes, 3);
  EXPECT_EQ(Refreshed(name), "pina_4");
  EXPECT_EQ(harness_.pinterest.refreshes, 4);
  EXPECT_EQ(harness_.pinterest.probes, 1);
  SetSecrets("n3w", "");
  EXPECT_EQ(Refreshed(name), "pina_5");
  EXPECT_EQ(harness_.pinterest.refreshes, 5);
  EXPECT_EQ(harness_.Stored(name).last_failure, std::nullopt);
  EXPECT_EQ(harness_.EventCount(store::EventType::kRefreshFailed), 0);
}

TEST_F(SecondSecretTest, ARestartFindsOutAgain) {
  const std::string name = harness_.Connect();
  SetSecrets("s3cret", "n3w");
  harness_.pinterest.secret = "n3w";
  EXPECT_EQ(Refreshed(name), "pina_2");
  harness_.Restart();
  EXPECT_EQ(Refreshed(name), "pina_3");
}

TEST_F(SecondSecretTest, NewConsentsGoByTheSecondToo) {
  SetSecrets("s3cret", "n3w");
  harness_.pinterest.secret = "n3w";
  const std::string name = harness_.Connect();
  EXPECT_EQ(Refreshed(name), "pina_2");
  EXPECT_EQ(harness_.pinterest.exchanges, 2);
  EXPECT_EQ(harness_.pinterest.refreshes, 1);
}

TEST_F(SecondSecretTest, TwoWrongOnesAreTheOperatorsFault) {
  const std::string name = harness_.Connect();
  SetSecrets("wrong", "worse");
  EXPECT_EQ(Refreshed(name), "PROVIDER_CLIENT_REJECTED");
  EXPECT_EQ(harness_.pinterest.refreshes, 2);
  EXPECT_EQ(harness_.Stored(name).state, store::ConnectionState::kActive);
  SetSecrets("wrong", "s3cret");
  EXPECT_EQ(Refreshed(name), "pina_2");
}

// A dead grant is not taken for a refused secret, and no secret for a dead
// grant.
TEST_F(SecondSecretTest, ADeadGrantIsSentOnce) {
  const std::string name = harness_.Connect();
  SetSecrets("s3cret", "n3w");
  harness_.pinterest.KillAllGrants();
  EXPECT_EQ(Refreshed(name), "REAUTHORIZATION_REQUIRED");
  EXPECT_EQ(harness_.pinterest.refreshes, 1);

  const std::string other = harness_.Connect("bob");
  harness_.pinterest.secret = "n3w";
  harness_.pinterest.KillAllGrants();
  EXPECT_EQ(Refreshed(other), "REAUTHORIZATION_REQUIRED");
  EXPECT_EQ(harness_.pinterest.refreshes, 3);
}

TEST_F(SecondSecretTest, WeatherTriesNoSecret) {
  const std::string name = harness_.Connect();
  SetSecrets("s3cret", "n3w");
  harness_.pinterest.instead = {
      FakeHttpClient::Answer(503, "later", "text/plain")};
  EXPECT_EQ(Refreshed(name), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(harness_.pinterest.refreshes, 1);
}

}  // namespace
}  // namespace valetkey::broker
