// What the server tells of itself: to the store, where operators see all
// replicas at once, and as metrics.

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "service/base/status.h"
#include "service/cmd/valetkeyd/server_parts.h"
#include "valetkey/v1/status_service.pb.h"

namespace valetkey {
namespace {

constexpr absl::Duration kBeat = absl::Seconds(2);
constexpr absl::Duration kFirstBeat = absl::Milliseconds(500);
// A replica that was not heard of for so long is forgotten.
constexpr absl::Duration kForget = absl::Minutes(1);

std::string HostName() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) return "";
  return name;
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const std::int64_t nanos = absl::ToUnixNanos(time);
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int>(nanos % 1'000'000'000));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const std::int64_t nanos = absl::ToInt64Nanoseconds(duration);
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int>(nanos % 1'000'000'000));
}

}  // namespace

std::string Server::Parts::StatusText() const {
  const broker::BrokerStatus is = broker->status();
  v1::ReplicaStatus status;
  status.set_refreshing(is.refreshing);
  status.set_handling(is.handling);
  status.set_uncommitted(is.uncommitted);
  status.set_cached_connections(static_cast<std::int64_t>(memory->size()));
  status.set_memory_current(is.memory_current);
  if (!remote) {
    status.set_redis(v1::REDIS_STATE_NONE);
  } else if (!remote->healthy()) {
    status.set_redis(v1::REDIS_STATE_DOWN);
  } else {
    status.set_redis(is.remote_current ? v1::REDIS_STATE_CURRENT
                                       : v1::REDIS_STATE_CATCHING_UP);
  }
  for (const broker::BreakerState& breaker : is.breakers) {
    v1::OpenBreaker& out = *status.add_open_breakers();
    out.set_endpoint(breaker.endpoint);
    out.set_failures(breaker.failures);
    SetTime(breaker.open_until, out.mutable_open_until());
  }
  if (shared) SetDuration(store_clock.Skew(), status.mutable_clock_skew());
  return status.SerializeAsString();
}

Task<void> Server::Parts::TellStatus() {
  store::Replica replica;
  replica.instance = instance;
  replica.host = HostName();
  replica.version = VALETKEY_VERSION;
  replica.start_time = clock().Now();
  // Not before it has found its bearings.
  if (!co_await valetkey::SleepFor(kFirstBeat)) co_return;
  do {
    replica.status = StatusText();
    // What the store thinks of it is told by others.
    const auto heard = co_await store->Beat(replica, kForget);
    if (heard.ok()) co_await keeper->Hear(*heard);
    const auto backlog = co_await store->GetBacklog();
    if (!backlog.ok()) continue;
    due = backlog->due;
    unpublished = backlog->unpublished;
    overdue = backlog->oldest_due
                  ? absl::ToDoubleSeconds(clock().Now() - *backlog->oldest_due)
                  : 0;
  } while (co_await valetkey::SleepFor(kBeat));
}

void Server::Parts::AddMetrics() {
  Gauge& cached = metrics.GetGauge("valetkey_memory_cache_entries",
                                   "Connections whose tokens are in memory.");
  Gauge& current = metrics.GetGauge(
      "valetkey_memory_current",
      "1 while tokens are given out from memory, 0 while this server is cut "
      "off from the store that it shares.");
  Gauge& healthy = metrics.GetGauge(
      "valetkey_redis_up", "1 while Redis answers, 0 while it does not.");
  Gauge& refreshing = metrics.GetGauge("valetkey_refreshes_in_flight",
                                       "Refreshes under way in this server.");
  Gauge& breakers = metrics.GetGauge(
      "valetkey_breakers_open",
      "Token endpoints that fail and are only tried now and then.");
  Gauge& due_gauge = metrics.GetGauge(
      "valetkey_due_connections",
      "Connections in the store that are due and that no server is at.");
  Gauge& overdue_gauge =
      metrics.GetGauge("valetkey_oldest_due_seconds",
                       "For how long the longest overdue of them waits.");
  Gauge& unpublished_gauge =
      metrics.GetGauge("valetkey_unpublished_events",
                       "Events in the store that are not in Redis yet.");
  Gauge& skew = metrics.GetGauge(
      "valetkey_clock_skew_seconds",
      "How far this machine's wall clock is ahead of the shared store's.");
  metrics.AddCollector([this, &cached, &current, &healthy, &refreshing,
                        &breakers, &due_gauge, &overdue_gauge,
                        &unpublished_gauge, &skew] {
    const broker::BrokerStatus is = broker->status();
    cached.Set(static_cast<double>(memory->size()));
    current.Set(is.memory_current ? 1 : 0);
    healthy.Set(remote && remote->healthy() ? 1 : 0);
    refreshing.Set(is.refreshing);
    breakers.Set(static_cast<double>(is.breakers.size()));
    due_gauge.Set(static_cast<double>(due.load()));
    overdue_gauge.Set(overdue.load());
    unpublished_gauge.Set(publisher ? static_cast<double>(unpublished.load())
                                    : 0);
    skew.Set(shared ? absl::ToDoubleSeconds(store_clock.Skew()) : 0);
  });
}

}  // namespace valetkey
