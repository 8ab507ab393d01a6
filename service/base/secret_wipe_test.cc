// Freed memory may not be read, so the test replaces the allocator's release:
// while it watches, every block that a SecretString gives back is examined.
// ThreadSanitizer's runtime insists on an allocator of its own: not there.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VK_OWN_ALLOCATOR 1
#endif
#endif
#if !defined(VK_OWN_ALLOCATOR) && !defined(__SANITIZE_THREAD__)

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "service/base/secret.h"

namespace {

constexpr std::size_t kSize = 61;  // no other block of this size is released
thread_local bool watching = false;
thread_local int released = 0;
thread_local int dirty = 0;
thread_local const char* watched[8];
thread_local int watched_count = 0;

void Examine(void* memory) {
  if (!watching) return;
  for (int i = 0; i < watched_count; ++i) {
    if (watched[i] != memory) continue;
    ++released;
    for (std::size_t j = 0; j < kSize; ++j) {
      if (watched[i][j] != 0) {
        ++dirty;
        break;
      }
    }
    watched[i] = nullptr;
  }
}

}  // namespace

void* operator new[](std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete[](void* memory) noexcept {
  Examine(memory);
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  Examine(memory);
  std::free(memory);
}

namespace valetkey {
namespace {

const SecretString& Watch(const SecretString& secret) {
  watched[watched_count++] = secret.Reveal().data();
  return secret;
}

TEST(SecretWipeTest, ReleasedMemoryIsZero) {
  char text[kSize];
  std::memset(text, 'x', sizeof(text));
  const absl::string_view value(text, sizeof(text));
  watching = true;
  {
    SecretString destroyed(value);
    Watch(destroyed);
    SecretString copied_over(value);
    Watch(copied_over);
    copied_over = SecretString("other");
    SecretString moved(value);
    Watch(moved);
    SecretString moved_into(value);
    Watch(moved_into);
    moved_into = std::move(moved);
    std::optional<SecretString> reset(value);
    Watch(*reset);
    reset.reset();
  }
  watching = false;
  EXPECT_EQ(released, 5);
  EXPECT_EQ(dirty, 0);
}

}  // namespace
}  // namespace valetkey

#endif  // VK_OWN_ALLOCATOR
