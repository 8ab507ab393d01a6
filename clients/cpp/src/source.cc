#include "src/source.h"

#include <algorithm>
#include <utility>

#include "src/watch_hub.h"

namespace valetkey::client::internal {
namespace {

// A token is given out only if it lives so much longer.
constexpr absl::Duration kMargin = absl::Seconds(2);
constexpr absl::Duration kLeastTimer = absl::Seconds(1);

void Run(std::vector<absl::AnyInvocable<void()>>& actions) {
  for (auto& action : actions) action();
}

}  // namespace

std::shared_ptr<Source> Source::Create(std::shared_ptr<Core> core,
                                       std::string name,
                                       TokenSourceOptions options) {
  std::shared_ptr<Source> source(
      new Source(std::move(core), std::move(name), std::move(options)));
  if (!source->core_->Add(source)) source->Close();
  return source;
}

Source::Source(std::shared_ptr<Core> core, std::string name,
               TokenSourceOptions options)
    : core_(std::move(core)),
      name_(std::move(name)),
      options_(std::move(options)) {}

std::shared_ptr<const TokenData> Source::Peek() const {
  std::shared_ptr<const TokenData> token = snapshot_.Load();
  if (token != nullptr &&
      token->expire_time - core_->scheduler().Now() < kMargin) {
    return nullptr;
  }
  return token;
}

// ------------------------------------------------------------------ readers

void Source::Get(const CallOptions& options, Callback<Token> done) {
  if (auto token = Peek()) {
    done(Token(std::move(token)));
    return;
  }
  Reader reader;
  reader.id = ++last_reader_;
  reader.done = std::move(done);
  if (options.cancellation.has_value()) {
    reader.cancellation = options.cancellation;
    // Before the reader is there; AddReader looks whether it was cancelled
    // meanwhile.
    reader.registration = options.cancellation->Register(
        [weak = weak_from_this(), id = reader.id] {
          if (const auto self = weak.lock()) self->EndReader(id, true);
        });
  }
  Actions actions;
  {
    const MutexLock lock(mutex_);
    AddReader(std::move(reader),
              options.timeout.value_or(core_->config().timeout), actions);
  }
  Run(actions);
}

void Source::AddReader(Reader reader, absl::Duration timeout,
                       Actions& actions) {
  const absl::Duration now = Elapsed();
  if (closed_) {
    return Answer(std::move(reader), ClosedError(), actions);
  }
  if (reader.cancellation.has_value() && reader.cancellation->cancelled()) {
    return Answer(std::move(reader), absl::CancelledError("cancelled"),
                  actions);
  }
  if (auto token = Peek()) {
    return Answer(std::move(reader), Token(std::move(token)), actions);
  }
  if (!remembered_.ok() && now < remembered_until_) {
    return Answer(std::move(reader), remembered_, actions);
  }
  reader.deadline = now + timeout;
  if (phase_ == Phase::kWaiting && !readers_.empty() &&
      reader.deadline <= next_call_) {
    return Answer(std::move(reader), DeadlineError(), actions);
  }
  JoinFlight();
  reader.timer = core_->scheduler().RunAfter(
      timeout, [weak = weak_from_this(), id = reader.id] {
        if (const auto self = weak.lock()) self->EndReader(id, false);
      });
  readers_.push_back(std::move(reader));
}

void Source::EndReader(std::uint64_t id, bool cancelled) {
  Actions actions;
  {
    const MutexLock lock(mutex_);
    for (auto it = readers_.begin(); it != readers_.end(); ++it) {
      if (it->id != id) continue;
      Reader reader = std::move(*it);
      readers_.erase(it);
      Answer(std::move(reader),
             cancelled ? absl::CancelledError("cancelled") : DeadlineError(),
             actions);
      break;
    }
  }
  Run(actions);
}

void Source::Answer(Reader reader, absl::StatusOr<Token> result,
                    Actions& actions) {
  core_->scheduler().Cancel(reader.timer);
  if (reader.cancellation.has_value()) {
    reader.cancellation->Unregister(reader.registration);
  }
  actions.push_back(
      [done = std::move(reader.done), result = std::move(result)]() mutable {
        done(std::move(result));
      });
}

void Source::AnswerAll(const absl::StatusOr<Token>& result, Actions& actions) {
  std::list<Reader> readers;
  readers.swap(readers_);
  for (Reader& reader : readers) Answer(std::move(reader), result, actions);
}

// -------------------------------------------------------------- what is held

void Source::Invalidate(std::int64_t generation) {
  const MutexLock lock(mutex_);
  if (held_ == nullptr || held_->generation != generation) return;
  rejected_ = generation;
  remembered_ = absl::OkStatus();
  Publish();
}

void Source::Publish() {
  snapshot_.Store(held_ != nullptr && held_->generation != rejected_ ? held_
                                                                     : nullptr);
}

void Source::Drop(std::int64_t generation) {
  held_ = nullptr;
  lowest_ = std::max(lowest_, generation);
  rejected_ = 0;
  wanted_ = 0;
  background_ = false;
  again_ = false;
  ++drops_;
  Publish();
  core_->scheduler().Cancel(refresh_timer_);
}

void Source::SetRefreshTimer(bool again) {
  Scheduler& scheduler = core_->scheduler();
  scheduler.Cancel(refresh_timer_);
  if (held_ == nullptr || held_->expire_time == absl::InfiniteFuture()) return;
  const absl::Time now = scheduler.Now();
  const absl::Duration left = held_->expire_time - now;
  if (left <= absl::ZeroDuration()) return;
  absl::Duration wait;
  if (again) {
    wait = std::max(left / 10, kLeastTimer);
  } else {
    wait = held_->refresh_time == absl::InfiniteFuture()
               ? left * 0.8
               : held_->refresh_time - now;
    wait = std::clamp(wait, absl::ZeroDuration(), left);
    wait += (left - wait) / 10 * scheduler.Random();
  }
  refresh_timer_ = scheduler.RunAfter(wait, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnRefreshTimer();
  });
}

void Source::OnRefreshTimer() {
  const MutexLock lock(mutex_);
  // A flight under way sets the timer when it ends.
  if (!closed_ && held_ != nullptr && phase_ == Phase::kIdle) {
    FetchInBackground();
  }
}

// ---------------------------------------------------------------- the watch

void Source::OnWatchReady() {
  const MutexLock lock(mutex_);
  if (phase_ == Phase::kOpening) Call();
}

void Source::OnWatchBegan() {
  const MutexLock lock(mutex_);
  if (closed_ || held_ == nullptr) return;
  // A call under way may have been answered before the watch began.
  if (phase_ == Phase::kCalling) again_ = true;
  FetchInBackground();
}

void Source::OnEvent(const v1::Event& event) {
  const MutexLock lock(mutex_);
  if (closed_) return;
  ++events_;
  remembered_ = absl::OkStatus();
  switch (event.type()) {
    case v1::EVENT_TYPE_REFRESHED:
    case v1::EVENT_TYPE_REAUTHORIZED:
      if (event.generation() <= (held_ == nullptr ? 0 : held_->generation) ||
          (held_ == nullptr && phase_ == Phase::kIdle)) {
        break;
      }
      wanted_ = std::max(wanted_, event.generation());
      FetchInBackground();
      break;
    case v1::EVENT_TYPE_REVOKED:
      // Of the past, if the person has consented again since.
      if (held_ != nullptr && held_->generation > event.generation()) break;
      Drop(event.generation());
      break;
    case v1::EVENT_TYPE_DELETED:
      Drop(event.generation());
      break;
    default:
      break;
  }
}

void Source::Close() {
  Actions actions;
  std::shared_ptr<RetryingCall> call;
  std::shared_ptr<WatchHub> hub;
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    closed_ = true;
    held_ = nullptr;
    Publish();
    core_->scheduler().Cancel(refresh_timer_);
    AnswerAll(ClosedError(), actions);
    call = std::move(call_);
    EndFlight();
    hub = std::move(hub_);
  }
  if (call != nullptr) call->Close();
  if (hub != nullptr) hub->Remove(this);
  core_->Remove(this);
  Run(actions);
}

}  // namespace valetkey::client::internal
