// The lease, the fence and the attempt record: who may send, and whose answer
// counts.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/broker/rules.h"
#include "service/broker/rules_harness.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::ConnectionState;
using store::EventType;
using store::Rows;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct BeginCase {
  std::string name;
  std::string owner;    // of the lease that is there
  absl::Duration left;  // of it
  bool exclusive = false;
  BeginOutcome outcome;
};

// A replica that stood still until its lease had ended, with tokens.
TEST(LandingTest, WhatBecomesOfTokensThatComeLate) {
  Rows rows = ActiveRows();
  Connection& connection = *rows.connection;
  const BeginRefresh first = BeginOf(connection, "one", "a");
  ASSERT_EQ(Begin(first, rows), BeginOutcome::kBegun);
  const AttemptRef late = RefOf(first, rows);
  rows.now += absl::Seconds(61);
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);  // nobody took over
  const BeginRefresh second = BeginOf(connection, "two", "b");
  ASSERT_EQ(Begin(second, rows), BeginOutcome::kBegun);
  EXPECT_EQ(LandingOf(late, rows), Landing::kWait);
  Rows refused = rows;
  RecordDeadGrant(second.presented_digest, "gone", refused);
  EXPECT_EQ(LandingOf(late, refused), Landing::kCommit);
  Rows answered = rows;
  CommitRefresh(RefOf(second, rows), TokensAt(rows.now), DaySchedule(),
                answered);
  EXPECT_EQ(LandingOf(late, answered), Landing::kLost);
  Rows consented = rows;
  consented.authorization = ConsentRows(true).authorization;
  ASSERT_TRUE(Connect(TokensAt(rows.now), {}, DaySchedule(), consented).ok());
  EXPECT_EQ(LandingOf(late, consented), Landing::kLost);
  rows.now += absl::Seconds(61);  // it died, or stands still as well
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
}

// Of two answers to one grant the later attempt's is the newer, whichever of
// the two replicas is the first to write.
TEST(LandingTest, ANewerAnswerIsWrittenOverAnOlderOne) {
  for (const bool rotates : {true, false}) {
    SCOPED_TRACE(rotates);
    Rows rows = ActiveRows();
    Connection& connection = *rows.connection;
    const BeginRefresh one = BeginOf(connection, "one", "a");
    ASSERT_EQ(Begin(one, rows), BeginOutcome::kBegun);
    const AttemptRef older = RefOf(one, rows);
    rows.now += absl::Seconds(61);
    const BeginRefresh two = BeginOf(connection, "two", "b");
    ASSERT_EQ(Begin(two, rows), BeginOutcome::kBegun);
    const AttemptRef newer = RefOf(two, rows);
    rows.now += absl::Seconds(61);
    const auto tokens = [&](const std::string& digest) {
      NewTokens fresh = TokensAt(rows.now);
      fresh.tokens[0].refresh_digest =
          rotates ? digest : connection.tokens[0].refresh_digest;
      return fresh;
    };
    Rows newer_first = rows;
    ASSERT_EQ(LandingOf(older, rows), Landing::kCommit);
    CommitRefresh(older, tokens("older"), DaySchedule(), rows);
    EXPECT_EQ(LandingOf(older, rows), Landing::kDone);
    ASSERT_EQ(LandingOf(newer, rows), Landing::kCommit);
    CommitRefresh(newer, tokens("newer"), DaySchedule(), rows);
    EXPECT_EQ(LandingOf(newer, rows), Landing::kDone);
    EXPECT_EQ(LandingOf(older, rows), Landing::kLost);
    EXPECT_EQ(connection.tokens[0].attempt, newer.number);

    ASSERT_EQ(LandingOf(newer, newer_first), Landing::kCommit);
    CommitRefresh(newer, tokens("newer"), DaySchedule(), newer_first);
    EXPECT_EQ(LandingOf(older, newer_first), Landing::kLost);
  }
}

TEST(LandingTest, AnAttemptForAnotherTokenIsNoReasonToDropThisOne) {
  Rows rows = ActiveRows();
  Connection& connection = *rows.connection;
  connection.tokens.push_back(Token("user", kNow));
  const BeginRefresh first = BeginOf(connection, "one", "a");
  ASSERT_EQ(Begin(first, rows), BeginOutcome::kBegun);
  const AttemptRef late = RefOf(first, rows);
  rows.now += absl::Seconds(61);
  BeginRefresh other = BeginOf(connection, "two", "b");
  other.token = "user";
  ASSERT_EQ(Begin(other, rows), BeginOutcome::kBegun);
  NewTokens user = TokensAt(rows.now);
  user.tokens[0].name = "user";
  CommitRefresh(RefOf(other, rows), user, DaySchedule(), rows);
  ASSERT_EQ(LandingOf(late, rows), Landing::kCommit);
  // Its answer brings both tokens: of the other one, the row has a newer.
  NewTokens both = TokensAt(kNow + absl::Seconds(1));
  both.tokens.push_back(Token("user", kNow + absl::Seconds(1)));
  CommitRefresh(late, both, DaySchedule(), rows);
  EXPECT_EQ(FindToken(connection, "")->issue_time, kNow + absl::Seconds(1));
  EXPECT_EQ(FindToken(connection, "user")->issue_time, rows.now);
}

TEST(LandingTest, OfWhatWasRevokedOrDeleted) {
  Rows rows = ActiveRows();
  const BeginRefresh begin = BeginOf(*rows.connection);
  ASSERT_EQ(Begin(begin, rows), BeginOutcome::kBegun);
  const AttemptRef late = RefOf(begin, rows);
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  EXPECT_EQ(LandingOf(late, rows), Landing::kCommit);
  FinishRevocation(Connection(*rows.connection), {}, rows);
  EXPECT_EQ(LandingOf(late, rows), Landing::kRevoked);
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
    EXPECT_EQ(rows.connection->attempts,
              one.outcome == BeginOutcome::kBegun ? 1 : 0);
    if (one.outcome != BeginOutcome::kBegun) {
      EXPECT_EQ(*rows.connection, before);
      EXPECT_FALSE(Owns(RefOf(begin, rows), *rows.connection));
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
    EXPECT_TRUE(Owns(RefOf(begin, rows), connection));
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
  // A definite failure says nothing of those before it.
  for (const char* attempt : {"d", "e"}) {
    RecordFailure({.retry_after = absl::Seconds(1)}, DaySchedule(), rows);
    EXPECT_EQ(rows.connection->lease, store::Lease());
    EXPECT_FALSE(rows.connection->attempt.id.empty());
    ASSERT_EQ(Begin(BeginOf(*rows.connection, "one", attempt), rows),
              BeginOutcome::kBegun);
    EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 2);
  }
  // Another secret has a history of its own.
  BeginRefresh other = BeginOf(*rows.connection, "one", "e");
  other.presented_digest = "another";
  ASSERT_EQ(Begin(other, rows), BeginOutcome::kBegun);
  EXPECT_EQ(rows.connection->attempt.unknown_outcomes, 0);
}

TEST(BeginTest, ADefiniteFailureLeavesNothingWhereAllWasAnswered) {
  Rows rows = ActiveRows();
  ASSERT_EQ(Begin(BeginOf(*rows.connection), rows), BeginOutcome::kBegun);
  RecordFailure({.retry_after = absl::Seconds(1)}, DaySchedule(), rows);
  EXPECT_EQ(rows.connection->attempt, store::Attempt());
  EXPECT_EQ(rows.connection->attempts, 1);
}

TEST(OwnsTest, OnlyTheLastAttempt) {
  Rows rows = ActiveRows();
  const BeginRefresh first = BeginOf(*rows.connection, "one", "a");
  ASSERT_EQ(Begin(first, rows), BeginOutcome::kBegun);
  rows.now += absl::Seconds(61);
  // Late, but nobody came between.
  EXPECT_TRUE(Owns(RefOf(first, rows), *rows.connection));
  const BeginRefresh second = BeginOf(*rows.connection, "two", "b");
  ASSERT_EQ(Begin(second, rows), BeginOutcome::kBegun);
  EXPECT_FALSE(Owns(RefOf(first, rows), *rows.connection));
  EXPECT_TRUE(Owns(RefOf(second, rows), *rows.connection));
  // The same instance's earlier attempt is as lost as another's.
  const BeginRefresh third = BeginOf(*rows.connection, "two", "c");
  ASSERT_EQ(Begin(third, rows), BeginOutcome::kBegun);
  EXPECT_FALSE(Owns(RefOf(second, rows), *rows.connection));
}

}  // namespace
}  // namespace valetkey::broker
