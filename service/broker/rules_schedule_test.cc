// When there is work next, and what is told of it.

#include <optional>
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
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

struct DueCase {
  std::string name;
  std::optional<absl::Duration> token_due;  // from kNow on, as all here
  std::optional<absl::Duration> keep_alive;
  std::optional<absl::Duration> death;  // of the refresh token
  absl::Duration used;                  // the last use
  std::optional<absl::Duration> used_in_memory;
  std::optional<absl::Duration> retry;
  bool announced = false;
  std::optional<absl::Duration> due;
};

TEST(RescheduleTest, Table) {
  constexpr absl::Duration kDay = absl::Hours(24);
  const auto none = std::nullopt;
  const DueCase cases[] = {
      {"in use", absl::Minutes(48), none, none, -absl::Hours(1), none, none,
       false, absl::Minutes(48)},
      {"overdue", -absl::Minutes(1), none, none, -absl::Hours(1), none, none,
       false, -absl::Minutes(1)},
      {"never due by itself", none, none, none, -absl::Hours(1), none, none,
       false, none},
      {"just not idle", absl::Minutes(48), none, none, -kDay, none, none, false,
       absl::Minutes(48)},
      {"idle", absl::Minutes(48), none, none, -kDay - absl::Seconds(1), none,
       none, false, none},
      {"idle but for memory", absl::Minutes(48), none, none, -3 * kDay,
       -absl::Hours(1), none, false, absl::Minutes(48)},
      {"idle, to be kept alive", absl::Minutes(48), 48 * kDay, none, -3 * kDay,
       none, none, false, 48 * kDay},
      {"in use, to be kept alive", absl::Minutes(48), 48 * kDay, none,
       -absl::Hours(1), none, none, false, absl::Minutes(48)},
      {"after a failure", -absl::Minutes(1), none, none, -absl::Hours(1), none,
       absl::Minutes(5), false, absl::Minutes(5)},
      {"a failure that is over", absl::Minutes(48), none, none, -absl::Hours(1),
       none, -absl::Minutes(5), false, absl::Minutes(48)},
      {"idle, nothing to do after a failure", absl::Minutes(1), none, none,
       -3 * kDay, none, absl::Minutes(5), false, none},
      {"notice of the end", absl::Minutes(48), none, 60 * kDay, -3 * kDay, none,
       none, false, 53 * kDay},
      {"notice does not wait for a failure", absl::Minutes(48), none, 60 * kDay,
       -absl::Hours(1), none, 58 * kDay, false, 53 * kDay},
      {"notice was given", absl::Minutes(48), none, 60 * kDay, -3 * kDay, none,
       none, true, none},
      {"a short life, the last quarter", none, none, 4 * kDay, -absl::Hours(1),
       none, none, false, 3 * kDay},
  };
  for (const DueCase& one : cases) {
    SCOPED_TRACE(one.name);
    const auto at = [](std::optional<absl::Duration> from_now) {
      return from_now ? std::optional<absl::Time>(kNow + *from_now)
                      : std::nullopt;
    };
    Connection connection = *ActiveRows().connection;
    connection.create_time = kNow - 30 * kDay;
    connection.tokens[0].due_time = at(one.token_due);
    connection.tokens[0].refresh_expire_time = at(one.death);
    connection.last_use_time = kNow + one.used;
    connection.expiring_announced = one.announced;
    if (one.retry) {
      connection.last_failure =
          store::Failure{.reason = "X", .retry_time = kNow + *one.retry};
    }
    Schedule schedule = DaySchedule();
    schedule.keep_alive = at(one.keep_alive);
    schedule.last_use = at(one.used_in_memory);
    Reschedule(schedule, kNow, connection);
    EXPECT_EQ(connection.due_time, at(one.due));
    EXPECT_EQ(connection.last_use_time,
              at(one.used_in_memory ? one.used_in_memory : one.used));
    for (const ConnectionState state :
         {ConnectionState::kReauthorizationRequired,
          ConnectionState::kRevoked}) {
      connection.state = state;
      connection.due_time = kNow;
      Reschedule(schedule, kNow, connection);
      EXPECT_EQ(connection.due_time, std::nullopt);
    }
  }
}

TEST(RescheduleTest, TheEarliestOfSeveralTokens) {
  Connection connection = *ActiveRows().connection;
  connection.tokens = {Token("", kNow), Token("user", kNow - absl::Minutes(5)),
                       Token("other", kNow + absl::Minutes(5))};
  Reschedule(DaySchedule(), kNow, connection);
  EXPECT_EQ(connection.due_time, kNow + absl::Minutes(43));
}

TEST(RescheduleTest, ARevocationKeepsItsTime) {
  Rows rows = ActiveRows();
  ASSERT_TRUE(BeginRevocation(absl::Seconds(60), rows));
  Reschedule(DaySchedule(), kNow, *rows.connection);
  EXPECT_EQ(rows.connection->due_time, kNow + absl::Seconds(60));
}

TEST(IsIdleTest, ANewConnectionIsInUse) {
  Connection connection;
  connection.create_time = kNow;
  EXPECT_FALSE(IsIdle(connection, DaySchedule(), kNow));
  EXPECT_FALSE(IsIdle(connection, DaySchedule(), kNow + absl::Hours(24)));
  EXPECT_TRUE(IsIdle(connection, DaySchedule(), kNow + absl::Hours(25)));
}

TEST(AnnounceExpiringTest, Once) {
  Rows rows = ActiveRows();
  AnnounceExpiring(DaySchedule(), rows);
  EXPECT_THAT(rows.events, IsEmpty());
  rows.now = kNow + absl::Hours(53 * 24);
  AnnounceExpiring(DaySchedule(), rows);
  ASSERT_THAT(Types(rows.events), ElementsAre(EventType::kExpiring));
  AnnounceExpiring(DaySchedule(), rows);
  EXPECT_EQ(rows.events.size(), 1u);
}

TEST(AnnounceExpiringTest, OnlyWhatIsActiveAndDies) {
  for (const ConnectionState state :
       {ConnectionState::kReauthorizationRequired, ConnectionState::kRevoking,
        ConnectionState::kRevoked}) {
    Rows rows = ActiveRows();
    rows.now = kNow + absl::Hours(53 * 24);
    rows.connection->state = state;
    AnnounceExpiring(DaySchedule(), rows);
    EXPECT_THAT(rows.events, IsEmpty());
  }
  Rows rows = ActiveRows();
  rows.now = kNow + absl::Hours(1000 * 24);
  rows.connection->tokens[0].refresh_expire_time.reset();
  AnnounceExpiring(DaySchedule(), rows);
  EXPECT_THAT(rows.events, IsEmpty());
}

// A year's life that no refresh prolongs, told in seconds from now that waver,
// and an access token renewed each hour: one notice, a week ahead.
TEST(AnnounceExpiringTest, InTimeThoughAccessTokensAreRenewed) {
  Rows rows = ActiveRows();
  const absl::Time death = kNow + absl::Hours(365 * 24);
  rows.connection->tokens[0].refresh_expire_time = death;
  std::vector<absl::Time> announced;
  for (int hour = 1; hour < 365 * 24; ++hour) {
    rows.now = kNow + absl::Hours(hour);
    rows.events.clear();
    AnnounceExpiring(DaySchedule(), rows);
    if (!rows.events.empty()) announced.push_back(rows.now);
    NewTokens tokens = TokensAt(rows.now);
    tokens.tokens[0].refresh_expire_time = death + absl::Seconds(hour % 3 - 1);
    CommitRefresh({.number = 1}, tokens, DaySchedule(), rows);
  }
  ASSERT_EQ(announced.size(), 1u);
  EXPECT_GE(announced[0], death - absl::Hours(7 * 24) - absl::Seconds(1));
  EXPECT_LE(announced[0], death - absl::Hours(7 * 24 - 1));
}

// A life of a day that each refresh prolongs: no notice at all while they
// succeed, and one when they cease to.
TEST(AnnounceExpiringTest, NotWhileALifeIsProlonged) {
  Rows rows = ActiveRows();
  for (int hour = 1; hour < 100; ++hour) {
    rows.now = kNow + absl::Hours(hour);
    rows.events.clear();
    AnnounceExpiring(DaySchedule(), rows);
    EXPECT_THAT(rows.events, IsEmpty());
    NewTokens tokens = TokensAt(rows.now);
    tokens.tokens[0].refresh_expire_time = rows.now + absl::Hours(24);
    CommitRefresh({.number = 1}, tokens, DaySchedule(), rows);
  }
  rows.events.clear();
  rows.now += absl::Hours(18);
  AnnounceExpiring(DaySchedule(), rows);
  EXPECT_THAT(Types(rows.events), ElementsAre(EventType::kExpiring));
  // A refresh at last: the next end is another one.
  NewTokens tokens = TokensAt(rows.now);
  tokens.tokens[0].refresh_expire_time = rows.now + absl::Hours(24);
  CommitRefresh({.number = 1}, tokens, DaySchedule(), rows);
  EXPECT_FALSE(rows.connection->expiring_announced);
}

TEST(BackoffTest, DoublesToFiveMinutes) {
  EXPECT_EQ(Backoff(1, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(2, 0), absl::Seconds(2));
  EXPECT_EQ(Backoff(9, 0), absl::Seconds(256));
  EXPECT_EQ(Backoff(10, 0), absl::Minutes(5));
  EXPECT_EQ(Backoff(1'000'000'000, 0), absl::Minutes(5));
  EXPECT_EQ(Backoff(0, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(-5, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(3, 0.5), absl::Seconds(4.5));
  EXPECT_LE(Backoff(50, 0.999), absl::Minutes(5) * 1.25);
}

TEST(RefreshExpiryTest, TheEarliest) {
  Connection connection;
  EXPECT_EQ(RefreshExpiry(connection), std::nullopt);
  connection.tokens = {Token("", kNow), Token("user", kNow - absl::Hours(1))};
  EXPECT_EQ(RefreshExpiry(connection),
            kNow + absl::Hours(60 * 24) - absl::Hours(1));
  connection.tokens[1].refresh_expire_time.reset();
  EXPECT_EQ(RefreshExpiry(connection), kNow + absl::Hours(60 * 24));
}

TEST(FindTokenTest, ByName) {
  Connection connection;
  EXPECT_EQ(FindToken(connection, ""), nullptr);
  connection.tokens = {Token("", kNow), Token("user", kNow)};
  EXPECT_EQ(FindToken(connection, ""), &connection.tokens[0]);
  EXPECT_EQ(FindToken(connection, "user"), &connection.tokens[1]);
  EXPECT_EQ(FindToken(connection, "bot"), nullptr);
}

TEST(StateErrorTest, ForEachState) {
  Connection connection = *ActiveRows().connection;
  EXPECT_TRUE(StateError(connection).ok());
  connection.state = ConnectionState::kReauthorizationRequired;
  const absl::Status dead = StateError(connection);
  EXPECT_EQ(ReasonOf(dead), Reason::kReauthorizationRequired);
  EXPECT_THAT(MetadataOf(dead),
              UnorderedElementsAre(Pair("connection", kName),
                                   Pair("provider", kProvider),
                                   Pair("subject", "u-1")));
  for (const ConnectionState state :
       {ConnectionState::kRevoking, ConnectionState::kRevoked}) {
    connection.state = state;
    EXPECT_EQ(ReasonOf(StateError(connection)), Reason::kConnectionRevoked);
  }
}

}  // namespace
}  // namespace valetkey::broker
