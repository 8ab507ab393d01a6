// Wakes a coroutine from any thread.
//
//   auto signal = std::make_shared<WakeSignal>();
//   bool woken = co_await WakeSignal::Wait(signal, timeout);
//   ...
//   signal->Notify();  // on another thread
//
// A signal is remembered until it is waited for, so none is lost between two
// waits. Notify may be called on any thread and at any time, also while the
// waiter is destroyed, or the event loop that it runs on: Asio itself does not
// allow posting to a loop that goes. At most one waiter at a time, whose
// executor runs on one thread or is a strand.

#ifndef VALETKEY_ASYNC_WAKE_SIGNAL_H_
#define VALETKEY_ASYNC_WAKE_SIGNAL_H_

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/mutex.h"

namespace valetkey {

class WakeSignal : public std::enable_shared_from_this<WakeSignal> {
 public:
  void Notify();

  // Waits for a signal, and uses it up. False once the time is over, or when
  // the waiting task is cancelled.
  static Task<bool> Wait(std::shared_ptr<WakeSignal> signal,
                         absl::Duration timeout);
  // The same, but goes on waiting when the task is cancelled.
  static Task<bool> WaitUncancelled(std::shared_ptr<WakeSignal> signal,
                                    absl::Duration timeout);

 private:
  class Waiter;

  static Task<bool> Run(std::shared_ptr<WakeSignal> signal,
                        absl::Duration timeout, bool cancellable);
  void Wake();

  Mutex mutex_;
  bool notified_ VK_GUARDED_BY(mutex_) = false;
  // In the waiting coroutine; null when none waits.
  Waiter* waiter_ VK_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace valetkey

#endif  // VALETKEY_ASYNC_WAKE_SIGNAL_H_
