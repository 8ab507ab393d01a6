#include "service/base/clock.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/time/clock.h"

namespace valetkey {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

class SystemRandom final : public Random {
 public:
  void Fill(void* data, std::size_t size) override {
    auto* out = static_cast<unsigned char*>(data);
    while (size > 0) {
      const int part = static_cast<int>(std::min<std::size_t>(size, 1 << 20));
      if (RAND_bytes(out, part) != 1) {
        // Without randomness no state, verifier or key is safe.
        std::fputs("the system's random generator failed\n", stderr);
        std::abort();
      }
      out += part;
      size -= static_cast<std::size_t>(part);
    }
  }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock* const clock = new SystemClock;
  return *clock;
}

absl::Time FakeClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration by) {
  MutexLock lock(mutex_);
  now_ += by;
}

void FakeClock::Set(absl::Time now) {
  MutexLock lock(mutex_);
  now_ = now;
}

std::string Random::Bytes(std::size_t size) {
  std::string bytes(size, '\0');
  Fill(bytes.data(), size);
  return bytes;
}

double Random::Unit() {
  std::uint64_t bits = 0;
  Fill(&bits, sizeof(bits));
  // 53 bits are what a double holds exactly.
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

Random& Random::System() {
  static SystemRandom* const random = new SystemRandom;
  return *random;
}

void FakeRandom::Fill(void* data, std::size_t size) {
  MutexLock lock(mutex_);
  auto* out = static_cast<unsigned char*>(data);
  while (size > 0) {
    // SplitMix64.
    std::uint64_t word = (state_ += 0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    const std::size_t part = std::min(size, sizeof(word));
    std::memcpy(out, &word, part);
    out += part;
    size -= part;
  }
}

}  // namespace valetkey
