// Several replicas at one connection, in random order, with views of it that
// are as old as they like: what must hold whatever they do.
//
// A replica is modelled as the broker behaves (refresh.cc, revoke.cc,
// scheduler.cc): it reads, begins, sends, and writes what came of it only if
// it still owns its attempt. It may be slow, die, come back under another
// name, or act on a row that has long changed.

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/broker/rules.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::ConnectionState;
using store::EventType;
using store::Rows;
using store::TokenRecord;

constexpr absl::Duration kLease = absl::Seconds(60);
const char* const kTokens[] = {"", "user"};

struct Flight {
  BeginRefresh begin;
  std::int64_t number = 0;
  absl::Time lease_end;
  // Whether a consent or a revocation has taken the claim away, which the
  // replica does not know.
  bool voided = false;

  AttemptRef Ref() const {
    return {.instance = begin.instance,
            .attempt_id = begin.attempt_id,
            .number = number,
            .token = begin.token};
  }
};

struct Replica {
  std::string instance;
  Connection view;
  std::optional<Flight> flight;
  std::optional<Connection> revoking;  // what it told the provider of
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    rows_.now = absl::FromUnixSeconds(1'700'000'000);
    for (int i = 0; i < 4; ++i) replicas_.push_back({.instance = NewName()});
    Consent();
    for (Replica& replica : replicas_) replica.view = row();
  }

  void Step() {
    Replica& replica = replicas_[random_() % replicas_.size()];
    const Rows before = rows_;
    rows_.events.clear();
    consented_ = false;
    committed_ = false;
    switch (random_() % 16) {
      case 0:
      case 1:
        rows_.now += absl::Seconds(static_cast<int>(random_() % 40));
        break;
      case 2:
        // Long enough for any lease to end.
        if (random_() % 4 == 0) rows_.now += absl::Hours(random_() % 30);
        break;
      case 3:
      case 4:
      case 5:
        replica.view = row();
        break;
      case 6:
      case 7:
      case 8:
        BeginBy(replica);
        break;
      case 9:
      case 10:
        CommitBy(replica);
        break;
      case 11:
        FailBy(replica);
        break;
      case 12:
        if (random_() % 4 == 0) DieBy(replica);
        break;
      case 13:
        LookBy(replica);
        break;
      case 14:
        if (random_() % 4 == 0) {
          RevokeBy(replica);
        } else {
          FinishBy(replica);
        }
        break;
      case 15:
        if (random_() % 6 == 0) Consent();
        if (random_() % 6 == 0) CrashOf(replica);
        break;
    }
    CheckStep(before);
  }

  // What happened at all: a run in which nothing did proves nothing.
  const std::map<std::string, int>& counts() const { return counts_; }

 private:
  Connection& row() { return *rows_.connection; }
  std::string NewName() { return absl::StrCat("n-", ++names_); }
  Schedule NewSchedule() {
    Schedule schedule{.idle_after = absl::Hours(24),
                      .expiring_notice = absl::Hours(7 * 24)};
    if (random_() % 2 == 0) schedule.keep_alive = rows_.now + absl::Hours(50);
    if (random_() % 3 == 0) {
      schedule.last_use =
          rows_.now - absl::Minutes(static_cast<int>(random_() % 3000));
    }
    schedule_ = schedule;
    schedule_time_ = rows_.now;
    return schedule;
  }

  NewTokens Fresh(const std::string& name) {
    TokenRecord token;
    token.name = name;
    token.access_sealed = NewName();
    token.refresh_sealed = NewName();
    token.refresh_digest = token.refresh_sealed;
    token.issue_time = rows_.now;
    token.expire_time = rows_.now + absl::Hours(1);
    token.due_time = rows_.now + absl::Minutes(48);
    if (random_() % 2 == 0) {
      token.refresh_expire_time = rows_.now + absl::Hours(1 + random_() % 100);
    }
    return {.tokens = {token}};
  }

  void Consent() {
    store::Authorization consent;
    consent.connection = "applications/a/connections/c";
    consent.application = "applications/a";
    consent.reauthorize = rows_.connection.has_value();
    rows_.authorization = consent;
    NewTokens tokens = Fresh("");
    tokens.tokens.push_back(Fresh("user").tokens[0]);
    ASSERT_TRUE(Connect(tokens, {}, NewSchedule(), rows_).ok());
    VoidAll();
    owner_.reset();
    consented_ = true;
    ++counts_["consent"];
  }

  void VoidAll() {
    for (Replica& replica : replicas_) {
      if (replica.flight) replica.flight->voided = true;
    }
  }

  void BeginBy(Replica& replica) {
    if (replica.flight) return;  // one flight in one process
    const TokenRecord* token = FindToken(replica.view, kTokens[random_() % 2]);
    if (token == nullptr) return;
    const BeginRefresh begin{.instance = replica.instance,
                             .attempt_id = NewName(),
                             .token = token->name,
                             .generation = replica.view.generation,
                             .presented_digest = token->refresh_digest,
                             .lease = kLease};
    const Connection before = row();
    const BeginOutcome outcome = Begin(begin, rows_);
    if (outcome != BeginOutcome::kBegun) {
      ++counts_[outcome == BeginOutcome::kMoved ? "moved" : "leased"];
      ASSERT_EQ(row(), before);
      return;
    }
    ++counts_["begun"];
    // Nobody else may hold a lease that has not ended.
    for (const Replica& other : replicas_) {
      if (!other.flight || other.flight->voided) continue;
      ASSERT_LE(other.flight->lease_end, rows_.now)
          << other.instance << " and " << replica.instance;
      ++counts_["taken over"];
    }
    // What is presented is what the row holds: never a secret of the past.
    const TokenRecord* held = FindToken(row(), begin.token);
    ASSERT_NE(held, nullptr);
    ASSERT_EQ(begin.presented_digest, held->refresh_digest);
    const int unknown =
        before.attempt.id.empty() ||
                before.attempt.refresh_digest != begin.presented_digest
            ? 0
            : before.attempt.unknown_outcomes + 1;
    ASSERT_EQ(row().attempt.unknown_outcomes, unknown);
    ASSERT_EQ(row().state, ConnectionState::kActive);
    ASSERT_EQ(row().attempts, before.attempts + 1);
    replica.flight = Flight{.begin = begin,
                            .number = row().attempts,
                            .lease_end = rows_.now + kLease};
    owner_ = begin.attempt_id;
  }

  // Whether the replica may write its outcome; ends its flight.
  bool LandBy(Replica& replica) {
    const bool owns = Owns(replica.flight->Ref(), row());
    EXPECT_EQ(owns, owner_ == replica.flight->begin.attempt_id);
    if (!owns) {
      ++counts_["refused"];
      replica.flight.reset();
    }
    return owns;
  }

  void CommitBy(Replica& replica) {
    if (!replica.flight) return;
    const AttemptRef attempt = replica.flight->Ref();
    const bool owns = Owns(attempt, row());
    ASSERT_EQ(owns, owner_ == attempt.attempt_id);
    const Landing landing = LandingOf(attempt, rows_);
    if (owns) ASSERT_EQ(landing, Landing::kCommit);
    const TokenRecord* held = FindToken(row(), attempt.token);
    if (landing == Landing::kWait) {
      // It will be asked again; or dies, with the tokens.
      ++counts_["waited"];
      return;
    }
    replica.flight.reset();
    if (landing != Landing::kCommit) {
      // Thrown away only if the row has something newer, or wants nothing.
      if (landing == Landing::kRevoked) {
        ASSERT_EQ(row().state, ConnectionState::kRevoked);
        ++counts_["revoked late"];
      } else {
        ASSERT_EQ(landing, Landing::kLost);
        ASSERT_TRUE(held == nullptr || held->attempt > attempt.number);
        ++counts_["refused"];
      }
      return;
    }
    const ConnectionState state = row().state;
    const std::int64_t generation = row().generation;
    ASSERT_LT(held->attempt, attempt.number);
    const NewTokens tokens = Fresh(attempt.token);
    CommitRefresh(attempt, tokens, NewSchedule(), rows_);
    const bool revoking = state == ConnectionState::kRevoking;
    ASSERT_EQ(row().generation, generation + (revoking ? 0 : 1));
    ASSERT_EQ(row().state, revoking ? state : ConnectionState::kActive);
    ASSERT_EQ(FindToken(row(), attempt.token)->access_sealed,
              tokens.tokens[0].access_sealed);
    ASSERT_EQ(LandingOf(attempt, rows_), Landing::kDone);
    ASSERT_FALSE(row().last_failure.has_value());
    owner_.reset();
    committed_ = true;
    ASSERT_TRUE(row().lease.owner.empty());
    if (!owns) ++counts_["committed late"];
    ++counts_[revoking ? "committed for revocation" : "committed"];
  }

  void FailBy(Replica& replica) {
    if (!replica.flight || !LandBy(replica)) return;
    const RefreshFailure failure{
        .reason = random_() % 2 == 0 ? Reason::kProviderUnavailable
                                     : Reason::kProviderThrottled,
        .retry_after = absl::Seconds(static_cast<int>(random_() % 400)),
        .outcome_unknown = random_() % 2 == 0};
    const int unknown = row().attempt.unknown_outcomes;
    RecordFailure(failure, NewSchedule(), rows_);
    ASSERT_EQ(row().attempt.id.empty(),
              !failure.outcome_unknown && unknown == 0);
    EndBy(replica);
    ++counts_["failed"];
  }

  void DieBy(Replica& replica) {
    if (!replica.flight || !LandBy(replica)) return;
    const ConnectionState state = row().state;
    RecordDeadGrant(replica.flight->begin.presented_digest, "gone", rows_);
    ASSERT_EQ(row().state, state == ConnectionState::kActive
                               ? ConnectionState::kReauthorizationRequired
                               : state);
    EndBy(replica);
    ++counts_["dead"];
  }

  void EndBy(Replica& replica) {
    replica.flight.reset();
    owner_.reset();
    ASSERT_TRUE(row().lease.owner.empty());
  }

  // The scheduler at a connection that has nothing to be sent.
  void LookBy(Replica& replica) {
    if (replica.view != row()) return;  // the revision has changed
    const Schedule schedule = NewSchedule();
    AnnounceExpiring(schedule, rows_);
    Reschedule(schedule, rows_.now, row());
  }

  void RevokeBy(Replica& replica) {
    const ConnectionState state = row().state;
    const bool begun = BeginRevocation(kLease, rows_);
    ASSERT_EQ(begun, state != ConnectionState::kRevoked);
    if (begun) replica.revoking = row();
    ++counts_["revoked"];
  }

  void FinishBy(Replica& replica) {
    if (!replica.revoking || random_() % 2 == 0) return;
    const Connection before = row();
    FinishRevocation(*replica.revoking, {}, rows_);
    const bool due = before.state == ConnectionState::kRevoking &&
                     before.generation == replica.revoking->generation &&
                     before.tokens == replica.revoking->tokens;
    if (due) {
      ASSERT_EQ(row().state, ConnectionState::kRevoked);
      owner_.reset();
      VoidAll();
      ++counts_["finished"];
    } else {
      ASSERT_EQ(row(), before);
      ++counts_["finished too late"];
    }
    replica.revoking.reset();
  }

  void CrashOf(Replica& replica) {
    if (replica.flight) ++counts_["crashed in flight"];
    replica = {.instance = NewName(), .view = row()};
  }

  void CheckStep(const Rows& before) {
    const Connection& connection = row();
    ASSERT_GE(connection.generation, before.connection->generation);
    const ConnectionState was = before.connection->state;
    const ConnectionState is = connection.state;
    if (is == ConnectionState::kActive && was != is) {
      ASSERT_TRUE(
          consented_ ||
          (committed_ && was == ConnectionState::kReauthorizationRequired));
    }
    if (was == ConnectionState::kRevoked) {
      ASSERT_TRUE(is == was || consented_);
    }
    if (was == ConnectionState::kRevoking) {
      ASSERT_NE(is, ConnectionState::kReauthorizationRequired);
    }
    // A state that gives out no more, or another token, is a new generation.
    if (is == ConnectionState::kRevoking && was != is) {
      ASSERT_GT(connection.generation, before.connection->generation);
    }
    if (is == ConnectionState::kRevoked) {
      ASSERT_TRUE(connection.tokens.empty());
      ASSERT_EQ(connection.due_time, std::nullopt);
    }
    if (is == ConnectionState::kRevoking) {
      ASSERT_TRUE(connection.due_time.has_value());
    }
    if (is == ConnectionState::kActive) CheckDue(connection);
    CheckEvents(before);
  }

  // The scheduler comes by for all that is to be done.
  void CheckDue(const Connection& connection) {
    if (!connection.attempt.id.empty()) {
      // A request is under way, or its outcome is not known: someone looks
      // again when the lease has ended and no failure forbids it.
      absl::Time latest = rows_.now;
      if (!connection.lease.owner.empty()) {
        latest = std::max(latest, connection.lease.expire_time);
      }
      if (connection.last_failure) {
        latest = std::max(latest, connection.last_failure->retry_time);
      }
      ASSERT_TRUE(connection.due_time.has_value());
      ASSERT_LE(*connection.due_time, latest);
    }
    if (schedule_.keep_alive) {
      ASSERT_TRUE(connection.due_time.has_value());
    }
    // What was in use when it was last looked at is looked at again.
    if (!IsIdle(connection, schedule_, schedule_time_)) {
      ASSERT_TRUE(connection.due_time.has_value());
    }
  }

  void CheckEvents(const Rows& before) {
    int revoked = 0;
    int refreshed = 0;
    for (const store::Event& event : rows_.events) {
      ASSERT_EQ(event.connection, row().name);
      ASSERT_EQ(event.application, "applications/a");
      ASSERT_EQ(event.generation, row().generation);
      revoked += event.type == EventType::kRevoked ? 1 : 0;
      refreshed += event.type == EventType::kRefreshed ? 1 : 0;
      ++counts_[absl::StrCat("event ", EventTypeName(event.type))];
    }
    // Whoever counts on events to forget tokens misses none of them.
    if (row().generation > before.connection->generation) {
      ASSERT_FALSE(rows_.events.empty());
    }
    if (row().state == ConnectionState::kRevoking &&
        before.connection->state != ConnectionState::kRevoking) {
      ASSERT_EQ(revoked, 1);
    } else {
      ASSERT_EQ(revoked, 0);
    }
    if (refreshed > 0) ASSERT_EQ(row().state, ConnectionState::kActive);
  }

  std::mt19937 random_;
  int names_ = 0;
  Rows rows_;
  Schedule schedule_;  // the last one drawn, and when
  absl::Time schedule_time_;
  std::vector<Replica> replicas_;
  // The attempt whose outcome may be written.
  std::optional<std::string> owner_;
  bool consented_ = false;
  bool committed_ = false;
  std::map<std::string, int> counts_;
};

// What must have happened, each more than ten times, for the runs to prove it.
constexpr const char* kHappenings[] = {"consent",
                                       "begun",
                                       "moved",
                                       "leased",
                                       "taken over",
                                       "refused",
                                       "waited",
                                       "committed",
                                       "committed late",
                                       "revoked late",
                                       "committed for revocation",
                                       "failed",
                                       "dead",
                                       "revoked",
                                       "finished",
                                       "finished too late",
                                       "crashed in flight",
                                       "event REFRESHED",
                                       "event REFRESH_FAILED",
                                       "event EXPIRING",
                                       "event REVOKED",
                                       "event REAUTHORIZED",
                                       "event REAUTHORIZATION_REQUIRED"};

// 200 runs, and more of them where chance has left something out: "revoked
// late" comes about once in eleven runs.
TEST(RulesModelTest, RandomOrders) {
  unsigned seed = std::random_device()();
  if (const char* given = std::getenv("VALETKEY_TEST_SEED")) {
    seed = static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  }
  std::map<std::string, int> counts;
  const auto happened = [&](const char* what) { return counts[what] > 10; };
  for (unsigned run = 0;
       run < 200 || (run < 2000 && !absl::c_all_of(kHappenings, happened));
       ++run) {
    SCOPED_TRACE(absl::StrCat("VALETKEY_TEST_SEED=", seed + run));
    Model model(seed + run);
    for (int step = 0; step < 500; ++step) {
      model.Step();
      if (::testing::Test::HasFatalFailure() ||
          ::testing::Test::HasNonfatalFailure()) {
        FAIL() << "in step " << step;
      }
    }
    for (const auto& [what, count] : model.counts()) counts[what] += count;
  }
  for (const char* what : kHappenings) EXPECT_TRUE(happened(what)) << what;
}

}  // namespace
}  // namespace valetkey::broker
