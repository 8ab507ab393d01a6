#include "service/async/task.h"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace valetkey {

Task<bool> task_internal::SleepForFunction::operator()(
    absl::Duration time) const {
  // A cancelled task would not be woken a second time: look before the wait.
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) {
    co_return false;
  }
  asio::steady_timer timer(co_await asio::this_coro::executor);
  if (time == absl::InfiniteDuration()) {
    timer.expires_at(asio::steady_timer::time_point::max());
  } else {
    timer.expires_after(absl::ToChronoNanoseconds(time));
  }
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

Task<void> SwitchTo(asio::any_io_executor executor) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  const bool returns = executor == home;
  if (!returns) {
    // Asio's cancellation state is not locked: nothing may signal it while
    // the task runs on another thread than the one that signals.
    co_await asio::this_coro::reset_cancellation_state(
        asio::disable_cancellation());
  }
  co_await asio::post(
      asio::bind_executor(std::move(executor), asio::use_awaitable));
  if (!returns) co_return;
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() == asio::cancellation_type::none) {
    co_await asio::this_coro::reset_cancellation_state(
        asio::enable_terminal_cancellation());
  }
}

}  // namespace valetkey
