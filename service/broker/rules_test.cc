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

// --- Connect ---

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
  CommitRefresh({.number = 8}, tokens, DaySchedule(), rows);
  const Connection& connection = *rows.connection;
  ASSERT_EQ(connection.tokens.size(), 3u);
  EXPECT_EQ(connection.tokens[0].issue_time, kNow);
  EXPECT_EQ(connection.tokens[1].name, "user");
  EXPECT_EQ(connection.tokens[1].issue_time, rows.now);
  EXPECT_EQ(connection.tokens[1].attempt, 8);
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
  const Connection told = *rows.connection;
  ASSERT_TRUE(Owns(RefOf(begin, rows), *rows.connection));
  rows.now += absl::Seconds(1);
  CommitRefresh(RefOf(begin, rows), TokensAt(rows.now), DaySchedule(), rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  EXPECT_EQ(rows.connection->tokens[0].issue_time, rows.now);
  // Nothing that anybody could see has changed.
  EXPECT_EQ(rows.connection->generation, told.generation);
  EXPECT_EQ(rows.connection->due_time, rows.now);
  EXPECT_THAT(rows.events, IsEmpty());
  // A revocation of the old pair does not destroy the new one untold.
  FinishRevocation(told, {}, rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
  FinishRevocation(Connection(*rows.connection), {}, rows);
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
  // A definite failure of the second tells nothing of the first.
  RecordFailure({.retry_after = absl::Seconds(2)}, DaySchedule(), rows);
  EXPECT_EQ(rows.connection->due_time, rows.now + absl::Seconds(2));
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

    const Connection told = *rows.connection;
    FinishRevocation(told, {{.token = "t", .detail = "d"}}, rows);
    EXPECT_EQ(rows.connection->state, ConnectionState::kRevoked);
    EXPECT_THAT(rows.connection->tokens, IsEmpty());
    ASSERT_EQ(rows.connection->revocation.size(), 1u);
    EXPECT_EQ(rows.connection->due_time, std::nullopt);
    EXPECT_EQ(rows.events.size(), 1u);

    const Connection before = *rows.connection;
    rows.now += absl::Seconds(10);
    EXPECT_FALSE(BeginRevocation(absl::Seconds(60), rows));
    FinishRevocation(told, {}, rows);
    EXPECT_EQ(*rows.connection, before);
  }
}

TEST(RevocationTest, ANewConsentBetweenTheStepsCounts) {
  Rows rows = ActiveRows();
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  const Connection told = *rows.connection;
  rows.authorization = ConsentRows(true).authorization;
  ASSERT_TRUE(Connect(TokensAt(kNow), {}, DaySchedule(), rows).ok());
  const Connection renewed = *rows.connection;
  FinishRevocation(told, {}, rows);
  EXPECT_EQ(*rows.connection, renewed);
  EXPECT_EQ(renewed.state, ConnectionState::kActive);
  // And then a second revocation, to which the first one's end means nothing.
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  FinishRevocation(told, {}, rows);
  EXPECT_EQ(rows.connection->state, ConnectionState::kRevoking);
}

}  // namespace
}  // namespace valetkey::broker
