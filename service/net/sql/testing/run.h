// Small helpers for tests with coroutines and a PostgreSQL.

#ifndef VALETKEY_NET_SQL_TESTING_RUN_H_
#define VALETKEY_NET_SQL_TESTING_RUN_H_

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/async/task.h"

namespace valetkey::sql {

// Runs the task on the executor and waits for it. REQUIRES: another thread
// runs the executor.
template <class T>
T RunOn(asio::any_io_executor executor, Task<T> task) {
  return asio::co_spawn(executor, std::move(task), asio::use_future).get();
}

// Waits until the condition holds; false if it does not within the time.
inline bool Eventually(const std::function<bool()>& condition,
                       absl::Duration limit = absl::Seconds(20)) {
  const absl::Time end = absl::Now() + limit;
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_TESTING_RUN_H_
