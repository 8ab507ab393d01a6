// Mutexes with clang's thread-safety annotations (-Wthread-safety).
//
// They stand on std::mutex rather than absl::Mutex because ThreadSanitizer
// sees pthread locks even where the distribution's Abseil was built without
// it; with absl::Mutex every lock would be invisible to it.

#ifndef VALETKEY_BASE_MUTEX_H_
#define VALETKEY_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define VK_THREAD_ANNOTATION_(x) __attribute__((x))
#else
#define VK_THREAD_ANNOTATION_(x)
#endif

#define VK_GUARDED_BY(x) VK_THREAD_ANNOTATION_(guarded_by(x))
#define VK_PT_GUARDED_BY(x) VK_THREAD_ANNOTATION_(pt_guarded_by(x))
#define VK_REQUIRES(...) VK_THREAD_ANNOTATION_(requires_capability(__VA_ARGS__))
#define VK_REQUIRES_SHARED(...) \
  VK_THREAD_ANNOTATION_(requires_shared_capability(__VA_ARGS__))
#define VK_EXCLUDES(...) VK_THREAD_ANNOTATION_(locks_excluded(__VA_ARGS__))
#define VK_NO_THREAD_SAFETY_ANALYSIS \
  VK_THREAD_ANNOTATION_(no_thread_safety_analysis)

namespace valetkey {

class VK_THREAD_ANNOTATION_(capability("mutex")) Mutex {
 public:
  void Lock() VK_THREAD_ANNOTATION_(acquire_capability()) { mutex_.lock(); }
  void Unlock() VK_THREAD_ANNOTATION_(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class VK_THREAD_ANNOTATION_(capability("shared_mutex")) SharedMutex {
 public:
  void Lock() VK_THREAD_ANNOTATION_(acquire_capability()) { mutex_.lock(); }
  void Unlock() VK_THREAD_ANNOTATION_(release_capability()) { mutex_.unlock(); }
  void LockShared() VK_THREAD_ANNOTATION_(acquire_shared_capability()) {
    mutex_.lock_shared();
  }
  void UnlockShared() VK_THREAD_ANNOTATION_(release_shared_capability()) {
    mutex_.unlock_shared();
  }

 private:
  std::shared_mutex mutex_;
};

class VK_THREAD_ANNOTATION_(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex)
      VK_THREAD_ANNOTATION_(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() VK_THREAD_ANNOTATION_(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class VK_THREAD_ANNOTATION_(scoped_lockable) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex)
      VK_THREAD_ANNOTATION_(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~WriterLock() VK_THREAD_ANNOTATION_(release_capability()) { mutex_.Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class VK_THREAD_ANNOTATION_(scoped_lockable) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex)
      VK_THREAD_ANNOTATION_(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.LockShared();
  }
  ~ReaderLock() VK_THREAD_ANNOTATION_(release_generic_capability()) {
    mutex_.UnlockShared();
  }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class CondVar {
 public:
  // Waits to be signalled; may wake without a signal.
  void Wait(Mutex& mutex) VK_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // Waits at most so long; false if the time ran out.
  template <class Rep, class Period>
  bool WaitFor(Mutex& mutex, std::chrono::duration<Rep, Period> time)
      VK_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = cv_.wait_for(lock, time) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void Signal() { cv_.notify_one(); }
  void SignalAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_MUTEX_H_
