#include "service/async/wake_signal.h"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace valetkey {
namespace {

// Shut when its event loop begins to go, so that nothing is posted to it from
// then on. Asio shuts services down from the youngest to the oldest, and the
// scheduler, which must not be posted to any more, is the oldest of all.
class LoopGate final : public asio::execution_context::service {
 public:
  using key_type = LoopGate;
  static asio::execution_context::id id;

  struct State {
    Mutex mutex;
    bool shut VK_GUARDED_BY(mutex) = false;
  };

  explicit LoopGate(asio::execution_context& context)
      : service(context), state_(std::make_shared<State>()) {}

  const std::shared_ptr<State>& state() const { return state_; }

 private:
  void shutdown() override {
    MutexLock lock(state_->mutex);
    state_->shut = true;
  }

  const std::shared_ptr<State> state_;
};

asio::execution_context::id LoopGate::id;

std::shared_ptr<LoopGate::State> GateOf(const asio::any_io_executor& executor) {
  asio::execution_context& context =
      asio::query(executor, asio::execution::context);
  return asio::use_service<LoopGate>(context).state();
}

}  // namespace

// Lives in the waiting coroutine, so that a wake-up never meets a timer that
// has gone.
class WakeSignal::Waiter {
 public:
  Waiter(std::shared_ptr<WakeSignal> signal, asio::any_io_executor executor)
      : signal_(std::move(signal)), gate_(GateOf(executor)), timer_(executor) {
    MutexLock lock(signal_->mutex_);
    signal_->waiter_ = this;
  }
  ~Waiter() {
    MutexLock lock(signal_->mutex_);
    signal_->waiter_ = nullptr;
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  asio::steady_timer& timer() { return timer_; }

  // Whether there was a signal, which is used up.
  bool Take() {
    MutexLock lock(signal_->mutex_);
    return std::exchange(signal_->notified_, false);
  }

  // On any thread, under the signal's mutex.
  void PostWake() {
    MutexLock lock(gate_->mutex);
    if (gate_->shut) return;
    asio::post(timer_.get_executor(), [signal = signal_] { signal->Wake(); });
  }

 private:
  const std::shared_ptr<WakeSignal> signal_;
  const std::shared_ptr<LoopGate::State> gate_;
  asio::steady_timer timer_;
};

void WakeSignal::Notify() {
  MutexLock lock(mutex_);
  if (std::exchange(notified_, true) || waiter_ == nullptr) return;
  waiter_->PostWake();
}

void WakeSignal::Wake() {
  MutexLock lock(mutex_);
  if (waiter_ != nullptr) waiter_->timer().cancel();
}

Task<bool> WakeSignal::Wait(std::shared_ptr<WakeSignal> signal,
                            absl::Duration timeout) {
  return Run(std::move(signal), timeout, /*cancellable=*/true);
}

Task<bool> WakeSignal::WaitUncancelled(std::shared_ptr<WakeSignal> signal,
                                       absl::Duration timeout) {
  return Run(std::move(signal), timeout, /*cancellable=*/false);
}

Task<bool> WakeSignal::Run(std::shared_ptr<WakeSignal> signal,
                           absl::Duration timeout, bool cancellable) {
  Waiter waiter(signal, co_await asio::this_coro::executor);
  if (timeout < absl::Hours(24 * 365)) {
    waiter.timer().expires_after(absl::ToChronoNanoseconds(timeout));
  } else {
    waiter.timer().expires_at(asio::steady_timer::time_point::max());
  }
  while (!waiter.Take()) {
    const auto cancelled =
        (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancellable && cancelled != asio::cancellation_type::none) {
      co_return false;
    }
    boost::system::error_code error;
    co_await waiter.timer().async_wait(
        asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return waiter.Take();
  }
  co_return true;
}

}  // namespace valetkey
