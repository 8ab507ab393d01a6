// Bounds how many do something at once; the others wait in order.
//
//   Limiter::Permit permit = co_await limiter.Acquire();
//   ... released when the permit is destroyed, on any thread.
//
// Thread-safe. Waiters resume on their own executor.

#ifndef VALETKEY_BROKER_LIMITER_H_
#define VALETKEY_BROKER_LIMITER_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "service/async/task.h"
#include "service/base/mutex.h"

namespace valetkey::broker {

class Limiter : public std::enable_shared_from_this<Limiter> {
 public:
  // REQUIRES: permits >= 1, and owned by a shared_ptr.
  explicit Limiter(int permits) : free_(permits) {}

  class Permit {
   public:
    Permit() = default;
    explicit Permit(std::shared_ptr<Limiter> owner)
        : owner_(std::move(owner)) {}
    Permit(Permit&& other) noexcept : owner_(std::move(other.owner_)) {}
    Permit& operator=(Permit&& other) noexcept {
      Release();
      owner_ = std::move(other.owner_);
      return *this;
    }
    ~Permit() { Release(); }

   private:
    void Release() {
      if (owner_) std::exchange(owner_, nullptr)->Release();
    }
    std::shared_ptr<Limiter> owner_;
  };

  // Waits for its turn. A task that is cancelled while it waits gets an empty
  // permit, and one that is destroyed gives up its place.
  Task<Permit> Acquire();

 private:
  // A place in the queue, which its owner leaves at the latest when it is
  // destroyed, with a permit that it was given and has not claimed.
  class Turn {
   public:
    Turn(std::shared_ptr<Limiter> limiter, std::function<void()> resume);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool granted() const;
    // Leaves the queue, with a permit if there was one.
    Permit Claim();

   private:
    friend class Limiter;
    const std::shared_ptr<Limiter> limiter_;
    // Called under the limiter's lock, so that it is not called any more once
    // the owner has left; must only post.
    const std::function<void()> resume_;
    bool granted_ = false;  // guarded by the limiter's mutex
    bool claimed_ = false;  // touched by the owner alone
  };

  void Release() VK_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  int free_ VK_GUARDED_BY(mutex_);
  std::deque<Turn*> waiting_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_LIMITER_H_
