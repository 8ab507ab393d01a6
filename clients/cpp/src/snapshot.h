// A pointer to an immutable value that many threads read and few replace.
//
// Readers never wait: a read is a few operations on atomics, most of them on a
// cache line that the thread shares with few others. A writer waits until
// every reader that may still look at what it replaced has gone on, which
// takes some nanoseconds for each (or until a reader that lost the processor
// just there gets it back).
//
// How it is safe. A reader adds itself to a counter before it loads the
// pointer, and takes itself off once it has its own reference. A writer first
// replaces the pointer, and then waits until it has seen each counter at zero
// once. In the one order of these (they are sequentially consistent), a reader
// that came to a counter before the writer saw it at zero has also left it; one
// that came later loads the new pointer. So none has the old one.
//
// Each shard has two counters, of which `phase` names the one in use, so that a
// writer that waits for one does not wait for readers who come meanwhile. That
// is for progress alone: either counter keeps a reader safe.

#ifndef VALETKEY_CLIENT_SRC_SNAPSHOT_H_
#define VALETKEY_CLIENT_SRC_SNAPSHOT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>

#include "src/mutex.h"

namespace valetkey::client::internal {

// The calling thread's number, from 0 on, the same for its life.
inline std::size_t ThreadNumber() {
  static std::atomic<std::size_t> threads{0};
  thread_local std::size_t number = 0;
  if (number == 0) number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return number - 1;
}

// Thread-safe.
template <typename T>
class Snapshot {
 public:
  Snapshot() : current_(new Copies) {}
  ~Snapshot() { delete current_.load(std::memory_order_relaxed); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  std::shared_ptr<const T> Load() const {
    const std::size_t number = ThreadNumber() % kShards;
    Shard& shard = shards_[number];
    std::atomic<int>& readers =
        shard.readers[phase_.load(std::memory_order_relaxed) & 1];
    readers.fetch_add(1, std::memory_order_seq_cst);
    std::shared_ptr<const T> value =
        (*current_.load(std::memory_order_seq_cst))[number];
    readers.fetch_sub(1, std::memory_order_release);
    return value;
  }

  void Store(std::shared_ptr<const T> value) {
    auto* const next = new Copies;
    for (std::shared_ptr<const T>& copy : *next) {
      // A reference count of its own for each shard.
      if (value != nullptr) {
        auto holder = std::make_shared<std::shared_ptr<const T>>(value);
        copy = std::shared_ptr<const T>(std::move(holder), value.get());
      }
    }
    const Copies* old = nullptr;
    {
      const MutexLock lock(writers_);
      old = current_.exchange(next, std::memory_order_seq_cst);
      for (int round = 0; round < 2; ++round) {
        const unsigned phase = phase_.load(std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_relaxed);
        for (Shard& shard : shards_) {
          while (shard.readers[phase & 1].load(std::memory_order_seq_cst) !=
                 0) {
            std::this_thread::yield();
          }
        }
      }
    }
    delete old;
  }

 private:
  static constexpr std::size_t kShards = 4;
  using Copies = std::array<std::shared_ptr<const T>, kShards>;
  struct alignas(64) Shard {
    std::array<std::atomic<int>, 2> readers{};
  };

  std::atomic<const Copies*> current_;
  std::atomic<unsigned> phase_{0};
  mutable std::array<Shard, kShards> shards_;
  Mutex writers_;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_SNAPSHOT_H_
