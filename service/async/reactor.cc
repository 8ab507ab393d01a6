#include "service/async/reactor.h"

#include <pthread.h>

#include <cstddef>
#include <string>

#include "absl/hash/hash.h"

namespace valetkey {

Reactor::Reactor(int index)
    : index_(index), work_(context_.get_executor()), thread_([this] {
        // The kernel keeps 15 characters.
        const std::string name = "reactor-" + std::to_string(index_);
        pthread_setname_np(pthread_self(), name.c_str());
        context_.run();
      }) {}

Reactor::~Reactor() { Stop(); }

void Reactor::Stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void Reactor::DropWork() { context_.shutdown(); }

bool Reactor::InThread() const {
  return work_.get_executor().running_in_this_thread();
}

ReactorPool::ReactorPool(int size) {
  for (int i = 0; i < size; ++i) {
    reactors_.push_back(std::make_unique<Reactor>(i));
  }
}

ReactorPool::~ReactorPool() {
  for (const auto& reactor : reactors_) reactor->Stop();
  for (const auto& reactor : reactors_) reactor->DropWork();
}

Reactor& ReactorPool::For(absl::string_view name) {
  return *reactors_[absl::Hash<absl::string_view>()(name) % reactors_.size()];
}

}  // namespace valetkey
