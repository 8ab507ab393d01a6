// The whole server over fakes, for tests: a broker with a simulated Pinterest,
// gRPC on a Unix socket, and keys of three applications.

#ifndef VALETKEY_RPC_RPC_SERVER_FIXTURE_H_
#define VALETKEY_RPC_RPC_SERVER_FIXTURE_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/broker/broker_harness.h"
#include "service/rpc/error_details.h"
#include "service/rpc/rpc_server.h"
#include "service/rpc/rpc_test_support.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::rpc {

using broker::BrokerHarness;

// The ErrorInfo of a failed call.
inline ErrorInfo InfoOf(const grpc::Status& status) {
  Status details;
  ErrorInfo info;
  if (details.ParseFromString(status.error_details()) &&
      details.details_size() > 0) {
    (void)info.ParseFromString(details.details(0).value());
  }
  return info;
}
inline std::string ReasonIn(const grpc::Status& status) {
  return InfoOf(status).reason();
}

class RpcServerTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.store.SetCommitListener(
        [this](const std::vector<store::Event>& events) {
          hub_.Committed(events);
        });
    path_ = absl::StrCat(testing::TempDir(), "/rpc-server-", getpid(), ".sock");
    options_.addresses.insert(options_.addresses.begin(), "unix:" + path_);
    options_.watch.idle = absl::Milliseconds(200);
    server_.emplace(RpcServerDependencies{*harness_.broker, admin_,
                                          authenticator_, harness_.store, hub_,
                                          *harness_.catalog, harness_.clock,
                                          harness_.metrics, harness_.reactors},
                    options_);
    const auto ports = server_->Start();
    ASSERT_TRUE(ports.ok()) << ports.status();
    ports_ = *ports;
    channel_ = grpc::CreateChannel("unix:" + path_,
                                   grpc::InsecureChannelCredentials());
    key_ =
        AddKey(harness_.store, BrokerHarness::kApplication, kAllRights, "good");
    other_ = AddKey(harness_.store, "applications/other", kAllRights, "other");
    system_ =
        AddKey(harness_.store, "applications/system", kAllRights, "system");
  }
  void TearDown() override {
    if (server_) {
      EXPECT_TRUE(server_->Shutdown(absl::Now() + absl::Seconds(10)));
    }
  }

  // Calls a unary method of a stub.
  template <class Stub, class Request, class Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                 const Request&, Response*),
                    const std::string& key, const Request& request,
                    Response* response) {
    Stub stub(channel_);
    grpc::ClientContext context;
    context.AddMetadata("authorization", key);
    return (stub.*method)(&context, request, response);
  }
  grpc::Status GetToken(const std::string& name, v1::GetTokenResponse* response,
                        const std::string& key) {
    v1::GetTokenRequest request;
    request.set_name(name);
    return Call(&v1::TokenService::Stub::GetToken, key, request, response);
  }

  // Bytes in, bytes out.
  grpc::Status CallRaw(const std::string& method, const std::string& bytes,
                       const std::string& key, bool streaming = false) {
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(
        channel_);
    grpc::ClientContext context;
    context.AddMetadata("authorization", key);
    if (streaming) {
      // One answer suffices.
      context.set_deadline(
          absl::ToChronoTime(absl::Now() + absl::Milliseconds(20)));
    }
    grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::CompletionQueue queue;
    grpc::Status status;
    void* tag;
    bool ok;
    if (!streaming) {
      auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
      call->StartCall();
      call->Finish(&response, &status, nullptr);
      EXPECT_TRUE(queue.Next(&tag, &ok));
      return status;
    }
    auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    (void)queue.Next(&tag, &ok);
    call->WriteLast(request, grpc::WriteOptions(), nullptr);
    (void)queue.Next(&tag, &ok);
    do {
      call->Read(&response, nullptr);
      (void)queue.Next(&tag, &ok);
    } while (ok);
    call->Finish(&status, nullptr);
    (void)queue.Next(&tag, &ok);
    return status;
  }

  BrokerHarness harness_;
  events::EventHub hub_{harness_.store, {}};
  broker::Authenticator authenticator_{harness_.store, harness_.clock, {}};
  broker::Admin admin_{harness_.store, *harness_.catalog, *harness_.sealer,
                       harness_.clock, harness_.random,   {}};
  RpcServerOptions options_{.addresses = {}};
  std::string path_;
  std::vector<int> ports_;
  std::shared_ptr<grpc::Channel> channel_;
  std::string key_, other_, system_;
  std::optional<RpcServer> server_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_RPC_SERVER_FIXTURE_H_
