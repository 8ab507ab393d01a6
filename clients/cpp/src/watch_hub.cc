#include "src/watch_hub.h"

#include <utility>

#include "src/core.h"
#include "src/source.h"
#include "src/status.h"

namespace valetkey::client::internal {
namespace {

constexpr absl::Duration kReadyWithin = absl::Seconds(1);
constexpr absl::Duration kAfterRightMissing = absl::Minutes(5);

}  // namespace

bool WatchHub::Add(const std::shared_ptr<Source>& source) {
  const MutexLock lock(mutex_);
  if (closed_) return true;
  const bool first = sources_.empty();
  sources_.emplace(std::make_pair(source->name(), source.get()), source);
  if (first) {
    backoff_.Reset();
    Open();
    opening_ = number_;
    ready_timer_ = core_.scheduler().RunAfter(
        kReadyWithin, [weak = weak_from_this(), number = opening_] {
          if (const auto self = weak.lock()) self->SetReady(number);
        });
  }
  return ready_;
}

void WatchHub::Remove(const Source* source) {
  const MutexLock lock(mutex_);
  if (sources_.erase({source->name(), source}) != 0 && sources_.empty()) {
    Shut();
  }
}

absl::Duration WatchHub::Silence() const {
  const MutexLock lock(mutex_);
  return core_.scheduler().Elapsed() - last_message_;
}

void WatchHub::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  sources_.clear();
  Shut();
}

void WatchHub::Shut() {
  ++number_;
  if (stream_ != nullptr) stream_->Close();
  stream_ = nullptr;
  core_.scheduler().Cancel(open_timer_);
  core_.scheduler().Cancel(ready_timer_);
  cursor_.clear();
  ready_ = false;
}

void WatchHub::Open() {
  const std::uint64_t number = ++number_;
  first_message_ = true;
  v1::WatchEventsRequest request;
  request.set_parent(application_);
  request.set_cursor(cursor_);
  for (const v1::EventType type :
       {v1::EVENT_TYPE_REAUTHORIZED, v1::EVENT_TYPE_REFRESHED,
        v1::EVENT_TYPE_REAUTHORIZATION_REQUIRED, v1::EVENT_TYPE_REVOKED,
        v1::EVENT_TYPE_DELETED}) {
    request.add_types(type);
  }
  const std::weak_ptr<WatchHub> weak = weak_from_this();
  stream_ = EventStream::Start(
      core_.shared_from_this(), std::move(request),
      {[weak, number](const v1::WatchEventsResponse& message) {
         if (const auto self = weak.lock()) self->OnMessage(number, message);
       },
       [weak, number](const absl::Status& status) {
         if (const auto self = weak.lock()) self->OnEnd(number, status);
       }});
}

void WatchHub::OpenAfter(absl::Duration wait) {
  const std::uint64_t number = ++number_;
  open_timer_ =
      core_.scheduler().RunAfter(wait, [weak = weak_from_this(), number] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        const MutexLock lock(self->mutex_);
        if (number == self->number_) self->Open();
      });
}

void WatchHub::OnMessage(std::uint64_t number,
                         const v1::WatchEventsResponse& message) {
  std::vector<std::shared_ptr<Source>> anew;
  std::vector<std::shared_ptr<Source>> concerned;
  std::uint64_t opening = 0;
  {
    const MutexLock lock(mutex_);
    if (number != number_) return;
    backoff_.Reset();
    last_message_ = core_.scheduler().Elapsed();
    if (first_message_ && cursor_.empty()) anew = Sources("");
    first_message_ = false;
    if (message.has_event()) {
      concerned = Sources(message.event().connection());
    }
    opening = opening_;
  }
  for (const auto& source : anew) source->OnWatchBegan();
  for (const auto& source : concerned) source->OnEvent(message.event());
  SetReady(opening);
  const MutexLock lock(mutex_);
  if (number != number_) return;
  // Only now: what is not yet told is sent again after a break.
  if (!message.cursor().empty()) cursor_ = message.cursor();
  stream_->Read();
}

void WatchHub::OnEnd(std::uint64_t number, const absl::Status& status) {
  std::uint64_t opening = 0;
  {
    const MutexLock lock(mutex_);
    if (number != number_) return;
    opening = opening_;
    stream_ = nullptr;
    const std::string reason = ReasonOf(status);
    if (reason == "RIGHT_MISSING") {
      OpenAfter(kAfterRightMissing);
    } else {
      if (reason == "CURSOR_EXPIRED" || reason == "CURSOR_INVALID") {
        cursor_.clear();
      }
      OpenAfter(backoff_.After(status, core_.scheduler()));
    }
  }
  SetReady(opening);
}

void WatchHub::SetReady(std::uint64_t opening) {
  std::vector<std::shared_ptr<Source>> sources;
  {
    const MutexLock lock(mutex_);
    if (ready_ || opening != opening_ || sources_.empty()) return;
    ready_ = true;
    core_.scheduler().Cancel(ready_timer_);
    sources = Sources("");
  }
  for (const auto& source : sources) source->OnWatchReady();
}

std::vector<std::shared_ptr<Source>> WatchHub::Sources(
    const std::string& connection) {
  std::vector<std::shared_ptr<Source>> sources;
  auto it = sources_.lower_bound({connection, nullptr});
  for (; it != sources_.end(); ++it) {
    if (!connection.empty() && it->first.first != connection) break;
    if (auto source = it->second.lock()) sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace valetkey::client::internal
