// What ValetKey's coroutines are: Boost.Asio awaitables.
//
// Rules (see CONTRIBUTING.md): coroutines are named functions or members, never
// capturing lambdas; arguments go by value, or by a reference to what
// certainly outlives the await; no mutex is held across an await; every await
// that can wait takes a deadline; nothing is detached, everything belongs to a
// TaskScope.

#ifndef VALETKEY_ASYNC_TASK_H_
#define VALETKEY_ASYNC_TASK_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/time/time.h"

namespace valetkey {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T, asio::any_io_executor>;

namespace task_internal {
struct SleepForFunction {
  Task<bool> operator()(absl::Duration time) const;
};
}  // namespace task_internal

// co_await SleepFor(time): waits for so long on the calling coroutine's
// executor; ends early, without an exception, if the task is cancelled.
// Returns false in that case. (An object, because a function would be
// ambiguous with absl::SleepFor, which blocks, where that is declared.)
inline constexpr task_internal::SleepForFunction SleepFor;

// Moves the calling coroutine to another executor: code after the await runs
// there, up to the next await that suspends, after which Asio resumes it on
// the executor it was spawned on. For blocking work on a pool:
//
//   const auto home = co_await asio::this_coro::executor;
//   co_await SwitchTo(pool);
//   auto result = Block();
//   co_await SwitchTo(home);
//
// While away the task is not cancelled, for Asio's cancellation belongs to one
// thread; come home with SwitchTo as above before awaiting anything else.
Task<void> SwitchTo(asio::any_io_executor executor);

}  // namespace valetkey

#endif  // VALETKEY_ASYNC_TASK_H_
