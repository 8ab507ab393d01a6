#include "src/watcher.h"

#include <utility>

#include "src/blocking.h"
#include "src/status.h"
#include "valetkey/watch.h"

namespace valetkey::client {

Watch::Watch(std::shared_ptr<internal::Watcher> watcher)
    : watcher_(std::move(watcher)) {}

Watch::~Watch() { Close(); }

Watch::Watch(Watch&&) noexcept = default;

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    Close();
    watcher_ = std::move(other.watcher_);
  }
  return *this;
}

absl::StatusOr<v1::WatchEventsResponse> Watch::Next(
    const CallOptions& options) {
  return internal::Blocking<v1::WatchEventsResponse>(
      [&](Callback<v1::WatchEventsResponse> done) {
        watcher_->Next(options, std::move(done));
      });
}

void Watch::Next(const CallOptions& options,
                 Callback<v1::WatchEventsResponse> done) {
  watcher_->Next(options, std::move(done));
}

void Watch::Close() {
  if (watcher_ != nullptr) watcher_->Close();
}

namespace internal {

std::shared_ptr<Watcher> Watcher::Create(std::shared_ptr<Core> core,
                                         v1::WatchEventsRequest request) {
  std::shared_ptr<Watcher> watcher(
      new Watcher(std::move(core), std::move(request)));
  if (watcher->core_->Add(watcher)) {
    const MutexLock lock(watcher->mutex_);
    if (watcher->end_.ok()) watcher->Open();
  } else {
    watcher->Close();
  }
  return watcher;
}

void Watcher::Next(const CallOptions& options, Callback<Response> done) {
  std::uint64_t turn = 0;
  {
    const MutexLock lock(mutex_);
    turn = ++turn_;
  }
  std::uint64_t registration = 0;
  if (options.cancellation.has_value()) {
    // Before the consumer waits: it is looked at again below.
    registration =
        options.cancellation->Register([weak = weak_from_this(), turn] {
          if (const auto self = weak.lock()) {
            self->GiveUp(turn, absl::CancelledError("cancelled"));
          }
        });
  }
  {
    const MutexLock lock(mutex_);
    done_ = std::move(done);
    cancellation_ = options.cancellation;
    registration_ = registration;
    if (options.timeout.has_value()) {
      deadline_timer_ = core_->scheduler().RunAfter(
          *options.timeout, [weak = weak_from_this(), turn] {
            if (const auto self = weak.lock()) {
              self->GiveUp(
                  turn, absl::DeadlineExceededError("no message came in time"));
            }
          });
    }
  }
  if (options.cancellation.has_value() && options.cancellation->cancelled()) {
    GiveUp(turn, absl::CancelledError("cancelled"));
  }
  Deliver();
}

void Watcher::Close() {
  {
    const MutexLock lock(mutex_);
    if (end_.ok()) end_ = absl::CancelledError("the watch is closed");
    ++number_;
    message_.reset();
    if (stream_ != nullptr) stream_->Close();
    stream_ = nullptr;
    core_->scheduler().Cancel(open_timer_);
  }
  core_->Remove(this);
  Deliver();
}

void Watcher::Open() {
  const std::uint64_t number = ++number_;
  const std::weak_ptr<Watcher> weak = weak_from_this();
  stream_ = EventStream::Start(core_, request_,
                               {[weak, number](Response message) {
                                  if (const auto self = weak.lock()) {
                                    self->OnMessage(number, std::move(message));
                                  }
                                },
                                [weak, number](const absl::Status& status) {
                                  if (const auto self = weak.lock())
                                    self->OnEnd(number, status);
                                }});
}

void Watcher::OpenIf(std::uint64_t number) {
  const MutexLock lock(mutex_);
  if (number == number_) Open();
}

void Watcher::OnMessage(std::uint64_t number, Response message) {
  {
    const MutexLock lock(mutex_);
    if (number != number_) return;
    backoff_.Reset();
    message_ = std::move(message);
  }
  Deliver();
}

void Watcher::OnEnd(std::uint64_t number, const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    if (number != number_) return;
    stream_ = nullptr;
    const bool resumes = status.code() == absl::StatusCode::kUnavailable ||
                         ReasonOf(status) == "WATCH_LAGGED";
    if (resumes) {
      // A message that was read ahead comes again.
      const std::uint64_t next = ++number_;
      message_.reset();
      open_timer_ = core_->scheduler().RunAfter(
          backoff_.After(status, core_->scheduler()),
          [weak = weak_from_this(), next] {
            const auto self = weak.lock();
            if (self != nullptr) self->OpenIf(next);
          });
      return;
    }
    end_ = status;
  }
  Deliver();
}

void Watcher::Deliver() {
  Callback<Response> done;
  absl::StatusOr<Response> result = absl::UnknownError("");
  {
    const MutexLock lock(mutex_);
    if (done_ == nullptr || (!message_.has_value() && end_.ok())) return;
    done = std::exchange(done_, nullptr);
    core_->scheduler().Cancel(deadline_timer_);
    if (cancellation_.has_value()) cancellation_->Unregister(registration_);
    cancellation_.reset();
    if (message_.has_value()) {
      if (!message_->cursor().empty()) {
        request_.set_cursor(message_->cursor());
        request_.set_snapshot(false);  // it is behind us
      }
      result = *std::move(message_);
      message_.reset();
      if (stream_ != nullptr) stream_->Read();
    } else {
      result = end_;
    }
  }
  done(std::move(result));
}

void Watcher::GiveUp(std::uint64_t turn, const absl::Status& status) {
  Callback<Response> done;
  {
    const MutexLock lock(mutex_);
    if (turn != turn_ || done_ == nullptr) return;
    done = std::exchange(done_, nullptr);
    core_->scheduler().Cancel(deadline_timer_);
    if (cancellation_.has_value()) cancellation_->Unregister(registration_);
    cancellation_.reset();
  }
  done(status);
}

}  // namespace internal
}  // namespace valetkey::client
