// What the objects of one client share: its channel, its key, its timers, and
// what is under way.

#ifndef VALETKEY_CLIENT_SRC_CORE_H_
#define VALETKEY_CLIENT_SRC_CORE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "src/config.h"
#include "src/key_file.h"
#include "src/mutex.h"
#include "src/scheduler.h"
#include "valetkey/v1/application_service.grpc.pb.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/event_service.grpc.pb.h"
#include "valetkey/v1/provider_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::client::internal {

class WatchHub;

// Something that lasts and that closing the client ends. Thread-safe.
class Closable {
 public:
  virtual ~Closable() = default;
  // Ends it soon, without waiting. May be called more than once.
  virtual void Close() = 0;
};

absl::Status ClosedError();

struct Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel);
  std::unique_ptr<v1::ApplicationService::Stub> applications;
  std::unique_ptr<v1::ConnectionService::Stub> connections;
  std::unique_ptr<v1::EventService::Stub> events;
  std::unique_ptr<grpc::GenericStub> generic;
  std::unique_ptr<v1::ProviderService::Stub> providers;
  std::unique_ptr<v1::TokenService::Stub> tokens;
};

// Thread-safe. The client closes it; others may hold it longer.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Config config, std::shared_ptr<Scheduler> scheduler);

  const Config& config() const { return config_; }
  Scheduler& scheduler() const { return *scheduler_; }
  // REQUIRES: something entered by Begin has not ended.
  const Stubs& stubs() const { return *stubs_; }

  // Puts the API key into a call.
  void Prepare(grpc::ClientContext& context) const;

  // What is between Begin and End is closed by Close, which waits for its end.
  // False once the client is closed; then there is nothing to end.
  bool Begin(const std::shared_ptr<Closable>& operation);
  void End(const Closable* operation);
  // What is between Add and Remove is closed by Close, and not waited for.
  bool Add(const std::shared_ptr<Closable>& object);
  void Remove(const Closable* object);

  // The one watch of that application; none once the client is closed.
  std::shared_ptr<WatchHub> HubOf(const std::string& application);

  // Ends all, and returns when nothing is left. May be called more than once.
  void Close();

 private:
  const Config config_;
  const std::unique_ptr<KeyFile> key_file_;  // nullptr: the key is config_'s
  const std::shared_ptr<Scheduler> scheduler_;
  std::unique_ptr<Stubs> stubs_;
  Mutex closing_;  // held by Close throughout

  Mutex mutex_;
  CondVar ended_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const Closable*, std::shared_ptr<Closable>> operations_
      ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;  // operations that have not ended
  std::map<const Closable*, std::weak_ptr<Closable>> objects_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<WatchHub>> hubs_
      ABSL_GUARDED_BY(mutex_);
};

std::shared_ptr<grpc::Channel> NewChannel(const Config& config);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_CORE_H_
