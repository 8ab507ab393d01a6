#include "service/events/follower.h"

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::events {

Follower::Follower(store::Store& store, FollowerListener listener,
                   FollowerOptions options)
    : store_(store),
      listener_(std::move(listener)),
      options_(options),
      signal_(std::make_shared<WakeSignal>()) {}

void Follower::Wake() { signal_->Notify(); }

Task<void> Follower::Run() {
  bool failing = false;
  for (;;) {
    const auto cancelled =
        (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) co_return;
    const absl::StatusOr<bool> more = co_await Look();
    away_ = away_ || !more.ok();
    // Said once at each turn.
    if (std::exchange(failing, !more.ok()) != failing) {
      if (failing) {
        Log(LogLevel::kWarning, "the store does not tell of events",
            {{"error", more.status()}});
      } else {
        Log(LogLevel::kInfo, "the store tells of events again");
      }
    }
    if (more.ok() && *more) continue;
    co_await WakeSignal::Wait(signal_, options_.interval);
  }
}

Task<absl::StatusOr<bool>> Follower::Look() {
  const auto start = std::chrono::steady_clock::now();
  if (!begun_) {
    VK_CO_ASSIGN_OR_RETURN(const store::EventRange range,
                           co_await store_.GetEventRange());
    position_ = range.newest;
    begun_ = true;
    // Whatever was known before it began to follow, it was not told of.
    listener_.on_missed();
    listener_.on_caught_up(start);
    co_return false;
  }
  if (away_) {
    // It may have been away for longer than events are kept.
    VK_CO_ASSIGN_OR_RETURN(const store::EventRange range,
                           co_await store_.GetEventRange());
    away_ = false;
    if (range.oldest > position_ + 1) {
      listener_.on_missed();
      position_ = range.oldest - 1;
    }
  }
  VK_CO_ASSIGN_OR_RETURN(
      const std::vector<store::Event> events,
      co_await store_.ReadEvents(position_, options_.batch, ""));
  if (events.empty()) {
    listener_.on_caught_up(start);
    co_return false;
  }
  // Numbers have no gaps but for what was trimmed.
  if (events.front().sequence > position_ + 1) listener_.on_missed();
  listener_.on_events(events);
  position_ = events.back().sequence;
  const bool more = static_cast<int>(events.size()) == options_.batch;
  if (!more) listener_.on_caught_up(start);
  co_return more;
}

}  // namespace valetkey::events
