// A broker beside others: their leases, their answers, their revocations. The
// others are what a test does to the store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>

#include "service/base/status.h"
#include "service/broker/broker_harness.h"
#include "service/broker/rules.h"

namespace valetkey::broker {
namespace {

using store::ConnectionState;
using store::EventType;

absl::string_view Token(const absl::StatusOr<TokenView>& view) {
  return view.ok() ? view->token->access_token.Reveal()
                   : absl::string_view("(error)");
}

// Changes the connection as another replica does.
void Change(BrokerHarness& harness, const std::string& name,
            const std::function<void(store::Rows&)>& change) {
  store::RowKeys keys;
  keys.connection = name;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [&](store::Rows& rows) {
                               change(rows);
                               return absl::OkStatus();
                             })
                  .ok());
}
// A person consents anew, as far as the connection's row tells.
void Reconsent(store::Rows& rows) {
  store::Connection& row = *rows.connection;
  row.state = ConnectionState::kActive;
  row.generation += 1;
  row.attempts += 1;
  for (store::TokenRecord& token : row.tokens) token.attempt = row.attempts;
  row.due_time.reset();
  row.lease = {};
  row.attempt = {};
}

TEST(ReplicasTest, AnotherReplicasLeaseIsWaitedFor) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  harness.clock.Advance(absl::Hours(2));
  store::RowKeys keys;
  keys.connection = name;
  BeginRefresh other{.instance = "other",
                     .attempt_id = "a-1",
                     .generation = 1,
                     .presented_digest = "x",
                     .lease = absl::Minutes(1)};
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [&](store::Rows& rows) {
                               EXPECT_EQ(Begin(other, rows),
                                         BeginOutcome::kBegun);
                               return absl::OkStatus();
                             })
                  .ok());
  GetTokenParameters parameters;
  parameters.name = name;
  EXPECT_EQ(ReasonOf(harness
                         .Run(harness.broker->GetToken(
                             parameters, absl::Now() + absl::Seconds(1)))
                         .status()),
            Reason::kProviderUnavailable);
  EXPECT_EQ(harness.pinterest.refreshes, 0);
  // The other one dies; its lease ends.
  harness.clock.Advance(absl::Minutes(2));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_2");
}

TEST(ReplicasTest, ALateAnswerDoesNotOverwriteANewerOne) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  // Meanwhile its lease ends and another replica renews the connection.
  harness.clock.Advance(absl::Minutes(5));
  store::RowKeys keys;
  keys.connection = name;
  ASSERT_TRUE(harness.store
                  .UpdateNow(keys,
                             [&](store::Rows& rows) {
                               store::Connection& row = *rows.connection;
                               row.lease = {.owner = "other",
                                            .attempt_id = "a"};
                               row.generation = 2;
                               row.attempts = 3;
                               row.tokens[0].attempt = 3;
                               return absl::OkStatus();
                             })
                  .ok());
  harness.http.ReleaseAll();
  (void)caller.get();
  EXPECT_EQ(harness.Stored(name).generation, 2);
  EXPECT_EQ(harness.Stored(name).lease.owner, "other");
  EXPECT_EQ(harness.EventCount(EventType::kRefreshed), 0);
}

// A process that stood still for longer than its lease has tokens that another
// replica, who presented the same secret again, was refused.
TEST(ReplicasTest, ALateAnswerIsKeptWhereNobodyHasABetterOne) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto caller = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  harness.clock.Advance(absl::Minutes(5));
  const std::string presented = harness.Stored(name).attempt.refresh_digest;
  const BeginRefresh other{.instance = "other",
                           .attempt_id = "a-1",
                           .generation = 1,
                           .presented_digest = presented,
                           .lease = absl::Minutes(1)};
  const auto update = [&](std::function<void(store::Rows&)> change) {
    store::RowKeys keys;
    keys.connection = name;
    ASSERT_TRUE(harness.store
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 change(rows);
                                 return absl::OkStatus();
                               })
                    .ok());
  };
  update([&](store::Rows& rows) {
    EXPECT_EQ(Begin(other, rows), BeginOutcome::kBegun);
  });
  harness.http.ReleaseAll();
  // While the other one is at it, its answer may be the newer one.
  absl::SleepFor(absl::Seconds(1));
  EXPECT_EQ(harness.Stored(name).generation, 1);
  EXPECT_EQ(harness.Stored(name).lease.owner, "other");
  update([&](store::Rows& rows) { RecordDeadGrant(presented, "gone", rows); });
  EXPECT_EQ(Token(caller.get()), "pina_2");
  EXPECT_EQ(harness.Stored(name).generation, 2);
  EXPECT_EQ(harness.Stored(name).state, store::ConnectionState::kActive);
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

// What a replica that is cut off cannot know is what others have revoked.
TEST(ReplicasTest, MemoryIsUsedOnlyWhileItIsKnownToBeCurrent) {
  BrokerHarness harness(
      [](BrokerOptions& o) { o.coherence_bound = absl::Seconds(2); });
  const std::string name = harness.Connect();
  harness.store.SetExclusive(false);
  harness.Restart();
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  GetTokenParameters parameters;
  parameters.name = name;
  EXPECT_FALSE(harness.broker->TryGetToken(parameters).has_value());
  EXPECT_FALSE(harness.broker->status().memory_current);
  const auto now = std::chrono::steady_clock::now();
  harness.broker->ConfirmMemory(now - std::chrono::seconds(3));
  EXPECT_FALSE(harness.broker->TryGetToken(parameters).has_value());
  harness.broker->ConfirmMemory(std::chrono::steady_clock::now());
  EXPECT_TRUE(harness.broker->TryGetToken(parameters).has_value());
  absl::SleepFor(absl::Seconds(2.1));
  EXPECT_FALSE(harness.broker->TryGetToken(parameters).has_value());
  // While the store is away as well, nothing is given out.
  harness.store.SetDown(true);
  EXPECT_EQ(ReasonOf(harness.GetToken(name).status()),
            Reason::kStoreUnavailable);
}

TEST(ReplicasTest, ARefreshOfWhatAnotherReplicaRevokesSaysSo) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
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
                             [&](store::Rows& rows) {
                               BeginRevocation(absl::Minutes(1), rows);
                               FinishRevocation(
                                   store::Connection(*rows.connection), {},
                                   rows);
                               return absl::OkStatus();
                             })
                  .ok());
  harness.http.ReleaseAll();
  EXPECT_EQ(ReasonOf(caller.get().status()), Reason::kConnectionRevoked);
}

TEST(ReplicasTest, LeasesAreNotTakenOverJustAfterTheStoreWasAway) {
  BrokerHarness harness(
      [](BrokerOptions& options) { options.settle = absl::Seconds(2); });
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  const auto begin = [&] {
    store::RowKeys keys;
    keys.connection = name;
    const BeginRefresh other{.instance = "other",
                             .attempt_id = "a-1",
                             .generation = 1,
                             .presented_digest = "x",
                             .lease = absl::Minutes(1)};
    ASSERT_TRUE(harness.store
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 EXPECT_EQ(Begin(other, rows),
                                           BeginOutcome::kBegun);
                                 return absl::OkStatus();
                               })
                    .ok());
  };
  begin();
  harness.clock.Advance(absl::Hours(2));
  absl::SleepFor(absl::Seconds(2));
  harness.store.SetDown(true);
  EXPECT_FALSE(harness.GetToken(name).ok());
  harness.store.SetDown(false);
  const absl::Time start = absl::Now();
  GetTokenParameters parameters;
  parameters.name = name;
  EXPECT_EQ(Token(harness.Run(harness.broker->GetToken(
                parameters, absl::Now() + absl::Seconds(30)))),
            "pina_2");
  EXPECT_GE(absl::Now() - start, absl::Seconds(1.5));
}

// What another replica fetched after the generation that the caller has may
// have died since.
TEST(ReplicasTest, RefreshGivesNoTokenThatHasExpired) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  Change(harness, name,
         [](store::Rows& rows) { rows.connection->generation = 2; });
  harness.clock.Advance(absl::Hours(2));
  auto refreshed = harness.Refresh(name, 1);
  EXPECT_EQ(Token(refreshed), "pina_2") << refreshed.status();
  EXPECT_EQ(harness.Stored(name).generation, 3);
  EXPECT_EQ(harness.pinterest.refreshes, 1);
}

// The scheduler has seen that a revocation is to be finished; then the person
// consents.
TEST(ReplicasTest, WhatIsLeftOfARevocationDoesNotRevokeANewConsent) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  Change(harness, name, [](store::Rows& rows) {
    BeginRevocation(absl::ZeroDuration(), rows);
  });
  harness.Restart();
  std::atomic<bool> consented{false};
  harness.store.SetHook([&](std::string call) -> Task<void> {
    if (call == "Update" && !consented.exchange(true)) {
      Change(harness, name, Reconsent);
    }
    co_return;
  });
  harness.broker->Start();
  ASSERT_TRUE(BrokerHarness::Eventually([&] { return consented.load(); }));
  EXPECT_EQ(Token(harness.GetToken(name)), "pina_1");
  ASSERT_TRUE(harness.broker->Shutdown(absl::Seconds(30)));
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  EXPECT_EQ(harness.EventCount(EventType::kRevoked), 1);
}

// Revoke waits for a refresh of its own process, and meanwhile the person
// consents.
TEST(ReplicasTest, ARevocationThatWaitsDoesNotRevokeANewConsent) {
  BrokerHarness harness;
  harness.store.SetExclusive(false);
  const std::string name = harness.Connect();
  harness.http.Hold();
  RefreshParameters parameters;
  parameters.name = name;
  auto refresh = harness.Begin(
      harness.broker->Refresh(parameters, absl::Now() + absl::Seconds(60)));
  ASSERT_TRUE(harness.http.WaitForHeld(1, absl::Seconds(10)));
  auto revoke = harness.Begin(harness.broker->Revoke(name));
  ASSERT_TRUE(BrokerHarness::Eventually([&] {
    return harness.Stored(name).state == ConnectionState::kRevoking;
  }));
  Change(harness, name, Reconsent);
  harness.http.ReleaseAll();
  EXPECT_EQ(Token(refresh.get()), "pina_1");
  auto revoked = revoke.get();
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->superseded);
  EXPECT_EQ(harness.Stored(name).state, ConnectionState::kActive);
  EXPECT_EQ(harness.pinterest.revocations, 0);
}

}  // namespace
}  // namespace valetkey::broker
