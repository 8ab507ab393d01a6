#include "src/retrying_call.h"

#include <utility>

#include "absl/time/clock.h"
#include "src/status.h"
#include "src/tsan.h"

namespace valetkey::client::internal {

std::shared_ptr<RetryingCall> RetryingCall::Start(std::shared_ptr<Core> core,
                                                  CallPlan plan) {
  const std::shared_ptr<RetryingCall> call(
      new RetryingCall(std::move(core), std::move(plan)));
  if (!call->core_->Begin(call)) return nullptr;
  call->deadline_ = call->core_->scheduler().Elapsed() + call->plan_.timeout;
  if (call->plan_.cancellation.has_value()) {
    call->registration_ = call->plan_.cancellation->Register(
        [weak = std::weak_ptr<RetryingCall>(call)] {
          if (const auto held = weak.lock()) held->Close();
        });
  }
  call->Try();
  return call;
}

void RetryingCall::Close() {
  bool waiting = false;
  {
    const MutexLock lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    if (context_ != nullptr) context_->TryCancel();
    waiting = timer_ != 0;
    // The wait ends now, and finds that it was cancelled.
    if (waiting) {
      core_->scheduler().Cancel(timer_);
      timer_ = 0;
    }
  }
  if (waiting) Finish(absl::CancelledError("the call was cancelled"));
}

void RetryingCall::Try() {
  const absl::Duration left = deadline_ - core_->scheduler().Elapsed();
  grpc::ClientContext* context = nullptr;
  {
    const MutexLock lock(mutex_);
    context_ = std::make_unique<grpc::ClientContext>();
    context = context_.get();
    core_->Prepare(*context);
    context->set_deadline(absl::ToChronoTime(absl::Now() + left));
    if (cancelled_) context->TryCancel();
  }
  HandOver(this);
  plan_.attempt(context, [self = shared_from_this()](grpc::Status status) {
    self->OnEnd(status);
  });
}

void RetryingCall::OnTimer() {
  {
    const MutexLock lock(mutex_);
    if (timer_ == 0) return;  // Close was quicker
    timer_ = 0;
  }
  Try();
}

void RetryingCall::OnEnd(const grpc::Status& status) {
  TakeOver(this);
  absl::Status result = FromGrpc(status);
  {
    const MutexLock lock(mutex_);
    context_.reset();
    if (cancelled_ && !result.ok()) {
      result = absl::CancelledError("the call was cancelled");
    } else if (result.code() == absl::StatusCode::kDeadlineExceeded &&
               !unavailable_.ok()) {
      result = unavailable_;
    } else if (result.code() == absl::StatusCode::kUnavailable &&
               plan_.repeatable) {
      Scheduler& scheduler = core_->scheduler();
      const absl::Duration wait = backoff_.After(result, scheduler);
      unavailable_ = result = WithRetryDelay(std::move(result), wait);
      if (scheduler.Elapsed() + wait < deadline_) {
        timer_ = scheduler.RunAfter(
            wait, [self = shared_from_this()] { self->OnTimer(); });
        return;
      }
    }
  }
  Finish(std::move(result));
}

void RetryingCall::Finish(absl::Status status) {
  if (plan_.cancellation.has_value()) {
    plan_.cancellation->Unregister(registration_);
  }
  auto done = std::move(plan_.done);
  done(std::move(status));
  core_->End(this);
}

}  // namespace valetkey::client::internal
