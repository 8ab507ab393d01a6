// A value that many coroutines can wait for, set once.
//
// Used by one executor only: Set and WaitFor run on its thread, and so must
// the last owner drop it. Waiters are resumed by posting, never inside Set.

#ifndef VALETKEY_ASYNC_PROMISE_H_
#define VALETKEY_ASYNC_PROMISE_H_

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "service/async/task.h"

namespace valetkey {

template <class T>
class Promise {
 public:
  explicit Promise(asio::any_io_executor executor)
      : executor_(std::move(executor)) {}
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;

  // REQUIRES: not set before.
  void Set(T value) {
    value_.emplace(std::move(value));
    for (asio::steady_timer& waiter : waiters_) waiter.cancel();
  }
  bool is_set() const { return value_.has_value(); }
  const T& value() const { return *value_; }

 private:
  template <class U>
  friend Task<bool> WaitFor(std::shared_ptr<Promise<U>> promise,
                            absl::Duration timeout);

  // A waiter's own timer: it fires when the waiter's time has run out, and Set
  // cancels it. Leaves the list when the waiter resumes or is destroyed.
  class Waiter {
   public:
    Waiter(Promise& promise, absl::Duration timeout)
        : promise_(promise),
          position_(promise.waiters_.emplace(promise.waiters_.end(),
                                             promise.executor_)) {
      if (timeout == absl::InfiniteDuration()) {
        timer().expires_at(asio::steady_timer::time_point::max());
      } else {
        timer().expires_after(absl::ToChronoNanoseconds(timeout));
      }
    }
    ~Waiter() { promise_.waiters_.erase(position_); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    asio::steady_timer& timer() { return *position_; }

   private:
    Promise& promise_;
    const typename std::list<asio::steady_timer>::iterator position_;
  };

  const asio::any_io_executor executor_;
  std::list<asio::steady_timer> waiters_;
  std::optional<T> value_;
};

// Waits until the promise is set or the time has run out; false in the latter
// case, or when the waiting task is cancelled. Cancelling a waiter does not
// touch the promise.
template <class T>
Task<bool> WaitFor(std::shared_ptr<Promise<T>> promise,
                   absl::Duration timeout) {
  if (promise->is_set()) co_return true;
  // A cancelled task would not be woken a second time: look before the wait.
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) {
    co_return false;
  }
  typename Promise<T>::Waiter waiter(*promise, timeout);
  // Whatever ended the wait, the promise itself tells how.
  boost::system::error_code ignored;
  co_await waiter.timer().async_wait(
      asio::redirect_error(asio::use_awaitable, ignored));
  co_return promise->is_set();
}

}  // namespace valetkey

#endif  // VALETKEY_ASYNC_PROMISE_H_
