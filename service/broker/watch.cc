#include "service/broker/watch.h"

#include <algorithm>
#include <utility>

#include "service/base/status.h"

namespace valetkey::broker {
namespace {

using Steady = std::chrono::steady_clock;

Steady::time_point After(absl::Duration time) {
  return Steady::now() + absl::ToChronoNanoseconds(time);
}

template <class Resource>
bool PassesCommon(const WatchParameters& filter, const std::string& connection,
                  const Resource& resource) {
  if (!filter.connection.empty() && filter.connection != connection) {
    return false;
  }
  if (!filter.provider.empty() && filter.provider != resource.provider) {
    return false;
  }
  if (!filter.subject.empty() && filter.subject != resource.subject) {
    return false;
  }
  return std::all_of(
      filter.labels.begin(), filter.labels.end(), [&](const auto& label) {
        const auto it = resource.labels.find(label.first);
        return it != resource.labels.end() && it->second == label.second;
      });
}

}  // namespace

Watcher::Watcher(store::Store& store, events::EventHub& hub, const Clock& clock,
                 WatchParameters parameters, WatchOptions options)
    : store_(store),
      hub_(hub),
      clock_(clock),
      parameters_(std::move(parameters)),
      options_(options) {}

Task<absl::StatusOr<std::vector<WatchMessage>>> Watcher::Next() {
  switch (phase_) {
    case Phase::kStart:
      co_return co_await Start();
    case Phase::kSnapshot:
      co_return co_await SnapshotPage();
    case Phase::kLive:
      break;
  }
  co_return co_await Live();
}

Task<absl::StatusOr<Watcher::Messages>> Watcher::Start() {
  std::optional<std::int64_t> resume;
  if (!parameters_.cursor.empty()) {
    VK_CO_ASSIGN_OR_RETURN(
        resume, events::DecodeCursor(store_.id(), parameters_.cursor));
  }
  VK_CO_ASSIGN_OR_RETURN(const std::int64_t newest, co_await hub_.Newest());
  if (resume.has_value() && (*resume < 0 || *resume > newest)) {
    co_return MakeError(Reason::kCursorInvalid,
                        "the cursor is ahead of this store's events",
                        {{"field", "cursor"}});
  }
  sequence_ = resume.value_or(newest);
  if (parameters_.snapshot) {
    // The cursor was taken first: what changes while the list is read comes
    // again as an event.
    phase_ = Phase::kSnapshot;
    co_return co_await SnapshotPage();
  }
  GoLive(newest);
  VK_CO_ASSIGN_OR_RETURN(Messages messages,
                         co_await Read(absl::ZeroDuration()));
  if (messages.empty()) messages.push_back(MakeCheckpoint());
  co_return messages;
}

Task<absl::StatusOr<Watcher::Messages>> Watcher::SnapshotPage() {
  Messages messages;
  bool last = true;
  if (!parameters_.connection.empty()) {
    VK_CO_ASSIGN_OR_RETURN(
        std::optional<store::Connection> connection,
        co_await store_.GetConnection(parameters_.connection));
    if (connection.has_value() && Passes(*connection)) {
      messages.push_back({*std::move(connection), ""});
    }
  } else {
    store::ConnectionFilter filter;
    filter.application = parameters_.application;
    filter.provider = parameters_.provider;
    if (!parameters_.subject.empty()) filter.subject = parameters_.subject;
    filter.labels = parameters_.labels;
    VK_CO_ASSIGN_OR_RETURN(store::Page<store::Connection> page,
                           co_await store_.ListConnections(
                               std::move(filter), list_after_, options_.batch));
    for (store::Connection& connection : page.items) {
      messages.push_back({std::move(connection), ""});
    }
    last = page.next.empty();
    list_after_ = std::move(page.next);
  }
  if (last) {
    VK_CO_ASSIGN_OR_RETURN(const std::int64_t newest, co_await hub_.Newest());
    GoLive(newest);
    messages.push_back(MakeCheckpoint());
  }
  // A page may be empty only in the middle, where the next one follows.
  if (messages.empty()) co_return co_await SnapshotPage();
  co_return messages;
}

Task<absl::StatusOr<Watcher::Messages>> Watcher::Live() {
  while (true) {
    VK_CO_RETURN_IF_ERROR(co_await CheckLag());
    const absl::Duration left =
        absl::FromChrono(checkpoint_due_ - Steady::now());
    const std::int64_t before = sequence_;
    VK_CO_ASSIGN_OR_RETURN(Messages messages,
                           co_await Read(std::max(left, absl::ZeroDuration())));
    if (!messages.empty()) co_return messages;
    if (sequence_ == before || Steady::now() >= checkpoint_due_) {
      // The time is over (or the call was cancelled).
      messages.push_back(MakeCheckpoint());
      co_return messages;
    }
    checkpoint_due_ = std::min(checkpoint_due_, After(options_.filtered_idle));
  }
}

Task<absl::StatusOr<Watcher::Messages>> Watcher::Read(absl::Duration timeout) {
  std::int64_t scanned_through = sequence_;
  VK_CO_ASSIGN_OR_RETURN(
      std::vector<store::Event> events,
      co_await hub_.Next(sequence_, options_.batch, parameters_.application,
                         timeout, &scanned_through));
  Messages messages;
  for (store::Event& event : events) {
    if (!Passes(event)) continue;
    std::string cursor = events::EncodeCursor(store_.id(), event.sequence);
    messages.push_back({std::move(event), std::move(cursor)});
  }
  sequence_ = std::max(sequence_, scanned_through);
  if (!messages.empty()) checkpoint_due_ = After(options_.idle);
  co_return messages;
}

Task<absl::Status> Watcher::CheckLag() {
  VK_CO_ASSIGN_OR_RETURN(const std::int64_t newest, co_await hub_.Newest());
  const std::int64_t behind = newest - sequence_;
  if (behind <= options_.max_behind) allowed_behind_ = options_.max_behind;
  if (behind <= allowed_behind_) co_return absl::OkStatus();
  co_return MakeError(Reason::kWatchLagged,
                      "the watcher read too slowly: resume from the last "
                      "cursor it saw",
                      {{"behind", std::to_string(behind)}});
}

bool Watcher::Passes(const store::Event& event) const {
  if (!parameters_.types.empty() &&
      std::find(parameters_.types.begin(), parameters_.types.end(),
                event.type) == parameters_.types.end()) {
    return false;
  }
  return PassesCommon(parameters_, event.connection, event);
}

bool Watcher::Passes(const store::Connection& connection) const {
  return PassesCommon(parameters_, connection.name, connection);
}

WatchMessage Watcher::MakeCheckpoint() {
  checkpoint_due_ = After(options_.idle);
  return {Checkpoint{clock_.Now()},
          events::EncodeCursor(store_.id(), sequence_)};
}

void Watcher::GoLive(std::int64_t newest) {
  phase_ = Phase::kLive;
  // How far it is behind at the start is not its fault.
  allowed_behind_ =
      options_.max_behind + std::max<std::int64_t>(newest - sequence_, 0);
  checkpoint_due_ = After(options_.idle);
}

}  // namespace valetkey::broker
