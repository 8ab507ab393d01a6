// The whole of it, as an application sees it.

#include "service/sidecar/sidecar.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>

#include <algorithm>
#include <future>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/sidecar/sidecar_fixture.h"
#include "valetkey/error.h"
#include "valetkey/v1/application_service.grpc.pb.h"
#include "valetkey/v1/event_service.grpc.pb.h"
#include "valetkey/v1/provider_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::sidecar {
namespace {

client::FakeOptions WithKey() {
  client::FakeOptions options;
  options.api_key = "vk_of_the_sidecar";
  return options;
}

class SidecarTest : public SidecarFixture {
 protected:
  SidecarTest() : SidecarFixture(WithKey()), socket_(folder_ / "s") {}

  SidecarOptions Options() {
    SidecarOptions options;
    options.upstream = fake_.client_options();
    options.socket.addresses = {absl::StrCat("unix:", socket_)};
    options.health_listen = "";
    options.shutdown_grace = absl::Seconds(5);
    return options;
  }
  void Start(const SidecarOptions& options) {
    sidecar_.emplace(options);
    const absl::Status started = sidecar_->Start();
    ASSERT_TRUE(started.ok()) << started;
    channel_ = grpc::CreateChannel(absl::StrCat("unix:", socket_),
                                   grpc::InsecureChannelCredentials());
    tokens_ = v1::TokenService::NewStub(channel_);
  }
  // An application's client, which has no key.
  client::Client Application() {
    client::ClientOptions options;
    options.address = absl::StrCat("unix:", socket_);
    options.api_key = "";
    options.application = "shop";
    return *client::Client::Create(options);
  }
  grpc::Status GetToken(v1::GetTokenResponse* response,
                        const std::string& name = kName) {
    v1::GetTokenRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    // What an application may send along by mistake stays here.
    context.AddMetadata("authorization", "Bearer of_the_application");
    return tokens_->GetToken(&context, request, response);
  }
  bool EventuallyFromMemory(const std::string& token) {
    return Eventually([&] {
      const int before = fake_.Calls("GetToken");
      v1::GetTokenResponse response;
      return GetToken(&response).ok() &&
             response.token().access_token() == token &&
             fake_.Calls("GetToken") == before;
    });
  }

  const std::string socket_;
  std::optional<Sidecar> sidecar_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TokenService::Stub> tokens_;
};

TEST_F(SidecarTest, GivesATokenToWhoeverReachesTheSocket) {
  SidecarOptions options = Options();
  options.socket.socket_mode = 0600;
  Start(options);
  v1::GetTokenResponse response;
  const grpc::Status first = GetToken(&response);
  ASSERT_TRUE(first.ok()) << first.error_message();
  EXPECT_EQ(response.token().access_token(), "secret-1");
  EXPECT_TRUE(EventuallyFromMemory("secret-1"));
  struct stat info;
  ASSERT_EQ(stat(socket_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SidecarTest, AnApplicationsLibraryWorksAgainstIt) {
  Start(Options());
  client::Client application = Application();
  auto source = application.NewTokenSource("c-7");
  ASSERT_TRUE(source.ok());
  auto token = source->Get();
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->access_token(), "secret-1");
  // Its own watch goes through the sidecar, and may begin after this.
  fake_.SetToken("c-7", "secret-2");
  EXPECT_TRUE(Eventually([&] {
    const auto read = source->Get();
    return read.ok() && read->access_token() == "secret-2";
  }));
  fake_.Revoke("c-7");
  EXPECT_TRUE(Eventually(
      [&] { return client::IsConnectionRevoked(source->Get().status()); }));
}

TEST_F(SidecarTest, ErrorsAreThoseOfTheServer) {
  Start(Options());
  client::Client application = Application();
  v1::GetTokenRequest request;
  request.set_name("c-none");
  const client::Error missing =
      client::GetError(application.GetToken(request).status());
  EXPECT_EQ(missing.reason, "CONNECTION_NOT_FOUND");
  request.set_name("c-7");
  request.add_required_scopes("pins:write");
  const client::Error scopes =
      client::GetError(application.GetToken(request).status());
  EXPECT_EQ(scopes.kind, client::ErrorKind::kScopeNotGranted);
  EXPECT_EQ(scopes.missing_scopes, std::vector<std::string>{"pins:write"});
  // A request that is none is refused in the server's words, too.
  grpc::ClientContext context;
  v1::GetTokenResponse response;
  const grpc::Status empty =
      tokens_->GetToken(&context, v1::GetTokenRequest(), &response);
  EXPECT_EQ(empty.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(SidecarTest, OtherCallsGoThroughWithItsOwnKey) {
  Start(Options());
  client::Client application = Application();
  v1::AuthorizeRequest authorize;
  authorize.set_provider("pinterest");
  authorize.set_subject("ann");
  const auto begun = application.Authorize(authorize);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_NE(begun->authorization_uri(), "");
  v1::ListConnectionsRequest list;
  const auto connections = application.ListConnections(list);
  ASSERT_TRUE(connections.ok()) << connections.status();
  EXPECT_EQ(connections->connections_size(), 1);
  v1::RefreshRequest refresh;
  refresh.set_name("c-7");
  refresh.set_generation(1);
  EXPECT_TRUE(application.Refresh(refresh).ok());
  v1::RevokeRequest revoke;
  revoke.set_name("c-7");
  EXPECT_TRUE(application.Revoke(revoke).ok());
}

TEST_F(SidecarTest, WhatCarriesAClientSecretOrMakesKeysDoesNotGoThrough) {
  Start(Options());
  grpc::ClientContext of_provider;
  v1::CreateProviderResponse provider;
  const grpc::Status create =
      v1::ProviderService::NewStub(channel_)->CreateProvider(
          &of_provider, v1::CreateProviderRequest(), &provider);
  EXPECT_EQ(create.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_TRUE(absl::StrContains(create.error_message(), "CreateProvider"));
  grpc::ClientContext of_key;
  v1::CreateKeyResponse key;
  EXPECT_EQ(v1::ApplicationService::NewStub(channel_)
                ->CreateKey(&of_key, v1::CreateKeyRequest(), &key)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(fake_.Calls("CreateProvider") + fake_.Calls("CreateKey"), 0);
}

TEST_F(SidecarTest, WithoutTheServerItServesWhatItHas) {
  Start(Options());
  ASSERT_TRUE(EventuallyFromMemory("secret-1"));
  fake_.Stop();
  v1::GetTokenResponse response;
  EXPECT_TRUE(GetToken(&response).ok());
  EXPECT_EQ(
      GetToken(&response, "applications/shop/connections/c-8").error_code(),
      grpc::StatusCode::UNAVAILABLE);
  fake_.Start();
  fake_.SetToken("c-7", "secret-2");
  EXPECT_TRUE(EventuallyFromMemory("secret-2"));
}

TEST_F(SidecarTest, StartsWithoutTheServer) {
  fake_.Stop();
  SidecarOptions options = Options();
  options.warm = {"c-7"};
  Start(options);
  v1::GetTokenResponse response;
  EXPECT_EQ(GetToken(&response).error_code(), grpc::StatusCode::UNAVAILABLE);
  fake_.Start();
  EXPECT_TRUE(EventuallyFromMemory("secret-1"));
}

TEST_F(SidecarTest, ADeadlineIsPassedOn) {
  Start(Options());
  fake_.Hold("GetToken");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(100));
  v1::GetTokenRequest request;
  request.set_name(kName);
  v1::GetTokenResponse response;
  EXPECT_EQ(tokens_->GetToken(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  fake_.Release("GetToken");
}

TEST_F(SidecarTest, AWatcherThatLeavesIsOneLessAtTheServer) {
  Start(Options());
  grpc::ClientContext watching;
  v1::WatchEventsRequest watch;
  watch.set_parent("applications/shop");
  auto stream =
      v1::EventService::NewStub(channel_)->WatchEvents(&watching, watch);
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_TRUE(Eventually([&] { return fake_.Watches() >= 1; }));
  watching.TryCancel();
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return fake_.Watches() == 0; }));
}

TEST_F(SidecarTest, AWatchThatBeginsHasTheServerAsked) {
  Start(Options());
  ASSERT_TRUE(EventuallyFromMemory("secret-1"));
  client::Client application = Application();
  auto watch = application.WatchEvents(v1::WatchEventsRequest());
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(watch->Next().ok());
  const int before = fake_.Calls("GetToken");
  v1::GetTokenResponse response;
  EXPECT_TRUE(GetToken(&response).ok());
  EXPECT_EQ(fake_.Calls("GetToken"), before + 1);
}

// An application's watch has begun, for which memory holds back; and the
// server goes.
TEST_F(SidecarTest, ATokenIsServedThoughTheServerGoesJustThen) {
  Start(Options());
  ASSERT_TRUE(EventuallyFromMemory("secret-1"));
  client::Client application = Application();
  auto watch = application.WatchEvents(v1::WatchEventsRequest());
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(watch->Next().ok());
  fake_.Stop();
  v1::GetTokenResponse response;
  const grpc::Status status = GetToken(&response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.token().access_token(), "secret-1");
}

// A server that says of every call that it went well, and nothing else.
class Mute final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext*) override {
    class Reactor final : public grpc::ServerGenericBidiReactor {
     public:
      Reactor() { Finish(grpc::Status::OK); }
      void OnDone() override { delete this; }
    };
    return new Reactor;
  }
};

TEST_F(SidecarTest, AServerThatAnswersNothingIsAnError) {
  Mute mute;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("unix:", folder_.string(), "/mute"),
                           grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&mute);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  SidecarOptions options = Options();
  options.upstream.address = absl::StrCat("unix:", folder_.string(), "/mute");
  Start(options);
  v1::GetTokenResponse response;
  EXPECT_EQ(GetToken(&response).error_code(), grpc::StatusCode::INTERNAL);
  grpc::ClientContext context;
  v1::RevokeResponse revoked;
  EXPECT_FALSE(tokens_->Revoke(&context, v1::RevokeRequest(), &revoked).ok());
}

TEST_F(SidecarTest, StoppingEndsWatchesSoThatTheyResumeElsewhere) {
  Start(Options());
  grpc::ClientContext watching;
  v1::WatchEventsRequest watch;
  watch.set_parent("applications/shop");
  auto stream =
      v1::EventService::NewStub(channel_)->WatchEvents(&watching, watch);
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  const auto start = std::chrono::steady_clock::now();
  auto stopped = std::async(std::launch::async, [&] { sidecar_->Stop(); });
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopped.get();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(SidecarTest, LabelsNameWhatIsKeptFromTheStart) {
  SidecarOptions options = Options();
  options.warm_labels = {{"team", "a"}};
  client::Client admin = *client::Client::Create(fake_.client_options());
  v1::UpdateConnectionRequest update;
  update.mutable_connection()->set_name(kName);
  (*update.mutable_connection()->mutable_labels())["team"] = "a";
  update.mutable_update_mask()->add_paths("labels");
  ASSERT_TRUE(admin.UpdateConnection(update).ok());
  Start(options);
  EXPECT_TRUE(fake_.AwaitCalls("GetToken", 1));
  EXPECT_TRUE(EventuallyFromMemory("secret-1"));
}

TEST_F(SidecarTest, InitWaitsForTheFirstTokenAndWritesTheFiles) {
  SidecarOptions options = Options();
  options.files = {{"c-7", folder_ / "files"}};
  options.files_on_disk = true;
  fake_.Stop();
  Sidecar init(options);
  auto done = std::async(std::launch::async,
                         [&] { return init.Init(absl::InfiniteDuration()); });
  EXPECT_EQ(done.wait_for(std::chrono::milliseconds(300)),
            std::future_status::timeout);
  fake_.Start();
  const absl::Status status = done.get();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Read(folder_ / "files" / "token"), "secret-1");
}

TEST_F(SidecarTest, InitEndsWithWhatWaitingDoesNotMend) {
  SidecarOptions options = Options();
  options.warm = {"c-7"};
  fake_.Revoke("c-7");
  const absl::Status revoked = Sidecar(options).Init(absl::InfiniteDuration());
  EXPECT_TRUE(absl::StrContains(revoked.message(), "CONNECTION_REVOKED"))
      << revoked;
  fake_.Stop();
  EXPECT_TRUE(
      absl::IsUnavailable(Sidecar(options).Init(absl::Milliseconds(300))));
}

TEST_F(SidecarTest, ListensOnThisMachineAlone) {
  for (const char* bad : {"0.0.0.0:0", "[::]:0", "10.0.0.1:8800", "nonsense"}) {
    SidecarOptions options = Options();
    options.socket.addresses = {bad};
    EXPECT_EQ(ReasonOf(Sidecar(options).Start()), Reason::kFieldInvalid) << bad;
  }
  SidecarOptions options = Options();
  options.socket.addresses = {"127.0.0.1:0"};
  Sidecar sidecar(options);
  ASSERT_TRUE(sidecar.Start().ok());
  EXPECT_GT(sidecar.ports()[0], 0);
}

}  // namespace
}  // namespace valetkey::sidecar
