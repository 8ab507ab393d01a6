#include "service/broker/limiter.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "service/async/promise.h"

namespace valetkey::broker {

Task<Limiter::Permit> Limiter::Acquire() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto called = std::make_shared<Promise<bool>>(executor);
  Turn turn(shared_from_this(), [executor, called] {
    asio::post(executor, [called] { called->Set(true); });
  });
  if (!turn.granted()) co_await WaitFor(called, absl::InfiniteDuration());
  co_return turn.Claim();
}

Limiter::Turn::Turn(std::shared_ptr<Limiter> limiter,
                    std::function<void()> resume)
    : limiter_(std::move(limiter)), resume_(std::move(resume)) {
  MutexLock lock(limiter_->mutex_);
  if (limiter_->free_ > 0) {
    --limiter_->free_;
    granted_ = true;
  } else {
    limiter_->waiting_.push_back(this);
  }
}

Limiter::Turn::~Turn() {
  if (!claimed_) Claim();
}

bool Limiter::Turn::granted() const {
  MutexLock lock(limiter_->mutex_);
  return granted_;
}

Limiter::Permit Limiter::Turn::Claim() {
  claimed_ = true;
  MutexLock lock(limiter_->mutex_);
  if (granted_) return Permit(limiter_);
  auto& waiting = limiter_->waiting_;
  waiting.erase(std::find(waiting.begin(), waiting.end(), this));
  return Permit();
}

void Limiter::Release() {
  MutexLock lock(mutex_);
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  // The permit passes on to the next in line without becoming free.
  Turn* next = waiting_.front();
  waiting_.pop_front();
  next->granted_ = true;
  next->resume_();
}

}  // namespace valetkey::broker
