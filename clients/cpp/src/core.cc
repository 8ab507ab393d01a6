#include "src/core.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "src/watch_hub.h"

namespace valetkey::client::internal {

absl::Status ClosedError() {
  return absl::CancelledError("the client or token source is closed");
}

Stubs::Stubs(const std::shared_ptr<grpc::Channel>& channel)
    : applications(v1::ApplicationService::NewStub(channel)),
      connections(v1::ConnectionService::NewStub(channel)),
      events(v1::EventService::NewStub(channel)),
      generic(std::make_unique<grpc::GenericStub>(channel)),
      providers(v1::ProviderService::NewStub(channel)),
      tokens(v1::TokenService::NewStub(channel)) {}

Core::Core(Config config, std::shared_ptr<Scheduler> scheduler)
    : config_(std::move(config)),
      key_file_(config_.api_key_file.empty()
                    ? nullptr
                    : std::make_unique<KeyFile>(config_.api_key_file,
                                                config_.api_key)),
      scheduler_(std::move(scheduler)),
      stubs_(std::make_unique<Stubs>(NewChannel(config_))) {}

void Core::Prepare(grpc::ClientContext& context) const {
  const std::string key = key_file_ == nullptr
                              ? config_.api_key
                              : key_file_->Get(scheduler_->Elapsed());
  if (!key.empty()) {
    context.AddMetadata("authorization", absl::StrCat("Bearer ", key));
  }
}

bool Core::Begin(const std::shared_ptr<Closable>& operation) {
  const MutexLock lock(mutex_);
  if (closed_) return false;
  operations_.emplace(operation.get(), operation);
  ++running_;
  return true;
}

void Core::End(const Closable* operation) {
  std::shared_ptr<Closable> ended;
  {
    const MutexLock lock(mutex_);
    const auto found = operations_.find(operation);
    ended = std::move(found->second);
    operations_.erase(found);
  }
  // Destroyed before Close hears of it: it may have a part of the channel.
  ended = nullptr;
  const MutexLock lock(mutex_);
  if (--running_ == 0) ended_.SignalAll();
}

bool Core::Add(const std::shared_ptr<Closable>& object) {
  const MutexLock lock(mutex_);
  if (closed_) return false;
  objects_.emplace(object.get(), object);
  return true;
}

void Core::Remove(const Closable* object) {
  const MutexLock lock(mutex_);
  objects_.erase(object);
}

std::shared_ptr<WatchHub> Core::HubOf(const std::string& application) {
  const MutexLock lock(mutex_);
  if (closed_) return nullptr;
  std::shared_ptr<WatchHub>& hub = hubs_[application];
  if (hub == nullptr) hub = std::make_shared<WatchHub>(*this, application);
  return hub;
}

void Core::Close() {
  // A second caller returns when the first does: then nothing is left.
  const MutexLock closing(closing_);
  std::vector<std::shared_ptr<Closable>> objects;
  std::vector<std::shared_ptr<Closable>> operations;
  std::map<std::string, std::shared_ptr<WatchHub>> hubs;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    for (const auto& [key, object] : objects_) {
      if (auto held = object.lock()) objects.push_back(std::move(held));
    }
    for (const auto& [key, operation] : operations_) {
      operations.push_back(operation);
    }
    hubs = hubs_;
  }
  for (const auto& object : objects) object->Close();
  for (const auto& [application, hub] : hubs) hub->Close();
  for (const auto& operation : operations) operation->Close();
  objects.clear();
  operations.clear();
  {
    const MutexLock lock(mutex_);
    while (running_ != 0) ended_.Wait(mutex_);
    hubs_.clear();
  }
  hubs.clear();
  scheduler_->Stop();
  stubs_.reset();
}

}  // namespace valetkey::client::internal
