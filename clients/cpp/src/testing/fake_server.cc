#include "src/testing/fake_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "src/testing/fake_errors.h"
#include "src/testing/fake_stream.h"

namespace valetkey::client::internal {
namespace {

constexpr std::chrono::seconds kPatience(10);

std::shared_ptr<grpc::ServerCredentials> Credentials(
    const FakeOptions& options) {
  if (options.tls_certificate.empty()) {
    return grpc::InsecureServerCredentials();
  }
  grpc::SslServerCredentialsOptions ssl(
      options.tls_client_authorities.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = options.tls_client_authorities;
  ssl.pem_key_cert_pairs.push_back({options.tls_key, options.tls_certificate});
  return grpc::SslServerCredentials(ssl);
}

grpc::Status ShuttingDown() { return FakeError(v1::SERVER_SHUTTING_DOWN); }

}  // namespace

FakeServer::FakeServer(const FakeOptions& options)
    : options_(options),
      services_(NewFakeServices(this)),
      address_(options.unix_socket.empty()
                   ? "127.0.0.1:0"
                   : absl::StrCat("unix:", options.unix_socket)),
      store_(options.now != nullptr ? options.now
                                    : [] { return absl::Now(); }) {
  Start();
}

FakeServer::~FakeServer() { Stop(); }

std::string FakeServer::address() const {
  const MutexLock lock(mutex_);
  return address_;
}

void FakeServer::Start() {
  const MutexLock lock(mutex_);
  if (server_ != nullptr) return;
  stopping_ = false;
  grpc::ServerBuilder builder;
  // Or the kernel may give the same free port to two tests at once.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(address_, Credentials(options_), &port);
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  if (options_.unix_socket.empty() && port != 0) {
    address_ = absl::StrCat("127.0.0.1:", port);
  }
}

void FakeServer::Stop() {
  std::unique_ptr<grpc::Server> server;
  std::map<std::string, std::vector<std::function<void()>>> held;
  {
    const MutexLock lock(mutex_);
    server = std::move(server_);
    stopping_ = true;
    held.swap(held_);
    for (FakeStream* stream : streams_) stream->End(ShuttingDown());
  }
  for (const auto& [method, calls] : held) {
    for (const auto& call : calls) call();
  }
  if (server == nullptr) return;
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server->Wait();
  // Its last callbacks are over; a sanitizer sees that by the lock alone.
  const MutexLock lock(mutex_);
}

void FakeServer::With(const std::function<void(FakeStore&)>& function) {
  const MutexLock lock(mutex_);
  function(store_);
  TellWatchers();
}

void FakeServer::TellWatchers() {
  for (FakeStream* stream : streams_) {
    auto messages = store_.After(stream->request(), &stream->next);
    if (!messages.empty()) stream->Send(std::move(messages));
  }
}

// -------------------------------------------------------------------- calls

grpc::Status FakeServer::Admit(const grpc::CallbackServerContext& context,
                               const std::string& method) {
  if (stopping_) return ShuttingDown();
  if (!options_.api_key.empty()) {
    const auto key = context.client_metadata().find("authorization");
    if (key == context.client_metadata().end()) {
      return FakeError(v1::API_KEY_MISSING);
    }
    if (std::string(key->second.data(), key->second.size()) !=
        absl::StrCat("Bearer ", options_.api_key)) {
      return FakeError(v1::API_KEY_INVALID);
    }
  }
  auto& failures = failures_[method];
  if (failures.empty()) return grpc::Status::OK;
  const grpc::Status status = FakeError(failures.front().failure);
  if (--failures.front().times <= 0) failures.pop_front();
  return status;
}

grpc::ServerUnaryReactor* FakeServer::Handle(
    grpc::CallbackServerContext* context, const std::string& method,
    Answer answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto finish = [this, context, method, reactor,
                       answer = std::move(answer)] {
    grpc::Status status;
    {
      const MutexLock lock(mutex_);
      status = Admit(*context, method);
      if (status.ok()) status = answer(store_, admin_);
      TellWatchers();
    }
    reactor->Finish(status);
  };
  {
    const MutexLock lock(mutex_);
    ++calls_[method];
    changed_.SignalAll();
    const auto held = held_.find(method);
    if (held != held_.end()) {
      held->second.push_back(finish);
      return reactor;
    }
  }
  finish();
  return reactor;
}

void FakeServer::NoteToken(const v1::GetTokenRequest& request) {
  const MutexLock lock(mutex_);
  token_requests_.push_back(request);
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* FakeServer::Watch(
    grpc::CallbackServerContext* context,
    const v1::WatchEventsRequest& request) {
  auto* const stream = new FakeStream(this, request);
  const auto begin = [this, context, stream] {
    const MutexLock lock(mutex_);
    grpc::Status status = Admit(*context, "WatchEvents");
    std::vector<v1::WatchEventsResponse> messages;
    if (status.ok()) {
      status = store_.Begin(stream->request(), &messages, &stream->next);
    }
    if (!status.ok()) {
      stream->End(status);
      return;
    }
    streams_.insert(stream);
    stream->Send(std::move(messages));
    changed_.SignalAll();
  };
  {
    const MutexLock lock(mutex_);
    ++calls_["WatchEvents"];
    watch_requests_.push_back(request);
    changed_.SignalAll();
    const auto held = held_.find("WatchEvents");
    if (held != held_.end()) {
      held->second.push_back(begin);
      return stream;
    }
  }
  begin();
  return stream;
}

void FakeServer::Forget(FakeStream* stream) {
  const MutexLock lock(mutex_);
  streams_.erase(stream);
  changed_.SignalAll();
}

// --------------------------------------------------------------- for a test

void FakeServer::Fail(const std::string& method, const FakeFailure& failure,
                      int times) {
  const MutexLock lock(mutex_);
  if (times > 0) failures_[method].push_back({failure, times});
}

void FakeServer::Hold(const std::string& method) {
  const MutexLock lock(mutex_);
  held_.try_emplace(method);
}

void FakeServer::Release(const std::string& method) {
  std::vector<std::function<void()>> calls;
  {
    const MutexLock lock(mutex_);
    const auto held = held_.find(method);
    if (held == held_.end()) return;
    calls = std::move(held->second);
    held_.erase(held);
  }
  for (const auto& call : calls) call();
}

template <typename Condition>
bool FakeServer::Await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const MutexLock lock(mutex_);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    changed_.WaitUntil(mutex_, deadline);
  }
  return true;
}

int FakeServer::Calls(const std::string& method) {
  const MutexLock lock(mutex_);
  return calls_[method];
}

bool FakeServer::AwaitCalls(const std::string& method, int calls) {
  return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return calls_[method] >= calls;
  });
}

int FakeServer::Watches() {
  const MutexLock lock(mutex_);
  return static_cast<int>(streams_.size());
}

bool FakeServer::AwaitWatches(int watches) {
  return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return static_cast<int>(streams_.size()) == watches;
  });
}

std::vector<v1::GetTokenRequest> FakeServer::TokenRequests() {
  const MutexLock lock(mutex_);
  return token_requests_;
}

std::vector<v1::WatchEventsRequest> FakeServer::WatchRequests() {
  const MutexLock lock(mutex_);
  return watch_requests_;
}

void FakeServer::Checkpoint() {
  const MutexLock lock(mutex_);
  for (FakeStream* stream : streams_) stream->Send({store_.Checkpoint()});
}

void FakeServer::EndWatches(const grpc::Status& status) {
  const MutexLock lock(mutex_);
  for (FakeStream* stream : streams_) stream->End(status);
}

}  // namespace valetkey::client::internal
