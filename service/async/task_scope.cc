#include "service/async/task_scope.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdlib>
#include <exception>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "service/base/log.h"
#include "service/base/mutex.h"

namespace valetkey {
namespace {

// How often Join asks again: a task that was between two waits when Close
// came would otherwise sit out the second one.
constexpr absl::Duration kAskAgain = absl::Milliseconds(50);

struct Running {
  asio::any_io_executor executor;
  std::string name;
  bool cancellable = false;
  asio::cancellation_signal signal;  // touched on the executor only
};

using RunningList = std::list<std::shared_ptr<Running>>;

}  // namespace

struct TaskScope::State {
  // Keeps a task on the list until its coroutine is done, or is destroyed
  // unfinished with its event loop.
  class Membership {
   public:
    Membership(std::shared_ptr<State> state, RunningList::iterator position)
        : state_(std::move(state)), position_(position) {}
    ~Membership() {
      MutexLock lock(state_->mutex);
      state_->running.erase(position_);
      if (state_->running.empty()) state_->idle.SignalAll();
    }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

   private:
    const std::shared_ptr<State> state_;
    const RunningList::iterator position_;
  };

  static bool Spawn(const std::shared_ptr<State>& state,
                    asio::any_io_executor executor, absl::string_view name,
                    Task<void> task, bool cancellable);
  // The membership comes first because arguments are destroyed in reverse:
  // when Join returns, the task and all that it held are gone.
  static Task<void> Run(std::unique_ptr<Membership> membership,
                        std::shared_ptr<Running> self, Task<void> task);
  void Cancel() VK_REQUIRES(mutex);

  Mutex mutex;
  CondVar idle;
  bool closed VK_GUARDED_BY(mutex) = false;
  RunningList running VK_GUARDED_BY(mutex);
};

bool TaskScope::State::Spawn(const std::shared_ptr<State>& state,
                             asio::any_io_executor executor,
                             absl::string_view name, Task<void> task,
                             bool cancellable) {
  auto self = std::make_shared<Running>();
  self->executor = executor;
  self->name = std::string(name);
  self->cancellable = cancellable;
  // Posted under the lock, so that Close's cancellation comes after it in the
  // executor's queue; and never run at once, so that the lock does no harm.
  MutexLock lock(state->mutex);
  if (state->closed) return false;
  state->running.push_front(self);
  auto membership = std::make_unique<Membership>(state, state->running.begin());
  asio::post(executor, [executor, self,
                        run = Run(std::move(membership), self,
                                  std::move(task))]() mutable {
    asio::co_spawn(std::move(executor), std::move(run),
                   asio::bind_cancellation_slot(self->signal.slot(),
                                                [self](std::exception_ptr) {}));
  });
  return true;
}

Task<void> TaskScope::State::Run(std::unique_ptr<Membership> membership,
                                 std::shared_ptr<Running> self,
                                 Task<void> task) {
  // Asio would throw at each await of a cancelled task; ours look at results.
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    co_await std::move(task);
  } catch (const std::exception& error) {
    Log(LogLevel::kError, "an exception left a task",
        {{"task", self->name}, {"error", error.what()}});
    std::abort();
  } catch (...) {
    Log(LogLevel::kError, "an exception left a task", {{"task", self->name}});
    std::abort();
  }
}

void TaskScope::State::Cancel() {
  for (const auto& task : running) {
    if (!task->cancellable) continue;
    asio::post(task->executor, [task] {
      task->signal.emit(asio::cancellation_type::terminal);
    });
  }
}

TaskScope::TaskScope() : state_(std::make_shared<State>()) {}

TaskScope::~TaskScope() {
  if (const int left = running(); left > 0) {
    Log(LogLevel::kError, "a task scope was destroyed before it was joined",
        {{"running", left}});
    std::abort();
  }
}

bool TaskScope::Spawn(asio::any_io_executor executor, absl::string_view name,
                      Task<void> task) {
  return State::Spawn(state_, std::move(executor), name, std::move(task),
                      /*cancellable=*/true);
}

bool TaskScope::SpawnUncancelled(asio::any_io_executor executor,
                                 absl::string_view name, Task<void> task) {
  return State::Spawn(state_, std::move(executor), name, std::move(task),
                      /*cancellable=*/false);
}

void TaskScope::Close() {
  MutexLock lock(state_->mutex);
  if (state_->closed) return;
  state_->closed = true;
  state_->Cancel();
}

bool TaskScope::Join(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(state_->mutex);
  while (!state_->running.empty()) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    state_->idle.WaitFor(state_->mutex,
                         absl::ToChronoNanoseconds(std::min(left, kAskAgain)));
    if (state_->closed) state_->Cancel();
  }
  if (state_->running.empty()) return true;
  std::map<std::string, int> names;
  for (const auto& task : state_->running) ++names[task->name];
  Log(LogLevel::kWarning, "tasks did not end in time",
      {{"tasks", absl::StrJoin(names, ", ", absl::PairFormatter(": "))}});
  return false;
}

int TaskScope::running() const {
  MutexLock lock(state_->mutex);
  return static_cast<int>(state_->running.size());
}

}  // namespace valetkey
