#include "service/cmd/valetkey/test_server.h"

#include <grpcpp/security/server_credentials.h>

namespace valetkey::cli {
namespace {

// One field of wire type 2. The sizes here are below 128.
std::string Bytes(int field, const std::string& bytes) {
  return std::string{static_cast<char>(field << 3 | 2),
                     static_cast<char>(bytes.size())} +
         bytes;
}

std::string Number(int field, int value) {
  return {static_cast<char>(field << 3), static_cast<char>(value)};
}

// Sizes above 127 take two bytes.
std::string LongBytes(int field, const std::string& bytes) {
  return std::string{static_cast<char>(field << 3 | 2),
                     static_cast<char>(0x80 | (bytes.size() & 0x7f)),
                     static_cast<char>(bytes.size() >> 7)} +
         bytes;
}

std::string Any(const std::string& type, const std::string& value) {
  return LongBytes(3, Bytes(1, "type.googleapis.com/google.rpc." + type) +
                          LongBytes(2, value));
}

}  // namespace

// Written byte by byte, so that it tests how the other side reads.
grpc::Status ReasonedError(grpc::StatusCode code, const std::string& reason,
                           const std::string& message,
                           const std::map<std::string, std::string>& metadata,
                           int retry_after_seconds) {
  std::string info = Bytes(1, reason) + Bytes(2, "valetkey");
  for (const auto& [key, value] : metadata) {
    info += Bytes(3, Bytes(1, key) + Bytes(2, value));
  }
  std::string details = Number(1, code) + Bytes(2, message);
  details += Any("ErrorInfo", info);
  if (retry_after_seconds > 0) {
    details += Any("RetryInfo", Bytes(1, Number(1, retry_after_seconds)));
  }
  return {code, message, details};
}

TestServer::TestServer() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(static_cast<v1::TokenService::Service*>(this));
  builder.RegisterService(static_cast<v1::ConnectionService::Service*>(this));
  builder.RegisterService(static_cast<v1::EventService::Service*>(this));
  builder.RegisterService(static_cast<v1::ApplicationService::Service*>(this));
  builder.RegisterService(static_cast<v1::ProviderService::Service*>(this));
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

TestServer::~TestServer() {
  server_->Shutdown(std::chrono::system_clock::now());
}

std::string TestServer::authorization() const {
  const MutexLock lock(mutex_);
  return authorization_;
}

void TestServer::Note(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  authorization_ =
      found == context.client_metadata().end()
          ? ""
          : std::string(found->second.data(), found->second.size());
}

grpc::Status TestServer::WatchEvents(
    grpc::ServerContext* context, const v1::WatchEventsRequest* request,
    grpc::ServerWriter<v1::WatchEventsResponse>* writer) {
  const MutexLock lock(mutex_);
  Note(*context);
  if (watch_events == nullptr) {
    return {grpc::StatusCode::UNIMPLEMENTED, "not set"};
  }
  return watch_events(*request, *writer);
}

}  // namespace valetkey::cli
