#include "service/events/publisher.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <vector>

#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::events {

Publisher::Publisher(store::Store& store, EventStream& stream,
                     PublisherOptions options)
    : store_(store),
      stream_(stream),
      options_(options),
      signal_(std::make_shared<WakeSignal>()) {}

Publisher::~Publisher() = default;

void Publisher::Wake() { signal_->Notify(); }

Task<void> Publisher::Run() {
  int failures = 0;
  for (;;) {
    const auto cancelled =
        (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) co_return;
    const absl::StatusOr<int> count = co_await PublishBatch();
    Note(count.status());
    if (!count.ok()) {
      co_await BackOff(failures++);
      continue;
    }
    failures = 0;
    // A full batch: there may be more.
    if (*count == options_.batch) continue;
    co_await WakeSignal::Wait(signal_, options_.poll_interval);
  }
}

Task<absl::StatusOr<int>> Publisher::PublishBatch() {
  VK_CO_ASSIGN_OR_RETURN(std::vector<store::Event> events,
                         co_await store_.ReadUnpublished(options_.batch));
  if (events.empty()) co_return 0;
  std::vector<std::int64_t> sequences;
  for (const store::Event& event : events) sequences.push_back(event.sequence);
  const int count = static_cast<int>(events.size());
  VK_CO_RETURN_IF_ERROR(co_await stream_.Append(
      std::move(events), options_.clock->Now() + options_.append_timeout));
  published_ += count;
  VK_CO_RETURN_IF_ERROR(co_await store_.MarkPublished(std::move(sequences)));
  co_return count;
}

Task<void> Publisher::BackOff(int failures) {
  absl::Duration backoff = options_.min_backoff;
  for (int i = 0; i < failures && backoff < options_.max_backoff; ++i) {
    backoff *= 2;
  }
  backoff = std::min(backoff, options_.max_backoff);
  co_await SleepFor(backoff * (0.5 + options_.random->Unit() / 2));
}

void Publisher::Note(const absl::Status& status) {
  const bool failed = !status.ok();
  // Said once at each turn, not at each attempt.
  if (failing_.exchange(failed) == failed) return;
  if (failed) {
    Log(LogLevel::kWarning, "events cannot be published; they wait",
        {{"error", status}});
  } else {
    Log(LogLevel::kInfo, "events are published again");
  }
}

}  // namespace valetkey::events
