// The adaptor over a real gRPC server on a Unix socket, with handlers of the
// test's choice.

#include "service/rpc/grpc_adaptor.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/status.h"
#include "service/rpc/error_details.h"
#include "service/rpc/fake_service.h"
#include "service/rpc/health.grpc.pb.h"
#include "service/rpc/health_service.h"
#include "service/rpc/rpc_test_support.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/event_service.grpc.pb.h"

namespace valetkey::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

class GrpcAdaptorTest : public testing::Test {
 protected:
  GrpcAdaptorTest() {
    service_.Register(methods_);
    health_.Register(methods_);
    frontend_.emplace(methods_, authenticator_, nullptr, metrics_);
    adaptor_.emplace(*frontend_, reactors_, scope_, GrpcAdaptorOptions());
    path_ = absl::StrCat(testing::TempDir(), "/rpc-", getpid(), "-",
                         reinterpret_cast<std::uintptr_t>(this), ".sock");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", path_),
                             grpc::InsecureServerCredentials());
    adaptor_->Register(builder);
    server_ = builder.BuildAndStart();
    key_ = AddKey(store_, "applications/shop", kAllRights, "good");
  }
  ~GrpcAdaptorTest() override {
    Stop(absl::Seconds(5));
    unlink(path_.c_str());
  }

  void Stop(absl::Duration grace) {
    if (server_ == nullptr) return;
    frontend_->StopStreams();
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    server_.reset();
    scope_.Close();
    EXPECT_TRUE(scope_.Join(absl::Seconds(20)));
    EXPECT_EQ(frontend_->in_flight(), 0);
    EXPECT_EQ(service_.watching, 0);
  }

  std::shared_ptr<grpc::Channel> NewChannel() {
    grpc::ChannelArguments arguments;
    // Its own connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("unix:", path_),
                                     grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  grpc::Status Get(const std::string& name, v1::GetConnectionResponse* response,
                   std::optional<std::string> key = std::nullopt) {
    grpc::ClientContext context;
    const std::string authorization = key.value_or(key_);
    if (!authorization.empty()) {
      context.AddMetadata("authorization", authorization);
    }
    v1::GetConnectionRequest request;
    request.set_name(name);
    return stub_->GetConnection(&context, request, response);
  }

  static std::string ReasonIn(const grpc::Status& status) {
    Status details;
    ErrorInfo info;
    if (!details.ParseFromString(status.error_details()) ||
        details.details_size() == 0 ||
        !info.ParseFromString(details.details(0).value())) {
      return "";
    }
    return info.reason();
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  store::FakeStore store_{clock_};
  broker::Authenticator authenticator_{store_, clock_, {}};
  Metrics metrics_;
  FakeService service_;
  HealthService health_;
  MethodTable methods_;
  std::optional<Frontend> frontend_;
  ReactorPool reactors_{2};
  TaskScope scope_;
  std::optional<GrpcAdaptor> adaptor_;
  std::string path_;
  std::unique_ptr<grpc::Server> server_;
  std::string key_;
  std::unique_ptr<v1::ConnectionService::Stub> stub_;
  std::unique_ptr<v1::EventService::Stub> events_;

  void SetUp() override {
    ASSERT_NE(server_, nullptr);
    auto channel = NewChannel();
    stub_ = v1::ConnectionService::NewStub(channel);
    events_ = v1::EventService::NewStub(channel);
  }
};

TEST_F(GrpcAdaptorTest, AnswersByTheCoroutineAndByTheFastForm) {
  v1::GetConnectionResponse response;
  ASSERT_TRUE(Get("x", &response).ok());
  EXPECT_EQ(response.connection().name(), "x");
  EXPECT_EQ(response.connection().provider(), "applications/shop");
  // The key is known now: the fast form is asked.
  ASSERT_TRUE(Get("fast:y", &response).ok());
  EXPECT_EQ(response.connection().subject(), "fast");
  const std::string metrics = metrics_.Export();
  EXPECT_THAT(
      metrics,
      HasSubstr("valetkey_rpc_calls_total{code=\"ok\",method=\"valetkey.v1."
                "ConnectionService/GetConnection\"} 2"));
}

TEST_F(GrpcAdaptorTest, RefusesWithoutAKeyOrRight) {
  v1::GetConnectionResponse response;
  grpc::Status status = Get("x", &response, "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "API_KEY_MISSING");
  status = Get("fast:x", &response, "Bearer " + TestKey("unknown"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "API_KEY_INVALID");
  const std::string weak =
      AddKey(store_, "applications/shop", store::kConnect, "weak");
  status = Get("fast:x", &response, weak);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonIn(status), "RIGHT_MISSING");
}

TEST_F(GrpcAdaptorTest, SystemMethodsAreForTheSystemsKeys) {
  const std::string system =
      AddKey(store_, "applications/system", kAllRights, "system");
  for (const auto& [key, ok] : {std::pair(key_, false), {system, true}}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", key);
    v1::DeleteConnectionResponse response;
    const grpc::Status status =
        stub_->DeleteConnection(&context, {}, &response);
    EXPECT_EQ(status.ok(), ok);
    if (!ok) EXPECT_EQ(ReasonIn(status), "RIGHT_MISSING");
  }
}

TEST_F(GrpcAdaptorTest, ErrorsCarryTheirDetails) {
  v1::GetConnectionResponse response;
  grpc::Status status = Get("reason:21", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(status), "REAUTHORIZATION_REQUIRED");
  status = Get("fault", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(ReasonIn(status), "INTERNAL_FAULT");
  EXPECT_THAT(status.error_message(), Not(HasSubstr("hunter2")));
}

TEST_F(GrpcAdaptorTest, RequestIdsGoRound) {
  for (const char* name : {"x", "fast:x"}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", key_);
    context.AddMetadata("x-request-id", "my-request-1");
    v1::GetConnectionRequest request;
    request.set_name(name);
    v1::GetConnectionResponse response;
    ASSERT_TRUE(stub_->GetConnection(&context, request, &response).ok());
    const auto& metadata = context.GetServerInitialMetadata();
    const auto it = metadata.find("x-request-id");
    ASSERT_NE(it, metadata.end());
    EXPECT_EQ(std::string(it->second.data(), it->second.size()),
              "my-request-1");
  }
}

TEST_F(GrpcAdaptorTest, BytesThatAreNoMessageAreInvalid) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> generic(
      NewChannel());
  for (const std::string& bytes :
       {std::string("\xFF\xFF\xFF"), std::string("\x0A\x02\xC3\x28")}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", key_);
    grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::CompletionQueue queue;
    auto call =
        generic.PrepareUnaryCall(&context, FakeService::kGet, request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag;
    bool ok;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonIn(status), "FIELD_INVALID");
  }
}

TEST_F(GrpcAdaptorTest, ManyAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string name =
            absl::StrCat(i % 2 == 0 ? "fast:" : "slow:", t, "-", i);
        v1::GetConnectionResponse response;
        if (Get(name, &response).ok() && response.connection().name() == name) {
          ++good;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kCalls);
}

TEST_F(GrpcAdaptorTest, DeadlinesPassAndTheHandlerRunsToItsEnd) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", key_);
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + absl::Milliseconds(50)));
  v1::GetConnectionRequest request;
  request.set_name("wait:300");
  v1::GetConnectionResponse response;
  const grpc::Status status =
      stub_->GetConnection(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  Stop(absl::Seconds(5));
  EXPECT_EQ(service_.finished, 1);
}

TEST_F(GrpcAdaptorTest, CancelledAtRandomMoments) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", key_);
    const auto delay = std::chrono::microseconds(random() % 3000);
    std::thread canceller([&] {
      std::this_thread::sleep_for(delay);
      context.TryCancel();
    });
    if (i % 2 == 0) {
      v1::GetConnectionRequest request;
      request.set_name(absl::StrCat("wait:", random() % 3));
      v1::GetConnectionResponse response;
      (void)stub_->GetConnection(&context, request, &response);
    } else {
      v1::WatchEventsRequest request;
      request.set_connection("wait");
      if (i % 4 == 1) request.set_subject("3");
      auto stream = events_->WatchEvents(&context, request);
      v1::WatchEventsResponse response;
      while (stream->Read(&response)) {
      }
      EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
    canceller.join();
  }
}

TEST_F(GrpcAdaptorTest, StreamsInOrderToTheirEnd) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", key_);
  v1::WatchEventsRequest request;
  request.set_subject("500");
  auto stream = events_->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  int count = 0;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.cursor(), std::to_string(count));
    ++count;
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(count, 500);
}

TEST_F(GrpcAdaptorTest, ASlowReaderHoldsTheHandlerBack) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", key_);
  v1::WatchEventsRequest request;
  request.set_parent("100000");  // 100 KB each, endless
  auto stream = events_->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  // Until it stands still, for the windows are full.
  int before = -1;
  for (int i = 0; i < 100 && before != service_.written; ++i) {
    before = service_.written;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(before, service_.written);
  EXPECT_LT(before, 200);
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcAdaptorTest, ShutdownEndsStreamsWithAReason) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", key_);
  v1::WatchEventsRequest request;
  request.set_subject("1");
  request.set_connection("wait");
  auto stream = events_->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const absl::Time start = absl::Now();
  std::thread stopper([&] { Stop(absl::Seconds(10)); });
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  stopper.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(status), "SERVER_SHUTTING_DOWN");
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST_F(GrpcAdaptorTest, ShutdownLetsCallsFinish) {
  v1::GetConnectionResponse response;
  grpc::Status status;
  std::thread caller([&] { status = Get("wait:300", &response); });
  while (frontend_->in_flight() == 0) std::this_thread::yield();
  Stop(absl::Seconds(10));
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(GrpcAdaptorTest, HealthIsKnownAndWatched) {
  auto stub = grpc::health::v1::Health::NewStub(NewChannel());
  using Response = grpc::health::v1::HealthCheckResponse;
  grpc::health::v1::HealthCheckRequest request;
  const auto check = [&](const std::string& service, Response* response) {
    grpc::ClientContext context;
    request.set_service(service);
    return stub->Check(&context, request, response);
  };
  Response response;
  ASSERT_TRUE(check("", &response).ok());
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  EXPECT_EQ(check("no.such", &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  grpc::ClientContext context;
  request.set_service("valetkey.v1.EventService");
  auto stream = stub->Watch(&context, request);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  health_.SetServing(true);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::SERVING);
  health_.SetServing(false);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), Response::NOT_SERVING);
  context.TryCancel();
  EXPECT_FALSE(stream->Read(&response));
  (void)stream->Finish();
}

}  // namespace
}  // namespace valetkey::rpc
