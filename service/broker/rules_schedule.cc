// When there is work next for a connection (rules.h).

#include <algorithm>
#include <cmath>

#include "service/broker/rules.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::ConnectionState;
using store::EventType;
using store::Rows;
using store::TokenRecord;

void TakeEarlier(std::optional<absl::Time> candidate,
                 std::optional<absl::Time>& earliest) {
  if (!candidate) return;
  if (!earliest || *candidate < *earliest) earliest = candidate;
}

// When EXPIRING is due: the notice before a refresh token dies, or the last
// quarter of its life where it lives so short that the notice would be always.
std::optional<absl::Time> NoticeTime(const Connection& connection,
                                     absl::Duration notice) {
  std::optional<absl::Time> earliest;
  for (const TokenRecord& token : connection.tokens) {
    if (!token.refresh_expire_time) continue;
    absl::Duration before = notice;
    if (token.refresh_issue_time) {
      before = std::min(
          before, (*token.refresh_expire_time - *token.refresh_issue_time) / 4);
    }
    TakeEarlier(*token.refresh_expire_time - before, earliest);
  }
  return earliest;
}

}  // namespace

bool IsIdle(const Connection& connection, const Schedule& schedule,
            absl::Time now) {
  absl::Time used = connection.create_time;
  if (connection.last_use_time)
    used = std::max(used, *connection.last_use_time);
  if (schedule.last_use) used = std::max(used, *schedule.last_use);
  return now - used > schedule.idle_after;
}

void Reschedule(const Schedule& schedule, absl::Time now,
                Connection& connection) {
  if (connection.state == ConnectionState::kRevoking) return;
  connection.due_time.reset();
  if (connection.state != ConnectionState::kActive) return;
  if (schedule.last_use && (!connection.last_use_time ||
                            *schedule.last_use > *connection.last_use_time)) {
    connection.last_use_time = schedule.last_use;
  }
  std::optional<absl::Time> due;
  if (!IsIdle(connection, schedule, now)) {
    for (const TokenRecord& token : connection.tokens) {
      TakeEarlier(token.due_time, due);
    }
  }
  TakeEarlier(schedule.keep_alive, due);
  // A request that nobody has answered for is repeated as soon as may be, and
  // for an idle connection too: the provider may hold out the new pair for a
  // short time only.
  if (!connection.attempt.id.empty() &&
      FindToken(connection, connection.attempt.token) != nullptr) {
    TakeEarlier(now, due);
    if (!connection.lease.owner.empty()) {
      due = std::max(*due, connection.lease.expire_time);
    }
  }
  // After a failure nothing happens before its time, whatever is overdue.
  if (due && connection.last_failure) {
    due = std::max(*due, connection.last_failure->retry_time);
  }
  if (!connection.expiring_announced) {
    TakeEarlier(NoticeTime(connection, schedule.expiring_notice), due);
  }
  connection.due_time = due;
}

void AnnounceExpiring(const Schedule& schedule, Rows& rows) {
  Connection& connection = *rows.connection;
  const std::optional<absl::Time> notice =
      NoticeTime(connection, schedule.expiring_notice);
  if (connection.state != ConnectionState::kActive || !notice ||
      connection.expiring_announced || rows.now < *notice) {
    return;
  }
  connection.expiring_announced = true;
  connection.update_time = rows.now;
  rows.events.push_back(EventOf(EventType::kExpiring, connection));
}

absl::Duration Backoff(int count, double unit) {
  const int doublings = std::clamp(count - 1, 0, 16);
  const absl::Duration base =
      std::min(absl::Seconds(1) * std::ldexp(1.0, doublings), absl::Minutes(5));
  return base * (1.0 + 0.25 * unit);
}

std::optional<absl::Time> RefreshExpiry(const Connection& connection) {
  std::optional<absl::Time> earliest;
  for (const TokenRecord& token : connection.tokens) {
    TakeEarlier(token.refresh_expire_time, earliest);
  }
  return earliest;
}

}  // namespace valetkey::broker
