// Waits for what a callback brings.

#ifndef VALETKEY_CLIENT_SRC_BLOCKING_H_
#define VALETKEY_CLIENT_SRC_BLOCKING_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "src/mutex.h"
#include "valetkey/call_options.h"

namespace valetkey::client::internal {

// `start` gets a callback, which is called once.
template <typename T, typename Start>
absl::StatusOr<T> Blocking(Start start) {
  struct State {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::StatusOr<T>> result ABSL_GUARDED_BY(mutex);
  };
  // Shared: the caller may be gone before the callback's last instruction.
  const auto state = std::make_shared<State>();
  start(Callback<T>([state](absl::StatusOr<T> result) {
    const MutexLock lock(state->mutex);
    state->result = std::move(result);
    state->changed.SignalAll();
  }));
  const MutexLock lock(state->mutex);
  while (!state->result.has_value()) state->changed.Wait(state->mutex);
  return *std::move(state->result);
}

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_BLOCKING_H_
