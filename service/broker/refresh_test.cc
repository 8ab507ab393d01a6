// Refresh: exactly one, and never a lost grant.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/broker/broker_harness.h"

namespace valetkey::broker {
namespace {

using store::ConnectionState;
using store::EventType;

absl::string_view Token(const absl::StatusOr<TokenView>& view) {
  return view.ok() ? view->token->access_token.Reveal()
                   : absl::string_view("(error)");
}

// No refresh token was ever shown to the provider twice.
int MostPresented(const SimulatedPinterest& pinterest) {
  int most = 0;
  for (const auto& [token, count] : pinterest.presented) {
    most = std::max(most, count);
  }
  return most;
}

TEST(RefreshTest, ManyCallersOfAnExpiredConnectionShareOneRefresh) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.http.Hold();
  std::vector<std::future<absl::StatusOr<TokenView>>> callers;
  for (int i = 0; i < 1000; ++i) {
    GetTokenParameters parameters;
    parameters.name = name;
    callers.push_back(harness.Begin(
        harness.broker->GetToken(parameters, absl::Now() + absl::Seconds(60))));
  }
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(30)));
  harness.http.ReleaseAll();
  for (auto& caller : callers) {
    EXPECT_EQ(Token(caller.get()), "pina_2");
  }
  EXPECT_EQ(harness.pinterest.refreshes, 1);
  EXPECT_EQ(harness.Stored(name).generation, 2);
  EXPECT_EQ(harness.EventCount(EventType::kRefreshed), 1);
}

TEST(RefreshTest, RefreshesOfOneGenerationShareOne) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  std::vector<std::future<absl::StatusOr<TokenView>>> callers;
  for (int i = 0; i < 100; ++i) {
    RefreshParameters parameters;
    parameters.name = name;
    parameters.generation = 1;
    callers.push_back(harness.Begin(
        harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60))));
  }
  for (auto& caller : callers) EXPECT_EQ(Token(caller.get()), "pina_2");
  EXPECT_EQ(harness.pinterest.refreshes, 1);
  EXPECT_EQ(Token(harness.Refresh(name, 2)), "pina_3");
  EXPECT_EQ(Token(harness.Refresh(name)), "pina_4");
  EXPECT_EQ(MostPresented(harness.pinterest), 1);
}

TEST(RefreshTest, RejectedGenerationStartsOneRefreshHoweverManySayIt) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  GetTokenParameters rejected;
  rejected.name = name;
  rejected.rejected_generation = 1;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Token(harness.GetToken(rejected)), "pina_2");
  }
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

TEST(RefreshTest, GenerationsThatDoNotExistAreRefused) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  GetTokenParameters parameters;
  parameters.name = name;
  parameters.min_generation = 9;
  EXPECT_EQ(ReasonOf(harness.GetToken(parameters).status()),
            Reason::kFieldInvalid);
  parameters.min_generation = 0;
  parameters.rejected_generation = 9;
  EXPECT_EQ(ReasonOf(harness.GetToken(parameters).status()),
            Reason::kFieldInvalid);
  EXPECT_EQ(harness.pinterest.refreshes, 0);
}

TEST(RefreshTest, MinLifetimeRefreshesOrSaysHowLongTokensLive) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(30));
  GetTokenParameters parameters;
  parameters.name = name;
  parameters.min_lifetime = absl::Minutes(45);
  EXPECT_EQ(Token(harness.GetToken(parameters)), "pina_2");
  parameters.min_lifetime = absl::Hours(2);
  const absl::Status refused = harness.GetToken(parameters).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kMinLifetimeUnavailable);
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

TEST(RefreshTest, SoftLimitRefreshesBehindTheCallersBack) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(50));
  // Served at once, and renewed meanwhile.
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return Token(harness.GetToken(name)) == "pina_2"; }));
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

// Nobody but its caller thinks of a connection that was idle: the scheduler
// does not have it.
TEST(RefreshTest, ABackgroundRefreshThatCameToNothingIsTriedAgainOnUse) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(50));
  harness.pinterest.instead = {FakeHttpClient::Answer(503, "down")};
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  ASSERT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).last_failure.has_value(); }));
  harness.clock.Advance(absl::Seconds(29));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  EXPECT_EQ(harness.pinterest.refreshes, 1);
  harness.clock.Advance(absl::Seconds(2));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).generation == 2; }));
}

TEST(RefreshTest, TheSchedulerRenewsWithoutBeingAsked) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.broker->Start();
  harness.clock.Advance(absl::Minutes(50));
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).generation == 2; }));
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

TEST(RefreshTest, IdleConnectionsAreOnlyKeptAlive) {
  BrokerHarness harness(
      [](BrokerOptions& options) { options.idle_after = absl::Minutes(10); });
  const std::string name = harness.Connect();
  harness.broker->Start();
  harness.clock.Advance(absl::Minutes(50));
  EXPECT_TRUE(BrokerHarness::Eventually([&] {
    const auto due = harness.Stored(name).due_time;
    return due && *due > harness.clock.Now() + absl::Hours(24);
  }));
  EXPECT_EQ(harness.pinterest.refreshes, 0);
  harness.clock.Set(*harness.Stored(name).due_time + absl::Seconds(1));
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).generation == 2; }));
}

TEST(RefreshTest, WeatherLeavesTheOldTokenInService) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(55));
  harness.pinterest.instead = {
      FakeHttpClient::Answer(503, "<html>down</html>", "text/html")};
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  ASSERT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).last_failure.has_value(); }));
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  EXPECT_EQ(harness.EventCount(EventType::kRefreshFailed), 1);
  // Past its end there is an error with a delay, and no storm of requests.
  harness.pinterest.instead.assign(
      3, FakeHttpClient::Answer(503, "down", "text/plain"));
  harness.clock.Advance(absl::Minutes(10));
  const absl::Status first = harness.GetToken(name).status();
  EXPECT_EQ(ReasonOf(first), Reason::kProviderUnavailable);
  EXPECT_GT(RetryAfterOf(first), absl::ZeroDuration());
  const int sent = harness.pinterest.refreshes;
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kProviderUnavailable);
  EXPECT_EQ(harness.pinterest.refreshes, sent);
  harness.pinterest.instead.clear();
  harness.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
  EXPECT_FALSE(harness.Stored(name).last_failure.has_value());
}

TEST(RefreshTest, RetryAfterIsObeyed) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  HttpResult throttled =
      FakeHttpClient::Answer(429, R"({"code":8,"message":"slow down"})");
  throttled.response.headers.Add("Retry-After", "120");
  harness.pinterest.instead = {throttled};
  const absl::Status status = harness.GetToken(name).status();
  EXPECT_EQ(ReasonOf(status), Reason::kProviderThrottled);
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(120));
  harness.clock.Advance(absl::Seconds(119));
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kProviderThrottled);
  EXPECT_EQ(harness.pinterest.refreshes, 1);
  harness.clock.Advance(absl::Seconds(2));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
}

TEST(RefreshTest, TokensAreServedAndKeptWhenTheStoreFailsAfterRotation) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.http.Hold();
  GetTokenParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->GetToken(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  harness.store.SetDown(true);
  harness.http.ReleaseAll();
  EXPECT_EQ(Token(caller.get()), "pina_2");
  EXPECT_FALSE(harness.broker->ready());
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
  EXPECT_EQ(harness.Stored(name).generation, 1);
  harness.store.SetDown(false);
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).generation == 2; }));
  EXPECT_TRUE(
      BrokerHarness::Eventually([&] { return harness.broker->ready(); }));
  harness.Restart();
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
  EXPECT_EQ(Token(harness.Refresh(name)), "pina_3");
  EXPECT_EQ(MostPresented(harness.pinterest), 1);
}

TEST(RefreshTest, ACommitWhoseAnswerWasLostIsNotDoneTwice) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  harness.store.FailUpdates(1, store::FakeStore::kAfterCommit);
  harness.http.ReleaseAll();
  EXPECT_EQ(Token(caller.get()), "pina_2");
  EXPECT_TRUE(
      BrokerHarness::Eventually([&] { return harness.broker->ready(); }));
  EXPECT_EQ(harness.Stored(name).generation, 2);
  EXPECT_EQ(harness.EventCount(EventType::kRefreshed), 1);
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
}

TEST(RefreshTest, AStoreThatIsDownSendsNothingToTheProvider) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.store.SetDown(true);
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kStoreUnavailable);
  EXPECT_EQ(harness.pinterest.refreshes, 0);
}

TEST(RefreshTest, AnUnknownOutcomeIsTriedAgainWithTheSameToken) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.pinterest.instead = {FakeHttpClient::Lost()};  // before it acted
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kProviderUnavailable);
  EXPECT_FALSE(harness.Stored(name).attempt.id.empty());
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  harness.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
  EXPECT_TRUE(harness.Stored(name).attempt.id.empty());
}

TEST(RefreshTest, ALostAnswerAfterRotationEndsInReauthorizationOnlyOnProof) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.pinterest.after_rotation = true;
  harness.pinterest.instead = {FakeHttpClient::Lost()};
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kProviderUnavailable);
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  harness.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kReauthorizationRequired);
  EXPECT_EQ(harness.pinterest.probes, 1);
  EXPECT_EQ(harness.Stored(name).state,
            ConnectionState::kReauthorizationRequired);
  // The dead token is never sent again.
  harness.Restart();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
              Reason::kReauthorizationRequired);
    EXPECT_EQ(ReasonOf(harness.Refresh(name).status()),
              Reason::kReauthorizationRequired);
  }
  EXPECT_EQ(harness.pinterest.refreshes, 2);
}

TEST(RefreshTest, ADeadGrantSaysWhoMustConsentAlsoFromMemory) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.pinterest.after_rotation = true;
  harness.pinterest.instead = {FakeHttpClient::Lost()};
  (void)harness.GetToken(name);
  harness.clock.Advance(absl::Minutes(1));
  for (int i = 0; i < 3; ++i) {
    const absl::Status dead = harness.GetToken(name).status();
    EXPECT_EQ(ReasonOf(dead), Reason::kReauthorizationRequired);
    EXPECT_THAT(MetadataOf(dead),
                testing::Contains(testing::Pair("subject", "ann")));
  }
  // A store that is down leaves what memory knows.
  harness.store.SetDown(true);
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kReauthorizationRequired);
}

TEST(RefreshTest, ARefusedClientTouchesNoConnection) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(10));
  harness.pinterest.secret = "changed";
  EXPECT_EQ(ReasonOf(harness.Refresh(name).status()),
            Reason::kProviderClientRejected);
  EXPECT_EQ(harness.pinterest.probes, 1);
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  EXPECT_EQ(harness.EventCount(EventType::kReauthorizationRequired), 0);
  harness.pinterest.secret = "s3cret";
  harness.clock.Advance(absl::Minutes(2));
  EXPECT_EQ(Token(harness.Refresh(name)), "pina_2");
}

TEST(RefreshTest, WhatCannotBeToldApartCondemnsNobody) {
  BrokerHarness harness;
  const std::string ann = harness.Connect("ann");
  const std::string bob = harness.Connect("bob");
  harness.clock.Advance(absl::Seconds(1));
  harness.pinterest.probe_allowed = false;  // answers as to a bad client
  harness.pinterest.KillAllGrants();
  EXPECT_EQ(ReasonOf(harness.Refresh(ann).status()),
            Reason::kProviderClientRejected);
  EXPECT_EQ(harness.Stored(ann).state, ConnectionState::kActive);
  // Another connection of the client gets through: that is the proof.
  harness.clock.Advance(absl::Minutes(2));
  const std::string cid = harness.Connect("cid");
  harness.clock.Advance(absl::Minutes(1));
  EXPECT_EQ(ReasonOf(harness.Refresh(ann).status()),
            Reason::kReauthorizationRequired);
  EXPECT_EQ(harness.Stored(bob).state, ConnectionState::kActive);
  EXPECT_EQ(harness.Stored(cid).state, ConnectionState::kActive);
}

TEST(RefreshTest, ADeadGrantStillServesItsLivingAccessToken) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Minutes(10));
  harness.pinterest.KillAllGrants();
  EXPECT_EQ(ReasonOf(harness.Refresh(name).status()),
            Reason::kReauthorizationRequired);
  EXPECT_EQ(harness.EventCount(EventType::kReauthorizationRequired), 1);
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  GetTokenParameters rejected;
  rejected.name = name;
  rejected.rejected_generation = 1;
  EXPECT_EQ(ReasonOf(harness.GetToken(rejected).status()),
            Reason::kReauthorizationRequired);
  harness.clock.Advance(absl::Hours(1));
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kReauthorizationRequired);
}

TEST(RefreshTest, ShutdownWaitsForAFlightThatMayHaveRotated) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  auto stopped = std::async(std::launch::async, [&] {
    return harness.broker->Shutdown(absl::Seconds(30));
  });
  harness.http.ReleaseAll();
  EXPECT_TRUE(stopped.get());
  EXPECT_EQ(harness.Stored(name).generation, 2);
  EXPECT_EQ(Token(caller.get()), "pina_2");
}

TEST(RefreshTest, ACallerThatGivesUpDoesNotEndTheRefresh) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  harness.http.Hold();
  GetTokenParameters parameters;
  parameters.name = name;
  const auto status = harness
                          .Run(harness.broker->GetToken(
                              parameters, absl::Now() + absl::Milliseconds(50)))
                          .status();
  EXPECT_EQ(ReasonOf(status), Reason::kProviderUnavailable);
  harness.http.ReleaseAll();
  EXPECT_TRUE(BrokerHarness::Eventually(
      [&] { return harness.Stored(name).generation == 2; }));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

TEST(RefreshTest, AProviderThatDoesNotRotateKeepsItsRefreshToken) {
  BrokerHarness harness;
  const std::string name = harness.Connect();
  // The look at whose account it is comes first.
  ASSERT_TRUE(BrokerHarness::Eventually(
      [&] { return !harness.Stored(name).account_id.empty(); }));
  harness.http.Enqueue(FakeHttpClient::Answer(
      200, R"({"access_token":"new","token_type":"bearer","expires_in":60,)"
           R"("scope":"boards:read user_accounts:read"})"));
  EXPECT_EQ(Token(harness.Refresh(name)), "new");
  EXPECT_EQ(Token(harness.Refresh(name)), "pina_2");
}

}  // namespace
}  // namespace valetkey::broker
