#include "service/net/sql/blocking_call.h"

#include <utility>

namespace valetkey::sql {

bool BlockingCall::Begin() {
  MutexLock lock(mutex_);
  if (state_ != State::kQueued) return false;
  state_ = State::kRunning;
  return true;
}

void BlockingCall::End() {
  MutexLock lock(mutex_);
  state_ = State::kDone;
  ended_.SignalAll();
  signal_->Notify();
}

CallWaiter::CallWaiter(std::shared_ptr<BlockingCall> call)
    : call_(std::move(call)) {}

CallWaiter::~CallWaiter() {
  MutexLock lock(call_->mutex_);
  if (call_->state_ == BlockingCall::State::kQueued) {
    call_->state_ = BlockingCall::State::kWithdrawn;
  }
  while (call_->state_ == BlockingCall::State::kRunning) {
    call_->ended_.Wait(call_->mutex_);
  }
}

bool CallWaiter::Done() {
  MutexLock lock(call_->mutex_);
  return call_->state_ == BlockingCall::State::kDone;
}

bool CallWaiter::Withdraw() {
  MutexLock lock(call_->mutex_);
  if (call_->state_ != BlockingCall::State::kQueued) return false;
  call_->state_ = BlockingCall::State::kWithdrawn;
  return true;
}

Task<bool> CallWaiter::Wait(absl::Duration timeout) {
  if (!co_await WakeSignal::WaitUncancelled(call_->signal_, timeout) &&
      !Done()) {
    if (Withdraw()) co_return false;
    // It runs, or has just ended: then the wake-up is on its way.
    co_await WakeSignal::WaitUncancelled(call_->signal_,
                                         absl::InfiniteDuration());
  }
  co_return true;
}

}  // namespace valetkey::sql
