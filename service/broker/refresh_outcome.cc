// What becomes of a provider's answer to a refresh: tokens are committed, a
// failure is recorded.
//
// What comes back is committed before anyone is told, and if the store refuses
// just then, it is kept in memory and committed later, while callers already
// have the token.

#include <algorithm>
#include <utility>

#include "service/base/crypto.h"
#include "service/base/fault_point.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::Rows;
using store::TokenRecord;

// How often a flight that was taken over looks whether its tokens are needed.
constexpr absl::Duration kLatePoll = absl::Milliseconds(500);

// After a 429 that names no time.
constexpr absl::Duration kDefaultThrottle = absl::Seconds(30);

Reason ReasonOfFailure(oauth::FailureClass kind) {
  switch (kind) {
    case oauth::FailureClass::kGrantDead:
      return Reason::kReauthorizationRequired;
    case oauth::FailureClass::kClientRejected:
    case oauth::FailureClass::kAmbiguous:
      return Reason::kProviderClientRejected;
    case oauth::FailureClass::kRequestRejected:
      return Reason::kProviderRequestRejected;
    case oauth::FailureClass::kThrottled:
      return Reason::kProviderThrottled;
    case oauth::FailureClass::kUnavailable:
      return Reason::kProviderUnavailable;
    case oauth::FailureClass::kUnreadable:
      return Reason::kProviderResponseInvalid;
  }
  return Reason::kProviderResponseInvalid;
}

}  // namespace

Task<absl::StatusOr<Entry>> Broker::Impl::CommitAnswer(
    std::shared_ptr<Flight> flight, AttemptRef attempt, Connection connection,
    std::shared_ptr<const ProviderContext> provider, Hopped hopped,
    absl::Time asked) {
  const NewTokens tokens =
      SealTokens(connection.name, *provider->definition, connection.tokens,
                 hopped.answer, asked, connection.scopes);
  const std::optional<RefreshFailure> failure = std::move(hopped.failure);
  const Schedule schedule = ScheduleOf(connection, *provider->definition);
  store::RowKeys keys;
  keys.connection = connection.name;
  auto landing = std::make_shared<Landing>(Landing::kCommit);
  const store::Change change = [attempt, tokens, schedule, failure,
                                landing](Rows& rows) {
    *landing = LandingOf(attempt, rows);
    if (*landing != Landing::kCommit) {
      return absl::AbortedError("the attempt is no longer ours");
    }
    // A failure goes on counting where the one before it ended.
    const auto earlier = rows.connection->last_failure;
    CommitRefresh(attempt, tokens, schedule, rows);
    if (failure) {
      rows.connection->last_failure = earlier;
      RecordFailure(*failure, schedule, rows);
    }
    return absl::OkStatus();
  };
  auto committed = co_await d.store.Update(keys, change);
  if (!committed.ok() &&
      committed.status().code() != absl::StatusCode::kAborted) {
    // The worst moment: the provider has rotated and the store is down. The
    // callers get the token now; the pair is kept until it is written.
    Log(LogLevel::kError,
        "new tokens could not be stored; they are kept in memory and tried "
        "again",
        {{"connection", connection.name}, {"error", committed.status()}});
    Rows provisional;
    provisional.now = d.clock.Now();
    provisional.connection = connection;
    CommitRefresh(attempt, tokens, schedule, provisional);
    provisional.connection->revision += 1;
    flight->landed->Set(Publish(*provisional.connection));
    committed = co_await CommitForSure(keys, change, connection.name);
  }
  if (*landing == Landing::kWait) {
    committed = co_await CommitLate(keys, change, landing);
  }
  FaultPoint("refresh.after_commit");
  if (*landing == Landing::kRevoked) {
    // Nobody else knows these tokens, and the grant is to end.
    auto current = co_await LoadFromStore(connection.name);
    if (!flight->landed->is_set()) flight->landed->Set(current);
    connection.tokens = tokens.tokens;
    co_await RevokeLate(std::move(connection));
    co_return current;
  }
  if (*landing == Landing::kDone) {
    refreshes_ok.Add();
    co_return co_await LoadFromStore(connection.name);
  }
  if (!committed.ok()) {
    // Newer tokens are there, or it was deleted: what the store has counts.
    Log(LogLevel::kWarning,
        "tokens from the provider were not stored: the connection has "
        "changed meanwhile",
        {{"connection", connection.name}, {"error", committed.status()}});
    d.memory.Drop(connection.name, 0);
    co_return co_await LoadFromStore(connection.name);
  }
  if (failure) {
    (void)Publish(*committed->connection);
    const bool weather =
        CodeOf(failure->reason) == absl::StatusCode::kUnavailable;
    co_return MakeError(failure->reason, failure->message, {},
                        weather ? failure->retry_after : absl::ZeroDuration());
  }
  refreshes_ok.Add();
  Log(LogLevel::kInfo, "tokens refreshed",
      {{"connection", connection.name},
       {"generation", committed->connection->generation}});
  auto entry = Publish(*committed->connection);
  if (committed->connection->state != store::ConnectionState::kActive) {
    co_return StateError(*committed->connection);
  }
  co_return entry;
}

Task<absl::StatusOr<Rows>> Broker::Impl::CommitLate(
    store::RowKeys keys, store::Change change,
    std::shared_ptr<const Landing> landing) {
  absl::StatusOr<Rows> committed = absl::AbortedError("not tried");
  do {
    co_await valetkey::SleepFor(kLatePoll * (0.5 + d.random.Unit()));
    committed = co_await d.store.Update(keys, change);
    // While the store is away, what was found last still holds.
  } while (!committed.ok() &&
           (*landing == Landing::kWait || *landing == Landing::kCommit));
  co_return committed;
}

Task<absl::StatusOr<Rows>> Broker::Impl::CommitForSure(store::RowKeys keys,
                                                       store::Change change,
                                                       std::string name) {
  uncommitted_gauge.Set(++uncommitted);
  absl::StatusOr<Rows> committed = absl::UnavailableError("not tried");
  for (int count = 1;; ++count) {
    co_await valetkey::SleepFor(
        std::min(Backoff(count, d.random.Unit()), absl::Seconds(2)));
    committed = co_await d.store.Update(keys, change);
    NoteStore(committed.status());
    if (committed.ok() ||
        committed.status().code() == absl::StatusCode::kAborted) {
      break;
    }
  }
  uncommitted_gauge.Set(--uncommitted);
  if (committed.ok()) {
    Log(LogLevel::kInfo, "tokens kept in memory are stored now",
        {{"connection", name}});
  }
  co_return committed;
}

Task<bool> Broker::Impl::HoldOn(AttemptRef attempt, std::string name) {
  store::RowKeys keys;
  keys.connection = std::move(name);
  const auto held = co_await d.store.Update(
      keys, [attempt, lease = options.lease](Rows& row) {
        return ExtendLease(attempt, lease, row)
                   ? absl::OkStatus()
                   : absl::AbortedError("the attempt is no longer ours");
      });
  co_return held.ok();
}

Task<absl::StatusOr<Entry>> Broker::Impl::Fail(
    AttemptRef attempt, Connection connection,
    std::shared_ptr<const ProviderContext> provider, std::string presented,
    oauth::ProviderFailure failure, bool outcome_unknown) {
  if (failure.kind == oauth::FailureClass::kAmbiguous) {
    // To find out takes another request.
    (void)co_await HoldOn(attempt, connection.name);
    // Proof is an acceptance of this client later than the first refusal.
    absl::Time since = connection.attempt.start_time;
    if (connection.last_failure &&
        connection.last_failure->reason ==
            ReasonName(Reason::kProviderClientRejected)) {
      since = std::min(since, connection.last_failure->time);
    }
    switch (co_await FindStanding(provider, since)) {
      case ClientStanding::kAccepted:
        failure.kind = oauth::FailureClass::kGrantDead;
        break;
      case ClientStanding::kRefused:
        failure.kind = oauth::FailureClass::kClientRejected;
        break;
      case ClientStanding::kUnknown:
        failure.message =
            "the provider refused either our client or this grant, and which "
            "one cannot be told yet";
        break;
    }
  }
  const Reason reason = ReasonOfFailure(failure.kind);
  const bool dead = failure.kind == oauth::FailureClass::kGrantDead;
  const int count =
      connection.last_failure ? connection.last_failure->count + 1 : 1;
  absl::Duration retry = Backoff(count, d.random.Unit());
  if (failure.kind == oauth::FailureClass::kThrottled) {
    retry = failure.retry_after > absl::ZeroDuration() ? failure.retry_after
                                                       : kDefaultThrottle;
  } else {
    retry = std::max(retry, failure.retry_after);
  }
  std::string message = failure.message;
  if (message.empty()) message = "the provider refused the refresh";
  if (!failure.code.empty()) message = failure.code + ": " + message;

  const RefreshFailure record{.reason = reason,
                              .message = message,
                              .retry_after = retry,
                              .outcome_unknown = outcome_unknown};
  const Schedule schedule = ScheduleOf(connection, *provider->definition);
  store::RowKeys keys;
  keys.connection = connection.name;
  auto rows = co_await d.store.Update(
      keys, [attempt, record, schedule, dead, presented](Rows& row) {
        if (!row.connection || !Owns(attempt, *row.connection)) {
          return absl::AbortedError("the attempt is no longer ours");
        }
        if (dead) {
          RecordDeadGrant(presented, record.message, row);
        } else {
          RecordFailure(record, schedule, row);
        }
        return absl::OkStatus();
      });
  if (rows.status().code() == absl::StatusCode::kAborted) {
    co_return co_await LoadFromStore(connection.name);
  }
  if (!rows.ok()) co_return rows.status();
  if (dead) {
    reauthorizations.Add();
    (void)Publish(*rows->connection);
    co_return StateError(*rows->connection);
  }
  const bool weather = CodeOf(reason) == absl::StatusCode::kUnavailable;
  co_return MakeError(reason, message, {},
                      weather ? retry : absl::ZeroDuration());
}

NewTokens Broker::Impl::SealTokens(absl::string_view connection,
                                   const oauth::Definition& definition,
                                   const std::vector<TokenRecord>& held,
                                   const oauth::TokenAnswer& answer,
                                   absl::Time asked,
                                   const std::vector<std::string>& requested) {
  NewTokens tokens;
  tokens.metadata = answer.metadata;
  for (const oauth::TokenSet& set : answer.tokens) {
    TokenRecord record;
    for (const TokenRecord& old : held) {
      if (old.name == set.name) record = old;
    }
    const bool known = !record.access_sealed.empty();
    record.name = set.name;
    if (!set.token_type.empty() || !known) record.token_type = set.token_type;
    if (set.scopes) {
      record.scopes = *set.scopes;
    } else if (!known) {
      record.scopes = requested;
    }
    record.issue_time = asked;
    record.expire_time = set.expire_time;
    if (!set.access_token.empty()) {
      record.access_sealed = d.sealer.Seal(
          set.access_token, AccessTokenAssociatedData(connection, set.name));
    }
    if (!set.refresh_token.empty()) {
      record.refresh_sealed = d.sealer.Seal(
          set.refresh_token, RefreshTokenAssociatedData(connection, set.name));
      record.refresh_digest = Sha256(set.refresh_token.Reveal());
      record.refresh_expire_time = set.refresh_expire_time;
    } else if (set.refresh_expire_time) {
      record.refresh_expire_time = set.refresh_expire_time;
    }
    const bool refreshable =
        oauth::RefreshKindOf(definition, !record.refresh_sealed.empty()) !=
        oauth::RefreshKind::kNone;
    record.due_time = oauth::SoftLimit(definition, asked, record.expire_time,
                                       refreshable, d.random.Unit());
    tokens.tokens.push_back(std::move(record));
  }
  return tokens;
}

Schedule Broker::Impl::ScheduleOf(const Connection& connection,
                                  const oauth::Definition& definition) const {
  Schedule schedule{.idle_after = options.idle_after,
                    .expiring_notice = options.expiring_notice};
  for (const TokenRecord& token : connection.tokens) {
    if (token.refresh_sealed.empty() || !token.issue_time) continue;
    const auto limit = oauth::KeepAliveLimit(definition, *token.issue_time,
                                             token.refresh_expire_time);
    if (limit && (!schedule.keep_alive || *limit < *schedule.keep_alive)) {
      schedule.keep_alive = limit;
    }
  }
  if (const Entry entry = d.memory.Find(connection.name)) {
    const std::int64_t second = entry->last_use.load(std::memory_order_relaxed);
    if (second > 0) schedule.last_use = absl::FromUnixSeconds(second);
  }
  return schedule;
}

}  // namespace valetkey::broker
