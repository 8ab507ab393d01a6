// Time and chance as dependencies, so that tests control them.

#ifndef VALETKEY_BASE_CLOCK_H_
#define VALETKEY_BASE_CLOCK_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "service/base/mutex.h"

namespace valetkey {

// The wall clock. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The system's clock; never destroyed.
  static const Clock& System();
};

// A clock that stands still until it is moved. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override;
  void Advance(absl::Duration by);
  void Set(absl::Time now);

 private:
  mutable Mutex mutex_;
  absl::Time now_ VK_GUARDED_BY(mutex_);
};

// Random bytes. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(void* data, std::size_t size) = 0;

  // size bytes.
  std::string Bytes(std::size_t size);
  // Uniform in [0, 1).
  double Unit();

  // The operating system's generator, for keys and states; never destroyed.
  static Random& System();
};

// Repeatable bytes from a seed, for tests. Thread-safe.
class FakeRandom final : public Random {
 public:
  explicit FakeRandom(std::uint64_t seed) : state_(seed) {}
  void Fill(void* data, std::size_t size) override;

 private:
  Mutex mutex_;
  std::uint64_t state_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_CLOCK_H_
