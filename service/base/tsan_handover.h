// What gRPC hands from one of its threads to another is ordered by atomics
// within the library, which is not built with ThreadSanitizer. These tell it
// that whatever we did before we gave a call to gRPC comes before its
// callbacks, and those before each other. Nothing in other builds.

#ifndef VALETKEY_BASE_TSAN_HANDOVER_H_
#define VALETKEY_BASE_TSAN_HANDOVER_H_

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define VK_GIVE(call) __tsan_release(call)
#define VK_TAKE(call) __tsan_acquire(call)
#endif
#endif

#ifndef VK_GIVE
#define VK_GIVE(call) static_cast<void>(call)
#define VK_TAKE(call) static_cast<void>(call)
#endif

#endif  // VALETKEY_BASE_TSAN_HANDOVER_H_
