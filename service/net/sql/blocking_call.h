// One piece of work that a thread of its own does for a coroutine.
//
// The coroutine makes the call, hands it to the thread, and waits:
//
//   auto call = std::make_shared<MyCall>(...);
//   CallWaiter waiter(call);
//   queue.Push(call);
//   if (!co_await waiter.Wait(timeout)) ...;  // it was never begun
//
// and the thread does
//
//   if (call->Begin()) { ...; call->End(); }
//
// What the work refers to may belong to the coroutine: the work is never begun
// once the wait has ended or the waiter is gone, and a waiter that is destroyed
// while the work runs blocks until it has ended. Work that has begun is always
// waited for, so its time must be bounded. Cancelling the waiting task changes
// nothing: what a task writes on its way out is to be written.
//
// REQUIRES: the coroutine's executor runs on one thread, or is a strand. Begin
// and End may be called on any thread.

#ifndef VALETKEY_NET_SQL_BLOCKING_CALL_H_
#define VALETKEY_NET_SQL_BLOCKING_CALL_H_

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/wake_signal.h"
#include "service/base/mutex.h"

namespace valetkey::sql {

class BlockingCall {
 public:
  virtual ~BlockingCall() = default;

  // False: nobody waits any more, the work must not be done.
  bool Begin();
  // Wakes the waiter, on its executor. REQUIRES: Begin returned true.
  void End();

 private:
  friend class CallWaiter;
  enum class State { kQueued, kRunning, kDone, kWithdrawn };

  const std::shared_ptr<WakeSignal> signal_ = std::make_shared<WakeSignal>();
  Mutex mutex_;
  CondVar ended_;
  State state_ VK_GUARDED_BY(mutex_) = State::kQueued;
};

// Lives in the waiting coroutine. At most one for each call, made before the
// call is handed over.
class CallWaiter {
 public:
  explicit CallWaiter(std::shared_ptr<BlockingCall> call);
  CallWaiter(const CallWaiter&) = delete;
  CallWaiter& operator=(const CallWaiter&) = delete;
  ~CallWaiter();

  // True: the work has ended. False: it was not begun within the time, and
  // will not be.
  Task<bool> Wait(absl::Duration timeout);

 private:
  bool Done();
  // False if the work has begun.
  bool Withdraw();

  const std::shared_ptr<BlockingCall> call_;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_BLOCKING_CALL_H_
