#include "service/broker/coherence.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace valetkey::broker {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(250);
constexpr absl::Duration kDeadline = absl::Seconds(2);
// A floor must outlive whoever could still write something older.
constexpr absl::Duration kFloorLife = absl::Minutes(10);

// The highest generation of which nothing may be read any more.
std::int64_t FloorOf(const store::Event& event) {
  switch (event.type) {
    case store::EventType::kRevoked:
    case store::EventType::kDeleted:
      return event.generation;
    default:
      return event.generation - 1;
  }
}

}  // namespace

Coherence::Coherence(events::EventStream& stream, cache::RemoteCache& cache,
                     store::Store& store, Trust trust)
    : stream_(stream), cache_(cache), store_(store), trust_(std::move(trust)) {}

Task<absl::Status> Coherence::Append(std::vector<store::Event> events,
                                     absl::Time deadline) {
  std::map<std::string, std::int64_t> floors;
  for (const store::Event& event : events) {
    auto [it, inserted] = floors.try_emplace(event.connection, FloorOf(event));
    if (!inserted) it->second = std::max(it->second, FloorOf(event));
  }
  absl::Status status = co_await stream_.Append(std::move(events), deadline);
  for (const auto& [connection, floor] : floors) {
    if (!status.ok()) break;
    if (floor < 1) continue;
    status = co_await cache_.Put(
        connection, {.generation = floor, .sealed = ""}, kFloorLife, deadline);
  }
  if (!status.ok()) trust_(false, std::chrono::steady_clock::now());
  co_return status;
}

Task<void> Coherence::Run() {
  do {
    const Time start = std::chrono::steady_clock::now();
    const bool may = co_await MayTrust();
    trust_(may, start);
  } while (co_await valetkey::SleepFor(kInterval));
}

Task<bool> Coherence::MayTrust() {
  if (!cache_.healthy()) co_return false;
  const absl::Status renewed = co_await cache_.Renew(absl::Now() + kDeadline);
  if (!renewed.ok()) co_return false;
  const auto unpublished = co_await store_.ReadUnpublished(1);
  co_return unpublished.ok() && unpublished->empty();
}

void Coherence::Distrust() { trust_(false, std::chrono::steady_clock::now()); }

}  // namespace valetkey::broker
