#include "service/broker/rules.h"

#include <algorithm>
#include <utility>

namespace valetkey::broker {
namespace {

using store::Connection;
using store::ConnectionState;
using store::Event;
using store::EventType;
using store::Rows;
using store::TokenRecord;

void EndAttempt(Connection& connection) {
  connection.lease = {};
  connection.attempt = {};
}

// How much later a refresh token must die than before for its life to count
// as prolonged: a fixed end that is told in seconds from now wavers a little.
constexpr absl::Duration kWaver = absl::Seconds(10);

bool Prolonged(std::optional<absl::Time> before,
               std::optional<absl::Time> after) {
  return !before || !after || *after > *before + kWaver;
}

// What the grant allows: the scopes of all its tokens, in their order.
std::vector<std::string> ScopesOf(const Connection& connection) {
  std::vector<std::string> scopes;
  for (const TokenRecord& token : connection.tokens) {
    for (const std::string& scope : token.scopes) {
      if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) {
        scopes.push_back(scope);
      }
    }
  }
  return scopes;
}

}  // namespace

BeginOutcome Begin(const BeginRefresh& begin, Rows& rows) {
  if (!rows.connection) return BeginOutcome::kMoved;
  Connection& connection = *rows.connection;
  if (connection.state != ConnectionState::kActive ||
      connection.generation != begin.generation) {
    return BeginOutcome::kMoved;
  }
  const bool foreign = !connection.lease.owner.empty() &&
                       connection.lease.owner != begin.instance;
  if (foreign && !begin.exclusive &&
      (connection.lease.expire_time > rows.now || !begin.take_over)) {
    return BeginOutcome::kLeased;
  }
  // What is left of an attempt for the same secret is one whose outcome
  // nobody learned: its process died, or no answer came.
  const bool unanswered =
      connection.attempt.refresh_digest == begin.presented_digest &&
      !connection.attempt.id.empty();
  const int unknown = unanswered ? connection.attempt.unknown_outcomes + 1 : 0;
  connection.attempts += 1;
  connection.lease = {.owner = begin.instance,
                      .attempt_id = begin.attempt_id,
                      .expire_time = rows.now + begin.lease};
  connection.attempt = {.id = begin.attempt_id,
                        .token = begin.token,
                        .refresh_digest = begin.presented_digest,
                        .start_time = rows.now,
                        .unknown_outcomes = unknown};
  // If this process dies, the scheduler looks again when the lease has ended.
  connection.due_time = connection.lease.expire_time;
  return BeginOutcome::kBegun;
}

bool Owns(const AttemptRef& attempt, const Connection& connection) {
  return connection.lease.owner == attempt.instance &&
         connection.lease.attempt_id == attempt.attempt_id;
}

bool ExtendLease(const AttemptRef& attempt, absl::Duration lease, Rows& rows) {
  if (!rows.connection || !Owns(attempt, *rows.connection)) return false;
  rows.connection->lease.expire_time = rows.now + lease;
  if (rows.connection->due_time) {
    rows.connection->due_time = rows.now + lease;
  }
  return true;
}

bool KeepRefreshToken(const AttemptRef& attempt, const TokenRecord& fresh,
                      absl::Duration lease, Rows& rows) {
  if (!ExtendLease(attempt, lease, rows)) return false;
  if (fresh.refresh_sealed.empty()) return true;
  for (TokenRecord& held : rows.connection->tokens) {
    if (held.name != attempt.token) continue;
    held.refresh_sealed = fresh.refresh_sealed;
    held.refresh_digest = fresh.refresh_digest;
    held.refresh_expire_time = fresh.refresh_expire_time;
    rows.connection->update_time = rows.now;
  }
  return true;
}

Landing LandingOf(const AttemptRef& attempt, const Rows& rows) {
  if (!rows.connection) return Landing::kLost;
  const Connection& connection = *rows.connection;
  if (Owns(attempt, connection)) return Landing::kCommit;
  if (connection.state == ConnectionState::kRevoked) return Landing::kRevoked;
  const TokenRecord* held = FindToken(connection, attempt.token);
  if (held == nullptr || held->attempt > attempt.number) return Landing::kLost;
  if (held->attempt == attempt.number) return Landing::kDone;
  const bool leased = !connection.lease.owner.empty() &&
                      connection.lease.expire_time > rows.now;
  return leased ? Landing::kWait : Landing::kCommit;
}

absl::Status Connect(const NewTokens& tokens,
                     const std::map<std::string, std::string>& inputs,
                     const Schedule& schedule, Rows& rows) {
  store::Authorization& consent = *rows.authorization;
  const bool renewed = rows.connection.has_value();
  if (consent.reauthorize && !renewed) {
    return MakeError(Reason::kConnectionNotFound,
                     "the connection was deleted meanwhile",
                     {{"connection", consent.connection}});
  }
  Connection connection = rows.connection.value_or(Connection{});
  if (!renewed) {
    connection.name = consent.connection;
    connection.application = consent.application;
    connection.provider = consent.provider;
    connection.subject = consent.subject;
    connection.create_time = rows.now;
  }
  for (const auto& [key, value] : consent.labels) {
    connection.labels[key] = value;
  }
  connection.inputs = inputs;
  for (const auto& [key, value] : tokens.metadata) {
    if (!value.empty()) connection.metadata[key] = value;
  }
  connection.tokens = tokens.tokens;
  connection.attempts += 1;
  for (TokenRecord& token : connection.tokens) {
    token.refresh_issue_time = rows.now;
    token.attempt = connection.attempts;
  }
  connection.requested_scopes = consent.scopes;
  connection.scopes = ScopesOf(connection);
  connection.state = ConnectionState::kActive;
  connection.generation += 1;
  connection.update_time = rows.now;
  connection.last_refresh_time = rows.now;
  connection.last_use_time = rows.now;
  connection.last_failure.reset();
  connection.dead_refresh_digest.clear();
  connection.expiring_announced = false;
  connection.revocation.clear();
  // A refresh of the old tokens that is under way loses its claim.
  EndAttempt(connection);
  Reschedule(schedule, rows.now, connection);
  rows.events.push_back(EventOf(
      renewed ? EventType::kReauthorized : EventType::kConnected, connection));
  rows.connection = std::move(connection);
  consent.status = store::AuthorizationStatus::kDone;
  consent.verifier_sealed.clear();
  consent.extra_parameters.clear();
  return absl::OkStatus();
}

void CommitRefresh(const AttemptRef& attempt, const NewTokens& tokens,
                   const Schedule& schedule, Rows& rows) {
  Connection& connection = *rows.connection;
  const std::optional<absl::Time> expiry = RefreshExpiry(connection);
  for (TokenRecord token : tokens.tokens) {
    token.refresh_issue_time = rows.now;
    token.attempt = attempt.number;
    auto it = std::find_if(
        connection.tokens.begin(), connection.tokens.end(),
        [&](const TokenRecord& held) { return held.name == token.name; });
    if (it == connection.tokens.end()) {
      connection.tokens.push_back(std::move(token));
      continue;
    }
    if (it->attempt > token.attempt) continue;
    if (!Prolonged(it->refresh_expire_time, token.refresh_expire_time)) {
      token.refresh_issue_time = it->refresh_issue_time;
    }
    *it = std::move(token);
  }
  connection.scopes = ScopesOf(connection);
  // What a later answer leaves out was said by an earlier one: nothing kept is
  // ever overwritten with nothing.
  for (const auto& [key, value] : tokens.metadata) {
    if (!value.empty()) connection.metadata[key] = value;
  }
  connection.last_refresh_time = rows.now;
  connection.update_time = rows.now;
  connection.last_failure.reset();
  connection.dead_refresh_digest.clear();
  // Announced once for each end of the grant, however often the access token
  // is renewed before it.
  if (Prolonged(expiry, RefreshExpiry(connection))) {
    connection.expiring_announced = false;
  }
  EndAttempt(connection);
  if (connection.state == ConnectionState::kRevoking) {
    connection.due_time = rows.now;
    return;
  }
  connection.state = ConnectionState::kActive;
  connection.generation += 1;
  Reschedule(schedule, rows.now, connection);
  rows.events.push_back(EventOf(EventType::kRefreshed, connection));
}

void RecordFailure(const RefreshFailure& failure, const Schedule& schedule,
                   Rows& rows) {
  Connection& connection = *rows.connection;
  const std::string reason(ReasonName(failure.reason));
  const bool news =
      !connection.last_failure || connection.last_failure->reason != reason;
  const int count =
      connection.last_failure ? connection.last_failure->count + 1 : 1;
  connection.last_failure = {.reason = reason,
                             .message = failure.message,
                             .time = rows.now,
                             .count = count,
                             .retry_time = rows.now + failure.retry_after};
  connection.update_time = rows.now;
  connection.lease = {};
  if (!failure.outcome_unknown) {
    if (connection.attempt.unknown_outcomes == 0) {
      connection.attempt = {};
    } else {
      // This one was answered, one before it was not: Begin counts what is
      // left here as that one.
      connection.attempt.unknown_outcomes -= 1;
    }
  }
  AnnounceExpiring(schedule, rows);
  Reschedule(schedule, rows.now, connection);
  if (news && connection.state == ConnectionState::kActive) {
    rows.events.push_back(
        EventOf(EventType::kRefreshFailed, connection, reason));
  }
}

void RecordDeadGrant(absl::string_view presented_digest,
                     absl::string_view message, Rows& rows) {
  Connection& connection = *rows.connection;
  const Reason reason = Reason::kReauthorizationRequired;
  const int count =
      connection.last_failure ? connection.last_failure->count + 1 : 1;
  connection.last_failure = {.reason = std::string(ReasonName(reason)),
                             .message = std::string(message),
                             .time = rows.now,
                             .count = count,
                             .retry_time = absl::InfiniteFuture()};
  connection.dead_refresh_digest = std::string(presented_digest);
  connection.update_time = rows.now;
  EndAttempt(connection);
  if (connection.state != ConnectionState::kActive) return;
  connection.state = ConnectionState::kReauthorizationRequired;
  connection.due_time.reset();
  rows.events.push_back(EventOf(EventType::kReauthorizationRequired, connection,
                                ReasonName(reason)));
}

bool BeginRevocation(absl::Duration retry_after, Rows& rows) {
  Connection& connection = *rows.connection;
  if (connection.state == ConnectionState::kRevoked) return false;
  // A second Revoke while the first has not told the provider yet: no second
  // event.
  const bool again = connection.state == ConnectionState::kRevoking;
  connection.state = ConnectionState::kRevoking;
  connection.update_time = rows.now;
  connection.due_time = rows.now + retry_after;
  if (again) return true;
  connection.generation += 1;
  rows.events.push_back(EventOf(EventType::kRevoked, connection));
  return true;
}

void FinishRevocation(const Connection& told,
                      std::vector<store::RevocationItem> items, Rows& rows) {
  Connection& connection = *rows.connection;
  if (connection.state != ConnectionState::kRevoking ||
      connection.generation != told.generation ||
      connection.tokens != told.tokens) {
    return;
  }
  connection.state = ConnectionState::kRevoked;
  connection.tokens.clear();
  connection.revocation = std::move(items);
  connection.update_time = rows.now;
  connection.due_time.reset();
  EndAttempt(connection);
}

const TokenRecord* FindToken(const Connection& connection,
                             absl::string_view token) {
  for (const TokenRecord& held : connection.tokens) {
    if (held.name == token) return &held;
  }
  return nullptr;
}

Event EventOf(EventType type, const Connection& connection,
              absl::string_view reason) {
  const TokenRecord* main = FindToken(connection, "");
  // No token is given out any more: there is none that could expire.
  if (connection.state == ConnectionState::kRevoking ||
      connection.state == ConnectionState::kRevoked) {
    main = nullptr;
  }
  return Event{.type = type,
               .application = connection.application,
               .connection = connection.name,
               .provider = connection.provider,
               .subject = connection.subject,
               .labels = connection.labels,
               .generation = connection.generation,
               .state = connection.state,
               .expire_time = main ? main->expire_time : std::nullopt,
               .reason = std::string(reason)};
}

absl::Status StateError(const Connection& connection) {
  switch (connection.state) {
    case ConnectionState::kActive:
      return absl::OkStatus();
    case ConnectionState::kReauthorizationRequired:
      return MakeError(Reason::kReauthorizationRequired,
                       "the provider has ended this grant; send the person to "
                       "Authorize with this connection's name",
                       {{"connection", connection.name},
                        {"provider", connection.provider},
                        {"subject", connection.subject}});
    case ConnectionState::kRevoking:
    case ConnectionState::kRevoked:
      return MakeError(Reason::kConnectionRevoked, "the connection was revoked",
                       {{"connection", connection.name}});
  }
  return absl::OkStatus();
}

}  // namespace valetkey::broker
