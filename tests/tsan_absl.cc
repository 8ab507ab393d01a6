// Makes the locks of the distribution's Abseil visible to ThreadSanitizer.
//
// libabsl is built without it: an absl::Mutex is a word that atomics inside the
// library change, so all that gRPC hands from thread to thread under such a
// lock looks like a race. The symbols of an executable go before those of a
// library; so the functions below, named as the library's, are what gRPC
// calls. Each calls the library's own and says what is ordered by it.
//
// Linked into every test of a build with -fsanitize=thread, and into nothing
// else. The names are those of Abseil 20220623 in Debian 12 and Ubuntu 24.04;
// where gRPC does not call them they do nothing.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdint>
#include <cstdlib>

namespace {

// The library's function of that name.
template <typename Function>
Function* Next(const char* symbol) {
  void* const address = dlsym(RTLD_NEXT, symbol);
  if (address == nullptr) std::abort();
  return reinterpret_cast<Function*>(address);
}

// absl::Time and absl::Duration, which travel in two registers.
struct Moment {
  std::int64_t seconds;
  std::uint32_t ticks;
};

}  // namespace

#define VK_LOCK(name, symbol)                            \
  extern "C" void name(void* mutex) asm(symbol);         \
  void name(void* mutex) {                               \
    static auto* const next = Next<void(void*)>(symbol); \
    next(mutex);                                         \
    __tsan_acquire(mutex);                               \
  }

#define VK_UNLOCK(name, symbol)                          \
  extern "C" void name(void* mutex) asm(symbol);         \
  void name(void* mutex) {                               \
    static auto* const next = Next<void(void*)>(symbol); \
    __tsan_release(mutex);                               \
    next(mutex);                                         \
  }

#define VK_TIMED_WAIT(name, symbol)                                     \
  extern "C" bool name(void* condition, void* mutex,                    \
                       Moment moment) asm(symbol);                      \
  bool name(void* condition, void* mutex, Moment moment) {              \
    static auto* const next = Next<bool(void*, void*, Moment)>(symbol); \
    __tsan_release(mutex);                                              \
    const bool timed_out = next(condition, mutex, moment);              \
    __tsan_acquire(mutex);                                              \
    return timed_out;                                                   \
  }

#define VK_ABSL "_ZN4absl7debian3"

VK_LOCK(vk_tsan_lock, VK_ABSL "5Mutex4LockEv")
VK_UNLOCK(vk_tsan_unlock, VK_ABSL "5Mutex6UnlockEv")
VK_LOCK(vk_tsan_reader_lock, VK_ABSL "5Mutex10ReaderLockEv")
VK_UNLOCK(vk_tsan_reader_unlock, VK_ABSL "5Mutex12ReaderUnlockEv")
VK_TIMED_WAIT(vk_tsan_wait_until,
              VK_ABSL "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE")
VK_TIMED_WAIT(vk_tsan_wait_for,
              VK_ABSL "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE")

constexpr char kTryLock[] = VK_ABSL "5Mutex7TryLockEv";
extern "C" bool vk_tsan_try_lock(void* mutex) asm(VK_ABSL "5Mutex7TryLockEv");
bool vk_tsan_try_lock(void* mutex) {
  static auto* const next = Next<bool(void*)>(kTryLock);
  if (!next(mutex)) return false;
  __tsan_acquire(mutex);
  return true;
}

constexpr char kWait[] = VK_ABSL "7CondVar4WaitEPNS0_5MutexE";
extern "C" void vk_tsan_wait(void* condition,
                             void* mutex) asm(VK_ABSL
                                              "7CondVar4WaitEPNS0_5MutexE");
void vk_tsan_wait(void* condition, void* mutex) {
  static auto* const next = Next<void(void*, void*)>(kWait);
  __tsan_release(mutex);
  next(condition, mutex);
  __tsan_acquire(mutex);
}
