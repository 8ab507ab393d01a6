#include <map>
#include <utility>
#include <vector>

#include "src/mutex.h"
#include "valetkey/call_options.h"

namespace valetkey::client {

struct Cancellation::State {
  internal::Mutex mutex;
  bool cancelled ABSL_GUARDED_BY(mutex) = false;
  std::uint64_t last_id ABSL_GUARDED_BY(mutex) = 0;
  std::map<std::uint64_t, std::function<void()>> functions
      ABSL_GUARDED_BY(mutex);
};

Cancellation::Cancellation() : state_(std::make_shared<State>()) {}

void Cancellation::Cancel() {
  std::map<std::uint64_t, std::function<void()>> functions;
  {
    const internal::MutexLock lock(state_->mutex);
    state_->cancelled = true;
    functions.swap(state_->functions);
  }
  for (const auto& [id, function] : functions) function();
}

bool Cancellation::cancelled() const {
  const internal::MutexLock lock(state_->mutex);
  return state_->cancelled;
}

std::uint64_t Cancellation::Register(std::function<void()> function) const {
  {
    const internal::MutexLock lock(state_->mutex);
    if (!state_->cancelled) {
      state_->functions.emplace(++state_->last_id, std::move(function));
      return state_->last_id;
    }
  }
  function();
  return 0;
}

void Cancellation::Unregister(std::uint64_t id) const {
  std::function<void()> function;  // destroyed without the lock
  const internal::MutexLock lock(state_->mutex);
  const auto found = state_->functions.find(id);
  if (found == state_->functions.end()) return;
  function = std::move(found->second);
  state_->functions.erase(found);
}

}  // namespace valetkey::client
