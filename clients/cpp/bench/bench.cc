// A million reads of a token source from memory, by one thread and by two.
// Prints a line of JSON for each. With --compare also other ways to share a
// pointer.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/snapshot.h"
#include "valetkey/client.h"
#include "valetkey/testing/fake_valetkey.h"

namespace valetkey::client {
namespace {

constexpr int kReads = 1'000'000;

// The nanoseconds of a read, when so many threads make kReads each at once:
// the best of some rounds, for the machine may have other work.
template <typename Read>
double Measure(int readers, Read read) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> threads;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < readers; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < kReads; ++n) read();
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double, std::nano> time =
        std::chrono::steady_clock::now() - begin;
    best = std::min(best, time.count() / kReads);
  }
  return best;
}

void Print(const std::string& name, int readers, double nanoseconds) {
  std::cout << "{\"name\": \"" << name
            << "\", \"language\": \"cpp\", \"ns_per_read\": " << nanoseconds
            << ", \"readers\": " << readers << "}" << std::endl;
}

void Compare() {
  const auto value = std::make_shared<const std::string>("token");
  internal::Snapshot<std::string> snapshot;
  snapshot.Store(value);
  std::shared_ptr<const std::string> shared = value;
  std::mutex mutex;
  for (const int readers : {1, 2}) {
    Print("snapshot", readers, Measure(readers, [&] {
            if (snapshot.Load() == nullptr) std::abort();
          }));
    Print("std::atomic_load(shared_ptr)", readers, Measure(readers, [&] {
            if (std::atomic_load(&shared) == nullptr) std::abort();
          }));
    Print("mutex and shared_ptr", readers, Measure(readers, [&] {
            std::shared_ptr<const std::string> copy;
            {
              const std::lock_guard lock(mutex);
              copy = shared;
            }
            if (copy == nullptr) std::abort();
          }));
  }
}

int Main(bool compare) {
  FakeValetKey fake;
  fake.SetToken("c-7", "a-token-of-a-usual-length-0123456789abcdef");
  absl::StatusOr<Client> client = Client::Create(fake.client_options());
  if (!client.ok()) return 1;
  const absl::StatusOr<TokenSource> source = client->NewTokenSource("c-7");
  if (!source.ok() || !source->Get().ok()) return 1;
  for (const int readers : {1, 2}) {
    Print("token_source_read", readers, Measure(readers, [&] {
            if (!source->Get().ok()) std::abort();
          }));
  }
  if (compare) Compare();
  return fake.Calls("GetToken") == 1 ? 0 : 1;
}

}  // namespace
}  // namespace valetkey::client

int main(int argc, char** argv) {
  return valetkey::client::Main(argc > 1 &&
                                std::strcmp(argv[1], "--compare") == 0);
}
