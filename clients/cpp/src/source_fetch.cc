// The source's one fetch; see the head of source.h.

#include <algorithm>
#include <utility>

#include "src/names.h"
#include "src/source.h"
#include "src/status.h"
#include "src/tokens.h"
#include "src/watch_hub.h"

namespace valetkey::client::internal {
namespace {

constexpr absl::Duration kRemember = absl::Seconds(1);

}  // namespace

absl::Status Source::DeadlineError() const {
  if (unavailable_.ok()) {
    return absl::DeadlineExceededError("no token came in time");
  }
  const absl::Duration wait = next_call_ - Elapsed();
  return wait > absl::ZeroDuration() ? WithRetryDelay(unavailable_, wait)
                                     : unavailable_;
}

void Source::JoinFlight() {
  switch (phase_) {
    case Phase::kIdle:
      if (hub_ == nullptr) {
        hub_ = core_->HubOf(ApplicationOf(name_));
        if (hub_ != nullptr && !hub_->Add(shared_from_this())) {
          phase_ = Phase::kOpening;
          return;
        }
      }
      Call();
      return;
    case Phase::kWaiting:
      // The wait is not one that a reader has begun.
      if (readers_.empty()) {
        backoff_.Reset();
        CallNow();
      }
      return;
    case Phase::kOpening:
    case Phase::kCalling:
      return;
  }
}

void Source::FetchInBackground() {
  background_ = true;
  switch (phase_) {
    case Phase::kIdle:
      Call();
      return;
    case Phase::kWaiting:
      // A new token is there; or whatever called us has reached the server,
      // which we had not.
      if (wanted_ != 0 || ReasonOf(unavailable_).empty()) CallNow();
      return;
    case Phase::kOpening:
    case Phase::kCalling:
      return;
  }
}

void Source::CallNow() {
  core_->scheduler().Cancel(call_timer_);
  Call();
}

void Source::Call() {
  phase_ = Phase::kCalling;
  const std::uint64_t flight = ++flight_;
  asked_ = {events_, drops_, rejected_, wanted_};
  v1::GetTokenRequest request;
  request.set_name(name_);
  request.set_token(options_.token);
  for (const std::string& scope : options_.required_scopes) {
    request.add_required_scopes(scope);
  }
  request.set_min_generation(wanted_);
  request.set_rejected_generation(rejected_);

  absl::Duration timeout = core_->config().timeout;
  for (const Reader& reader : readers_) {
    timeout = std::max(timeout, reader.deadline - Elapsed());
  }
  struct Exchange {
    v1::GetTokenRequest request;
    v1::GetTokenResponse response;
  };
  const auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  CallPlan plan;
  plan.attempt = [core = core_, exchange](
                     grpc::ClientContext* context,
                     std::function<void(grpc::Status)> end) {
    core->stubs().tokens->async()->GetToken(
        context, &exchange->request, &exchange->response, std::move(end));
  };
  plan.repeatable = false;  // the flight makes its own waits
  plan.timeout = timeout;
  plan.done = [weak = weak_from_this(), flight,
               exchange](const absl::Status& status) {
    if (const auto self = weak.lock()) {
      self->OnAnswer(flight, status, exchange->response);
    }
  };
  call_ = RetryingCall::Start(core_, std::move(plan));
  // Without a call the client is closing, which closes this too.
}

void Source::EndFlight() {
  core_->scheduler().Cancel(call_timer_);
  phase_ = Phase::kIdle;
  background_ = false;
  unavailable_ = absl::OkStatus();
  backoff_.Reset();
  call_ = nullptr;
  ++flight_;
}

void Source::OnCallTimer(std::uint64_t flight) {
  const MutexLock lock(mutex_);
  if (flight != flight_ || phase_ != Phase::kWaiting) return;
  if (readers_.empty() && !background_) {
    EndFlight();
  } else {
    Call();
  }
}

void Source::OnAnswer(std::uint64_t flight, const absl::Status& status,
                      const v1::GetTokenResponse& response) {
  Actions actions;
  {
    const MutexLock lock(mutex_);
    if (flight != flight_) return;
    call_ = nullptr;
    if (status.ok()) {
      OnToken(TokenDataOf(response.token()), actions);
    } else if (status.code() == absl::StatusCode::kUnavailable) {
      OnUnavailable(status, actions);
    } else if (status.code() == absl::StatusCode::kDeadlineExceeded) {
      AnswerAll(DeadlineError(), actions);
      OnUnavailable(status, actions);
    } else {
      OnError(status, actions);
    }
  }
  for (auto& action : actions) action();
}

void Source::OnToken(std::shared_ptr<const TokenData> token, Actions& actions) {
  if (asked_.drops != drops_ ||
      (token->generation == rejected_ && asked_.rejected != rejected_)) {
    // Asked before that became known.
    if (readers_.empty() && !background_) {
      EndFlight();
    } else {
      Call();
    }
    return;
  }
  if (rejected_ != 0 && token->generation == rejected_) {
    return OnError(
        absl::InternalError("the server gave the refused token again"),
        actions);
  }
  if (token->generation < lowest_) {
    return OnUnavailable(
        absl::UnavailableError("the server gave an older token than before"),
        actions);
  }
  const bool same = held_ != nullptr && token->generation == held_->generation;
  if (!same || token->expire_time > held_->expire_time) {
    held_ = std::move(token);
    lowest_ = held_->generation;
    rejected_ = 0;
    Publish();
  }
  remembered_ = absl::OkStatus();
  if (wanted_ <= std::max(held_->generation, asked_.wanted)) wanted_ = 0;
  AnswerAll(Token(held_), actions);
  EndFlight();
  SetRefreshTimer(/*again=*/same);
  if (again_ || wanted_ != 0) {
    again_ = false;
    FetchInBackground();
  }
}

void Source::OnUnavailable(absl::Status status, Actions& actions) {
  const absl::Duration wait = backoff_.After(status, core_->scheduler());
  unavailable_ = WithRetryDelay(std::move(status), wait);
  next_call_ = Elapsed() + wait;
  if (absl::IsUnavailable(unavailable_) && held_ != nullptr &&
      held_->generation != rejected_ &&
      held_->expire_time > core_->scheduler().Now()) {
    // Served to its end, though it would not live 2 s longer.
    AnswerAll(Token(held_), actions);
  }
  for (auto it = readers_.begin(); it != readers_.end();) {
    const auto next = std::next(it);
    if (it->deadline <= next_call_) {
      Answer(std::move(*it), unavailable_, actions);
      readers_.erase(it);
    }
    it = next;
  }
  if (readers_.empty() && !background_) {
    EndFlight();
    SetRefreshTimer(/*again=*/true);
    return;
  }
  phase_ = Phase::kWaiting;
  call_timer_ = core_->scheduler().RunAfter(
      wait, [weak = weak_from_this(), flight = flight_] {
        if (const auto self = weak.lock()) self->OnCallTimer(flight);
      });
}

void Source::OnError(const absl::Status& status, Actions& actions) {
  if (asked_.events == events_) {
    if (status.code() == absl::StatusCode::kFailedPrecondition ||
        status.code() == absl::StatusCode::kNotFound) {
      remembered_ = status;
      remembered_until_ = Elapsed() + kRemember;
    }
    // Known without a watch too.
    if (held_ != nullptr &&
        (IsConnectionRevoked(status) || IsNotFound(status))) {
      Drop(held_->generation);
    }
  }
  AnswerAll(status, actions);
  wanted_ = 0;
  EndFlight();
  SetRefreshTimer(/*again=*/true);
  if (again_) {
    again_ = false;
    FetchInBackground();
  }
}

}  // namespace valetkey::client::internal
