#include "service/broker/rules.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/broker/rules_harness.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::ConnectionState;
using store::Event;
using store::EventType;
using store::Rows;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

BeginRefresh BeginOf(const Connection& connection,
                     const std::string& instance = "one",
                     const std::string& attempt = "attempt-1") {
  return {.instance = instance,
          .attempt_id = attempt,
          .token = "",
          .generation = connection.generation,
          .presented_digest = connection.tokens[0].refresh_digest,
          .lease = absl::Seconds(60)};
}

AttemptRef RefOf(const BeginRefresh& begin) {
  return {.instance = begin.instance,
          .attempt_id = begin.attempt_id,
          .generation = begin.generation};
}

// --- Connect ---

Rows ConsentRows(bool reauthorize) {
  Rows rows;
  rows.now = kNow;
  store::Authorization& consent = rows.authorization.emplace();
  consent.name = "hash";
  consent.application = kApplication;
  consent.provider = kProvider;
  consent.connection = kName;
  consent.reauthorize = reauthorize;
  consent.subject = "u-1";
  consent.labels = {{"team", "b"}};
  consent.scopes = {"pins:read", "pins:write"};
  consent.verifier_sealed = "sealed";
  consent.status = store::AuthorizationStatus::kExchanging;
  return rows;
}

TEST(ConnectTest, MakesAConnection) {
  Rows rows = ConsentRows(false);
  NewTokens tokens = TokensAt(kNow);
  tokens.tokens[0].scopes = {"pins:read"};
  tokens.metadata = {{"team", "t-1"}, {"empty", ""}};
  ASSERT_TRUE(Connect(tokens, {{"tenant", "acme"}}, DaySchedule(), rows).ok());
  const Connection& made = *rows.connection;
  EXPECT_EQ(made.name, kName);
  EXPECT_EQ(made.application, kApplication);
  EXPECT_EQ(made.provider, kProvider);
  EXPECT_EQ(made.subject, "u-1");
  EXPECT_THAT(made.labels, ElementsAre(Pair("team", "b")));
  EXPECT_EQ(made.state, ConnectionState::kActive);
  EXPECT_EQ(made.generation, 1);
  EXPECT_THAT(made.requested_scopes, ElementsAre("pins:read", "pins:write"));
  EXPECT_THAT(made.scopes, ElementsAre("pins:read"));
  EXPECT_THAT(made.inputs, ElementsAre(Pair("tenant", "acme")));
  EXPECT_THAT(made.metadata, ElementsAre(Pair("team", "t-1")));
  EXPECT_EQ(made.create_time, kNow);
  EXPECT_EQ(made.last_use_time, kNow);
  EXPECT_EQ(made.due_time, made.tokens[0].due_time);
  EXPECT_EQ(rows.authorization->status, store::AuthorizationStatus::kDone);
  EXPECT_EQ(rows.authorization->verifier_sealed, "");
  ASSERT_THAT(Types(rows.events), ElementsAre(EventType::kConnected));
  const Event& event = rows.events[0];
  EXPECT_EQ(event.connection, kName);
  EXPECT_EQ(event.application, kApplication);
  EXPECT_EQ(event.provider, kProvider);
  EXPECT_EQ(event.subject, "u-1");
  EXPECT_THAT(event.labels, ElementsAre(Pair("team", "b")));
  EXPECT_EQ(event.generation, 1);
  EXPECT_EQ(event.state, ConnectionState::kActive);
  EXPECT_EQ(event.expire_time, kNow + absl::Hours(1));
}

TEST(ConnectTest, RenewsWhateverStateItIsIn) {
  for (const ConnectionState state :
       {ConnectionState::kActive, ConnectionState::kReauthorizationRequired,
        ConnectionState::kRevoking, ConnectionState::kRevoked}) {
    Rows rows = ConsentRows(true);
    rows.connection = ActiveRows().connection;
    Connection& old = *rows.connection;
    old.state = state;
    old.tokens = {Token("", kNow - absl::Hours(2)),
                  Token("user", kNow - absl::Hours(2))};
    old.lease = {.owner = "two", .attempt_id = "x", .expire_time = kNow};
    old.attempt = {.id = "x", .refresh_digest = "old"};
    old.last_failure = store::Failure{.reason = "PROVIDER_UNAVAILABLE"};
    old.dead_refresh_digest = "dead";
    old.expiring_announced = true;
    old.revocation.emplace_back();
    old.metadata = {{"kept", "yes"}};
    const absl::Time created = old.create_time;
    ASSERT_TRUE(Connect(TokensAt(kNow), {}, DaySchedule(), rows).ok());
    const Connection& renewed = *rows.connection;
    EXPECT_EQ(renewed.state, ConnectionState::kActive);
    EXPECT_EQ(renewed.generation, 4);
    EXPECT_EQ(renewed.create_time, created);
    ASSERT_EQ(renewed.tokens.size(), 1u);
    EXPECT_EQ(renewed.tokens[0].issue_time, kNow);
    EXPECT_EQ(renewed.lease, store::Lease());
    EXPECT_EQ(renewed.attempt, store::Attempt());
    EXPECT_EQ(renewed.last_failure, std::nullopt);
    EXPECT_EQ(renewed.dead_refresh_digest, "");
    EXPECT_FALSE(renewed.expiring_announced);
    EXPECT_THAT(renewed.revocation, IsEmpty());
    EXPECT_THAT(renewed.metadata, ElementsAre(Pair("kept", "yes")));
    EXPECT_THAT(renewed.labels, ElementsAre(Pair("team", "b")));
    EXPECT_EQ(renewed.due_time, kNow + absl::Minutes(48));
    EXPECT_THAT(Types(rows.events), ElementsAre(EventType::kReauthorized));
  }
}

TEST(ConnectTest, DoesNotBringBackADeletedOne) {
  Rows rows = ConsentRows(true);
  const Rows before = rows;
  const absl::Status status = Connect(TokensAt(kNow), {}, DaySchedule(), rows);
  EXPECT_EQ(ReasonOf(status), Reason::kConnectionNotFound);
  EXPECT_FALSE(rows.connection.has_value());
  EXPECT_EQ(rows.authorization, before.authorization);
  EXPECT_THAT(rows.events, IsEmpty());
}

// --- Begin, Owns ---

struct BeginCase {
  std::string name;
  std::string owner;    // of the lease that is there
  absl::Duration left;  // of it
  bool exclusive = false;
  BeginOutcome outcome;
};

TEST(LandingTest, WhatBecomesOfTokensThatComeLate) {
  Rows rows = ActiveRows();
  Connection& connection = *rows.connection;
  const std::string digest = connection.tokens[0].refresh_digest;
  ASSERT_FALSE(digest.empty());
  const AttemptRef late{.instance = "one",
                        .attempt_id = "attempt-1",
                        .generation = connection.generation,
                        .token = "",
                        .presented_digest = digest};
  connection.lease = {.owner = "one",
                      .attempt_id = "attempt-1",
                      .expire_time = rows.now - absl::Seconds(1)};
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);  // nobody took over
  connection.lease = {.owner = "two",
                      .attempt_id = "attempt-2",
                      .expire_time = rows.now + absl::Seconds(1)};
  EXPECT_EQ(LandingOf(late, rows), Landing::kWait);
  connection.lease.expire_time = rows.now;  // it died
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
  connection.lease = {};  // it failed
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
  // Another of the grant's tokens was renewed meanwhile.
  connection.generation += 1;
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
  connection.tokens[0].refresh_digest = "another";
  EXPECT_EQ(LandingOf(late, rows), Landing::kLost);
  // What is refreshed by its access token has no digest to compare.
  connection.tokens[0].refresh_digest.clear();
  EXPECT_EQ(LandingOf(late, rows), Landing::kLost);
  connection.generation -= 1;
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
  connection.tokens.clear();  // revoked
  EXPECT_EQ(LandingOf(late, rows), Landing::kLost);
  rows.connection.reset();
  EXPECT_EQ(LandingOf(late, rows), Landing::kLost);
}

TEST(LandingTest, ALeaseIsExtendedByItsOwnerOnly) {
  Rows rows = ActiveRows();
  Connection& connection = *rows.connection;
  AttemptRef mine{.instance = "one", .attempt_id = "attempt-1"};
  connection.lease = {.owner = "one",
                      .attempt_id = "attempt-1",
                      .expire_time = rows.now + absl::Seconds(1)};
  EXPECT_TRUE(ExtendLease(mine, absl::Seconds(60), rows));
  EXPECT_EQ(connection.lease.expire_time, rows.now + absl::Seconds(60));
  mine.attempt_id = "attempt-2";
  const Connection before = connection;
  EXPECT_FALSE(ExtendLease(mine, absl::Seconds(90), rows));
  EXPECT_EQ(connection, before);
}

TEST(BeginTest, WhoMayTakeTheLease) {
  const BeginCase cases[] = {
      {"nobody has it", "", absl::ZeroDuration(), false, BeginOutcome::kBegun},
      {"another has it", "two", absl::Seconds(1), false, BeginOutcome::kLeased},
      {"another has it for a moment", "two", absl::Microseconds(1), false,
       BeginOutcome::kLeased},
      {"another's ends now", "two", absl::ZeroDuration(), false,
       BeginOutcome::kBegun},
      {"another's has ended", "two", -absl::Seconds(1), false,
       BeginOutcome::kBegun},
      {"no other can be alive", "two", absl::Seconds(30), true,
       BeginOutcome::kBegun},
      {"it is ours", "one", absl::Seconds(30), false, BeginOutcome::kBegun},
  };
  for (const BeginCase& one : cases) {
    SCOPED_TRACE(one.name);
    Rows rows = ActiveRows();
    rows.connection->lease = {.owner = one.owner,
                              .attempt_id = "older",
                              .expire_time = kNow + one.left};
    BeginRefresh begin = BeginOf(*rows.connection);
    begin.exclusive = one.exclusive;
    const Connection before = *rows.connection;
    EXPECT_EQ(Begin(begin, rows), one.outcome);
    if (one.outcome != BeginOutcome::kBegun) {
      EXPECT_EQ(*rows.connection, before);
      EXPECT_FALSE(Owns(RefOf(begin), *rows.connection));
      continue;
    }
    const Connection& connection = *rows.connection;
    EXPECT_EQ(connection.lease.owner, "one");
    EXPECT_EQ(connection.lease.attempt_id, "attempt-1");
    EXPECT_EQ(connection.lease.expire_time, kNow + absl::Seconds(60));
    EXPECT_EQ(connection.attempt.id, "attempt-1");
    EXPECT_EQ(connection.attempt.refresh_digest, begin.presented_digest);
    EXPECT_EQ(connection.attempt.start_time, kNow);
    EXPECT_EQ(connection.due_time, kNow + absl::Seconds(60));
    EXPECT_TRUE(Owns(RefOf(begin), connection));
    EXPECT_THAT(rows.events, IsEmpty());
  }
}

TEST(BeginTest, NotOnWhatHasMoved) {
  for (const ConnectionState state :
       {ConnectionState::kReauthorizationRequired, ConnectionState::kRevoking,
        ConnectionState::kRevoked}) {
    Rows rows = ActiveRows();
    rows.connection->state = state;
    const Connection before = *rows.connection;
    EXPECT_EQ(Begin(BeginOf(before), rows), BeginOutcome::kMoved);
    EXPECT_EQ(*rows.connection, before);
  }
  for (const int step : {-1, 1}) {
    Rows rows = ActiveRows();
    const Connection before = *rows.connection;
    BeginRefresh begin = BeginOf(before);
    begin.generation += step;
    EXPECT_EQ(Begin(begin, rows), BeginOutcome::kMoved);
    EXPECT_EQ(*rows.connection, before);
  }
  Rows none;
  EXPECT_EQ(Begin({}, none), BeginOutcome::kMoved);
  EXPECT_FALSE(none.connection.has_value());
}

TEST(BeginTest, CountsWhatNobodyAnswered) {
  Rows rows = ActiveRows();
  ASSERT_EQ(Begin(BeginOf(*rows.connection, "one", "a"), rows),
            BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 0);
  // It dies; another finds its attempt when the lease has ended.
  rows.now += absl::Seconds(61);
  ASSERT_EQ(Begin(BeginOf(*rows.connection, "two", "b"), rows),
            BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 1);
  // An answer that never came is one more.
  RecordFailure({.retry_after = absl::Seconds(1), .outcome_unknown = true},
                DaySchedule(), rows);
  EXPECT_EQ(rows.connection->lease, store::Lease());
  EXPECT_EQ(rows.connection->attempt.id, "b");
  ASSERT_EQ(Begin(BeginOf(*rows.connection, "one", "c"), rows),
            BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 2);
  // A definite answer is one.
  RecordFailure({.retry_after = absl::Seconds(1)}, DaySchedule(), rows);
  EXPECT_EQ(rows.connection->attempt, store::Attempt());
  ASSERT_EQ(Begin(BeginOf(*rows.connection, "one", "d"), rows),
            BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 0);
  // So is another secret.
  BeginRefresh other = BeginOf(*rows.connection, "one", "e");
  other.presented_digest = "another";
  ASSERT_EQ(Begin(other, rows), BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 0);
}

TEST(OwnsTest, OnlyTheLastAttempt) {
  Rows rows = ActiveRows();
  const BeginRefresh first = BeginOf(*rows.connection, "one", "a");
  ASSERT_EQ(Begin(first, rows), BeginOutcome::kBegun);
  rows.now += absl::Seconds(61);
  // Late, but nobody came between.
  EXPECT_TRUE(Owns(RefOf(first), *rows.connection));
  const BeginRefresh second = BeginOf(*rows.connection, "two", "b");
  ASSERT_EQ(Begin(second, rows), BeginOutcome::kBegun);
  EXPECT_FALSE(Owns(RefOf(first), *rows.connection));
  EXPECT_TRUE(Owns(RefOf(second), *rows.connection));
  // The same instance's earlier attempt is as lost as another's.
  const BeginRefresh third = BeginOf(*rows.connection, "two", "c");
  ASSERT_EQ(Begin(third, rows), BeginOutcome::kBegun);
  EXPECT_FALSE(Owns(RefOf(second), *rows.connection));
}

// --- CommitRefresh ---

TEST(CommitRefreshTest, ReplacesTokensByName) {
  Rows rows = ActiveRows();
  rows.connection->tokens = {Token("", kNow), Token("user", kNow)};
  rows.connection->metadata = {{"team", "t-1"}, {"url", "https://a"}};
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  rows.now += absl::Minutes(50);
  rows.connection->last_failure = store::Failure{.reason = "X"};
  rows.connection->dead_refresh_digest = "dead";
  NewTokens tokens;
  tokens.tokens = {Token("user", rows.now), Token("extra", rows.now)};
  tokens.tokens[0].scopes = {"pins:write"};
  tokens.metadata = {{"team", ""}, {"url", "https://b"}};
  CommitRefresh(tokens, DaySchedule(), rows);
  const Connection& connection = *rows.connection;
  ASSERT_EQ(connection.tokens.size(), 3u);
  EXPECT_EQ(connection.tokens[0].issue_time, kNow);
  EXPECT_EQ(connection.tokens[1].name, "user");
  EXPECT_EQ(connection.tokens[1].issue_time, rows.now);
  EXPECT_EQ(connection.tokens[2].name, "extra");
  EXPECT_THAT(connection.scopes, ElementsAre("pins:write"));
  EXPECT_THAT(
      connection.metadata,
      UnorderedElementsAre(Pair("team", "t-1"), Pair("url", "https://b")));
  EXPECT_EQ(connection.generation, 4);
  EXPECT_EQ(connection.state, ConnectionState::kActive);
  EXPECT_EQ(connection.last_refresh_time, rows.now);
  EXPECT_EQ(connection.update_time, rows.now);
  EXPECT_EQ(connection.last_failure, std::nullopt);
  EXPECT_EQ(connection.dead_refresh_digest, "");
  EXPECT_EQ(connection.lease, store::Lease());
  EXPECT_EQ(connection.attempt, store::Attempt());
  // The main token is overdue.
  EXPECT_EQ(connection.due_time, kNow + absl::Minutes(48));
  ASSERT_THAT(Types(rows.events), ElementsAre(EventType::kRefreshed));
  EXPECT_EQ(rows.events[0].generation, 4);
}

TEST(CommitRefreshTest, KeepsTheTokensOfARevocationUnderWay) {
  Rows rows = ActiveRows();
  const BeginRefresh begin = BeginOf(*rows.connection);
  ASSERT_EQ(Begin(begin, rows), BeginOutcome::kBegun);
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  rows.events.clear();
  ASSERT_TRUE(Owns(RefOf(begin), *rows.connection));
  rows.now += absl::Seconds(1);
  CommitRefresh(TokensAt(rows.now), DaySchedule(), rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  EXPECT_EQ(rows.connection->tokens[0].issue_time, rows.now);
  EXPECT_EQ(rows.connection->generation, 5);
  EXPECT_EQ(rows.connection->due_time, rows.now);
  EXPECT_THAT(rows.events, IsEmpty());
  // A revocation of the old pair does not destroy the new one untold.
  FinishRevocation(4, {}, rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  FinishRevocation(5, {}, rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoked);
}

// --- Failures ---

TEST(RecordFailureTest, TellsOnceForEachReason) {
  Rows rows = ActiveRows();
  const auto fail = [&](Reason reason, absl::Duration retry_after) {
    rows.events.clear();
    ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
    RecordFailure(
        {.reason = reason, .message = "m", .retry_after = retry_after},
        DaySchedule(), rows);
  };
  rows.now += absl::Minutes(48);
  fail(Reason::kProviderUnavailable, absl::Seconds(1));
  ASSERT_THAT(Types(rows.events), ElementsAre(EventType::kRefreshFailed));
  EXPECT_EQ(rows.events[0].reason, "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(rows.events[0].generation, 3);
  EXPECT_EQ(rows.connection->last_failure->count, 1);
  EXPECT_EQ(rows.connection->last_failure->message, "m");
  EXPECT_EQ(rows.connection->last_failure->time, rows.now);
  EXPECT_EQ(rows.connection->due_time, rows.now + absl::Seconds(1));
  fail(Reason::kProviderUnavailable, absl::Seconds(2));
  EXPECT_THAT(rows.events, IsEmpty());
  EXPECT_EQ(rows.connection->last_failure->count, 2);
  EXPECT_EQ(rows.connection->due_time, rows.now + absl::Seconds(2));
  fail(Reason::kProviderThrottled, absl::Minutes(10));
  EXPECT_THAT(Types(rows.events), ElementsAre(EventType::kRefreshFailed));
  EXPECT_EQ(rows.connection->last_failure->count, 3);
  EXPECT_EQ(rows.connection->due_time, rows.now + absl::Minutes(10));
  EXPECT_EQ(rows.connection->state, ConnectionState::kActive);
  EXPECT_EQ(rows.connection->generation, 3);
  EXPECT_EQ(rows.connection->lease, store::Lease());
}

TEST(RecordFailureTest, AnUnansweredRequestIsRepeatedSoon) {
  // Somebody asked for a refresh long before it was due, of a connection that
  // has not been used for a week.
  Rows rows = ActiveRows();
  rows.connection->last_use_time = kNow - absl::Hours(7 * 24);
  rows.connection->create_time = kNow - absl::Hours(30 * 24);
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  RecordFailure({.retry_after = absl::Seconds(2), .outcome_unknown = true},
                DaySchedule(), rows);
  EXPECT_EQ(rows.connection->due_time, kNow + absl::Seconds(2));
  // While the next one is at it nothing is due before its lease ends.
  rows.now += absl::Seconds(3);
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  Reschedule(DaySchedule(), rows.now, *rows.connection);
  EXPECT_EQ(rows.connection->due_time, rows.now + absl::Seconds(60));
  // A definite failure leaves nothing to be done for an idle connection.
  RecordFailure({.retry_after = absl::Seconds(2)}, DaySchedule(), rows);
  EXPECT_EQ(rows.connection->due_time,
            rows.connection->tokens[0].refresh_expire_time.value() -
                absl::Hours(7 * 24));
}

TEST(RecordFailureTest, DoesNotDisturbARevocation) {
  Rows rows = ActiveRows();
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  rows.events.clear();
  RecordFailure({.retry_after = absl::Hours(1)}, DaySchedule(), rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  EXPECT_EQ(rows.connection->due_time, kNow + absl::Seconds(60));
  EXPECT_THAT(rows.events, IsEmpty());
}

TEST(RecordDeadGrantTest, AsksForThePerson) {
  Rows rows = ActiveRows();
  const BeginRefresh begin = BeginOf(*rows.connection);
  ASSERT_EQ(Begin(begin, rows), BeginOutcome::kBegun);
  RecordDeadGrant(begin.presented_digest, "invalid_grant: gone", rows);
  const Connection& connection = *rows.connection;
  EXPECT_EQ(connection.state, ConnectionState::kReauthorizationRequired);
  EXPECT_EQ(connection.dead_refresh_digest, begin.presented_digest);
  EXPECT_EQ(connection.due_time, std::nullopt);
  EXPECT_EQ(connection.lease, store::Lease());
  EXPECT_EQ(connection.attempt, store::Attempt());
  EXPECT_EQ(connection.last_failure->reason, "REAUTHORIZATION_REQUIRED");
  EXPECT_EQ(connection.last_failure->message, "invalid_grant: gone");
  // What we hold is served as long as it lives.
  ASSERT_EQ(connection.tokens.size(), 1u);
  EXPECT_EQ(connection.generation, 3);
  ASSERT_THAT(Types(rows.events),
              ElementsAre(EventType::kReauthorizationRequired));
  EXPECT_EQ(rows.events[0].reason, "REAUTHORIZATION_REQUIRED");
  EXPECT_EQ(rows.events[0].state, ConnectionState::kReauthorizationRequired);
}

TEST(RecordDeadGrantTest, DoesNotUndoARevocation) {
  Rows rows = ActiveRows();
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  rows.events.clear();
  RecordDeadGrant("digest", "gone", rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  EXPECT_EQ(rows.connection->due_time, kNow + absl::Seconds(60));
  EXPECT_THAT(rows.events, IsEmpty());
}

// --- Revocation ---

TEST(RevocationTest, TwoSteps) {
  for (const ConnectionState state :
       {ConnectionState::kActive, ConnectionState::kReauthorizationRequired}) {
    Rows rows = ActiveRows();
    rows.connection->state = state;
    ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
    EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
    EXPECT_EQ(rows.connection->generation, 4);
    EXPECT_EQ(rows.connection->due_time, kNow + absl::Seconds(60));
    ASSERT_THAT(Types(rows.events), ElementsAre(EventType::kRevoked));
    EXPECT_EQ(rows.events[0].generation, 4);
    EXPECT_EQ(rows.connection->tokens.size(), 1u);
    // Again, by someone who does not know.
    rows.now += absl::Seconds(10);
    ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
    EXPECT_EQ(rows.connection->generation, 4);
    EXPECT_EQ(rows.connection->due_time, rows.now + absl::Seconds(60));
    EXPECT_EQ(rows.events.size(), 1u);

    FinishRevocation(4, {{.token = "t", .detail = "d"}}, rows);
    EXPECT_EQ(rows.connection->state, ConnectionState::kRevoked);
    EXPECT_THAT(rows.connection->tokens, IsEmpty());
    ASSERT_EQ(rows.connection->revocation.size(), 1u);
    EXPECT_EQ(rows.connection->due_time, std::nullopt);
    EXPECT_EQ(rows.events.size(), 1u);

    const Connection before = *rows.connection;
    rows.now += absl::Seconds(10);
    EXPECT_FALSE(BeginRevocation(absl::Seconds(60), rows));
    FinishRevocation(4, {}, rows);
    EXPECT_EQ(*rows.connection, before);
  }
}

TEST(RevocationTest, ANewConsentBetweenTheStepsCounts) {
  Rows rows = ActiveRows();
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  rows.authorization = ConsentRows(true).authorization;
  ASSERT_TRUE(Connect(TokensAt(kNow), {}, DaySchedule(), rows).ok());
  const Connection renewed = *rows.connection;
  FinishRevocation(4, {}, rows);
  EXPECT_EQ(*rows.connection, renewed);
  EXPECT_EQ(renewed.state, ConnectionState::kActive);
  // And then a second revocation, to which the first one's end means nothing.
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  FinishRevocation(4, {}, rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
}

}  // namespace
}  // namespace valetkey::broker
