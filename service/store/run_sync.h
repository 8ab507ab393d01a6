// Runs a task to its end on an event loop of its own, for tests.

#ifndef VALETKEY_STORE_RUN_SYNC_H_
#define VALETKEY_STORE_RUN_SYNC_H_

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "service/async/task.h"

namespace valetkey {

template <class T>
T RunSync(Task<T> task) {
  asio::io_context context(1);
  std::optional<T> result;
  asio::co_spawn(context, std::move(task),
                 [&result](std::exception_ptr error, T value) {
                   if (error) std::rethrow_exception(error);
                   result.emplace(std::move(value));
                 });
  context.run();
  return *std::move(result);
}

}  // namespace valetkey

#endif  // VALETKEY_STORE_RUN_SYNC_H_
