// What is due, and housekeeping.
//
// The scheduler never looks at connections that are not due: it claims slices
// from an index on due time, and each connection is handled on its reactor.

#include <algorithm>
#include <utility>

#include "service/broker/impl.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::Rows;

constexpr absl::Duration kTick = absl::Milliseconds(500);
constexpr int kSlice = 256;
// Connections being handled at once; those beyond wait in the index.
constexpr int kMaxRunning = 2048;
// What is claimed and not written within this time is anyone's again: its
// replica died, or its endpoint's breaker was open.
constexpr absl::Duration kClaim = absl::Seconds(30);
constexpr absl::Duration kHousekeeping = absl::Minutes(1);
// Ended authorizations are kept so long, so that a repeated callback is still
// told what came of it.
constexpr absl::Duration kKeepAuthorizations = absl::Hours(1);

}  // namespace

Task<void> Broker::Impl::RunScheduler() {
  while (!closing) {
    bool more = false;
    if (due_running.load() < kMaxRunning) {
      // One provider that is slow or down does not keep others waiting.
      std::vector<std::string> without =
          scheduled.Busy(2 * options.max_parallel_per_client);
      for (std::string& provider : breakers.ClosedOff()) {
        without.push_back(std::move(provider));
      }
      auto due = co_await d.store.ClaimDue(kSlice, kClaim, std::move(without));
      NoteStore(due.status());
      if (due.ok()) {
        more = static_cast<int>(due->size()) == kSlice;
        for (const store::DueConnection& one : *due) {
          if (!scheduled.Insert(one)) continue;
          ++due_running;
          if (!flights.Spawn(d.reactors.For(one.name).executor(), "due",
                             RunDue(one))) {
            --due_running;
            scheduled.Erase(one);
          }
        }
      } else if (!closing) {
        Log(LogLevel::kWarning, "the store does not tell what is due",
            {{"error", due.status()}});
      }
    }
    if (!co_await valetkey::SleepFor(more ? kTick / 10 : kTick)) co_return;
  }
}

Task<void> Broker::Impl::RunDue(store::DueConnection due) {
  co_await HandleDue(due.name);
  scheduled.Erase(due);
  --due_running;
}

Task<void> Broker::Impl::HandleDue(std::string name) {
  auto read = co_await d.store.GetConnection(name);
  if (!read.ok() || !*read || closing) co_return;
  const Connection connection = **std::move(read);
  if (connection.state == store::ConnectionState::kRevoking) {
    (void)co_await RevokeHere(name, Revocation::kLeftOver);
    co_return;
  }
  auto provider = co_await providers.Get(connection.provider);
  if (!provider.ok()) {
    // Nothing can be done until an operator acts; look again later.
    co_await Postpone(name, connection.revision, absl::Minutes(1));
    co_return;
  }
  const absl::Time now = d.clock.Now();
  const Schedule schedule = ScheduleOf(connection, *(*provider)->definition);
  const bool idle = IsIdle(connection, schedule, now);
  const bool keep_alive = schedule.keep_alive && *schedule.keep_alive <= now;
  const bool waiting =
      connection.last_failure && connection.last_failure->retry_time > now;
  const store::TokenRecord* first = nullptr;
  if (!waiting && connection.state == store::ConnectionState::kActive) {
    for (const store::TokenRecord& token : connection.tokens) {
      // An attempt whose outcome nobody learned is answered for at once, and
      // first: the provider may hold out a pair for a short time only, and
      // there is a record of one attempt alone.
      if (!connection.attempt.id.empty() &&
          connection.attempt.token == token.name &&
          (d.store.exclusive() || connection.lease.expire_time <= now)) {
        first = &token;
        break;
      }
      const bool due = (!idle && token.due_time && *token.due_time <= now) ||
                       (keep_alive && !token.refresh_sealed.empty());
      if (due && (first == nullptr || (token.due_time && first->due_time &&
                                       *token.due_time < *first->due_time))) {
        first = &token;
      }
    }
  }
  if (first != nullptr) {
    const auto flight = StartFlight(name, first->name, connection.generation);
    if (flight) co_await WaitFor(flight->landed, absl::InfiniteDuration());
    co_return;
  }
  // Nothing to send: announce what is to be announced, and say when to look
  // again.
  store::RowKeys keys;
  keys.connection = name;
  const std::int64_t revision = connection.revision;
  (void)co_await d.store.Update(keys, [schedule, revision](Rows& rows) {
    if (!rows.connection || rows.connection->revision != revision) {
      return absl::AbortedError("changed");
    }
    AnnounceExpiring(schedule, rows);
    Reschedule(schedule, rows.now, *rows.connection);
    // Whatever rounding says, the next look is in the future.
    auto& due = rows.connection->due_time;
    if (due) due = std::max(*due, rows.now + absl::Seconds(1));
    return absl::OkStatus();
  });
}

Task<void> Broker::Impl::Postpone(std::string name, std::int64_t revision,
                                  absl::Duration by) {
  store::RowKeys keys;
  keys.connection = name;
  (void)co_await d.store.Update(keys, [revision, by](Rows& rows) {
    if (!rows.connection || rows.connection->revision != revision) {
      return absl::AbortedError("changed");
    }
    rows.connection->due_time = rows.now + by;
    return absl::OkStatus();
  });
}

Task<void> Broker::Impl::RunHousekeeping() {
  do {
    auto deleted = co_await d.store.DeleteExpiredAuthorizations(
        d.clock.Now() - kKeepAuthorizations, 10'000);
    if (!deleted.ok()) {
      Log(LogLevel::kWarning, "expired authorizations could not be deleted",
          {{"error", deleted.status()}});
    }
    auto trimmed = co_await d.store.TrimEvents(
        d.clock.Now() - options.event_retention, options.events_kept, 10'000);
    if (!trimmed.ok()) {
      Log(LogLevel::kWarning, "old events could not be trimmed",
          {{"error", trimmed.status()}});
    }
  } while (co_await valetkey::SleepFor(kHousekeeping));
}

}  // namespace valetkey::broker
