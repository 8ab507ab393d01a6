// What gRPC hands from one of its threads to another is ordered by atomics
// inside the library, which is not built with ThreadSanitizer. These tell it
// that whatever came before HandOver comes before what follows TakeOver of the
// same object. Nothing in other builds.

#ifndef VALETKEY_CLIENT_SRC_TSAN_H_
#define VALETKEY_CLIENT_SRC_TSAN_H_

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define VALETKEY_CLIENT_TSAN 1
#endif
#endif

namespace valetkey::client::internal {

inline void HandOver([[maybe_unused]] void* object) {
#ifdef VALETKEY_CLIENT_TSAN
  __tsan_release(object);
#endif
}

inline void TakeOver([[maybe_unused]] void* object) {
#ifdef VALETKEY_CLIENT_TSAN
  __tsan_acquire(object);
#endif
}

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TSAN_H_
