#include "service/rpc/rpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/status.h"
#include "service/broker/broker_harness.h"
#include "service/net/http/test_certificates.h"
#include "service/rpc/error_details.h"
#include "service/rpc/rpc_server_fixture.h"
#include "service/rpc/rpc_test_support.h"
#include "service/store/run_sync.h"
#include "valetkey/v1/application_service.grpc.pb.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/event_service.grpc.pb.h"
#include "valetkey/v1/provider_service.grpc.pb.h"
#include "valetkey/v1/status_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(RpcServerTest, ConnectAndGetTheToken) {
  v1::AuthorizeRequest authorize;
  authorize.set_provider(BrokerHarness::kProvider);
  authorize.set_subject("ann");
  (*authorize.mutable_labels())["team"] = "a";
  v1::AuthorizeResponse authorized;
  grpc::Status status =
      Call(&v1::TokenService::Stub::Authorize, key_, authorize, &authorized);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::ExchangeRequest exchange;
  exchange.set_state(authorized.state());
  exchange.set_code(harness_.pinterest.NewCode());
  v1::ExchangeResponse exchanged;
  // To another application the state is unknown.
  EXPECT_EQ(ReasonIn(Call(&v1::TokenService::Stub::Exchange, other_, exchange,
                          &exchanged)),
            "AUTHORIZATION_STATE_INVALID");
  status = Call(&v1::TokenService::Stub::Exchange, key_, exchange, &exchanged);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(exchanged.connection(), authorized.connection());

  v1::GetTokenResponse token;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(GetToken(exchanged.connection(), &token, key_).ok());
    EXPECT_FALSE(token.token().access_token().empty());
    EXPECT_EQ(token.token().generation(), 1);
    EXPECT_GT(token.token().expire_time().seconds(), 0);
  }
  v1::GetConnectionRequest get;
  get.set_name(exchanged.connection());
  v1::GetConnectionResponse got;
  ASSERT_TRUE(
      Call(&v1::ConnectionService::Stub::GetConnection, key_, get, &got).ok());
  EXPECT_EQ(got.connection().subject(), "ann");
  EXPECT_EQ(got.connection().labels().at("team"), "a");
  EXPECT_EQ(got.connection().state(), v1::CONNECTION_STATE_ACTIVE);
  EXPECT_EQ(got.connection().api_base_url(), "https://api.pinterest.com/v5");
  EXPECT_THAT(got.ShortDebugString(),
              Not(HasSubstr(token.token().access_token())));

  v1::RevokeRequest revoke;
  revoke.set_name(exchanged.connection());
  v1::RevokeResponse revoked;
  ASSERT_TRUE(
      Call(&v1::TokenService::Stub::Revoke, key_, revoke, &revoked).ok());
  EXPECT_TRUE(revoked.copy_destroyed());
  EXPECT_EQ(ReasonIn(GetToken(exchanged.connection(), &token, key_)),
            "CONNECTION_REVOKED");
}

TEST_F(RpcServerTest, OthersResourcesAreAsUnknownAsMissingOnes) {
  const std::string mine = harness_.Connect();
  const std::string missing = "applications/shop/connections/c-missing";
  v1::GetTokenResponse token;
  v1::GetConnectionResponse connection;
  const auto same = [&](const grpc::Status& a, const grpc::Status& b,
                        const std::string& reason) {
    EXPECT_EQ(a.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(ReasonIn(a), reason);
    EXPECT_EQ(a.error_message(), b.error_message());
    EXPECT_EQ(a.error_details(), b.error_details());
  };
  same(GetToken(mine, &token, other_), GetToken(missing, &token, key_),
       "CONNECTION_NOT_FOUND");
  v1::GetConnectionRequest a, b;
  a.set_name(mine);
  b.set_name(missing);
  const auto get = &v1::ConnectionService::Stub::GetConnection;
  same(Call(get, other_, a, &connection), Call(get, key_, b, &connection),
       "CONNECTION_NOT_FOUND");
  v1::GetProviderRequest c, d;
  c.set_name(BrokerHarness::kProvider);
  d.set_name("applications/shop/providers/none");
  v1::GetProviderResponse provider;
  const auto get_provider = &v1::ProviderService::Stub::GetProvider;
  same(Call(get_provider, other_, c, &provider),
       Call(get_provider, key_, d, &provider), "PROVIDER_NOT_FOUND");
  v1::ListConnectionsRequest e, f;
  e.set_parent(BrokerHarness::kApplication);
  f.set_parent("applications/none");
  v1::ListConnectionsResponse list;
  const auto list_connections = &v1::ConnectionService::Stub::ListConnections;
  same(Call(list_connections, other_, e, &list),
       Call(list_connections, system_, f, &list), "APPLICATION_NOT_FOUND");
  // The system reaches all.
  EXPECT_TRUE(GetToken(mine, &token, system_).ok());
}

TEST_F(RpcServerTest, TellsOperatorsHowTheServersAre) {
  store::Replica replica;
  replica.instance = "one";
  replica.host = "host-1";
  replica.version = "1.2.3";
  replica.start_time = harness_.clock.Now() - absl::Hours(1);
  v1::ReplicaStatus told;
  told.set_refreshing(3);
  told.add_open_breakers()->set_endpoint("https://a.example/token");
  replica.status = told.SerializeAsString();
  ASSERT_TRUE(RunSync(harness_.store.Beat(replica, absl::Minutes(1))).ok());
  replica.instance = "two";
  replica.status = "\xff what another version tells";
  ASSERT_TRUE(RunSync(harness_.store.Beat(replica, absl::Minutes(1))).ok());
  harness_.Connect();
  v1::GetStatusResponse response;
  const auto get = &v1::StatusService::Stub::GetStatus;
  const v1::GetStatusRequest request;
  const grpc::Status status = Call(get, system_, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.replicas_size(), 2);
  EXPECT_EQ(response.replicas(0).host(), "host-1");
  EXPECT_EQ(response.replicas(0).status().refreshing(), 3);
  EXPECT_EQ(response.replicas(0).start_time().seconds(),
            absl::ToUnixSeconds(replica.start_time));
  EXPECT_FALSE(response.replicas(1).has_status());
  EXPECT_EQ(response.due(), 0);
  EXPECT_FALSE(response.has_oldest_due_time());
  EXPECT_EQ(response.oldest_event(), 1);
  EXPECT_GE(response.newest_event(), 1);
  EXPECT_EQ(response.unpublished_events(), response.newest_event());
  harness_.clock.Advance(absl::Hours(2));
  ASSERT_TRUE(Call(get, system_, request, &response).ok());
  EXPECT_EQ(response.time().seconds(),
            absl::ToUnixSeconds(harness_.clock.Now()));
  // An application's own key is not an operator's.
  EXPECT_EQ(ReasonIn(Call(get, key_, request, &response)), "RIGHT_MISSING");
}

TEST_F(RpcServerTest, ListsPageByPageAndThenWatches) {
  for (int i = 0; i < 5; ++i) harness_.Connect(absl::StrCat("s", i));
  v1::ListConnectionsRequest request;
  request.set_parent(BrokerHarness::kApplication);
  request.set_page_size(2);
  std::vector<std::string> names;
  std::string cursor;
  v1::ListConnectionsResponse response;
  const auto list = &v1::ConnectionService::Stub::ListConnections;
  do {
    response.Clear();
    ASSERT_TRUE(Call(list, key_, request, &response).ok());
    if (cursor.empty()) cursor = response.cursor();
    for (const auto& connection : response.connections()) {
      names.push_back(connection.name());
    }
    request.set_page_token(response.next_page_token());
    if (names.size() == 2) {
      v1::ListConnectionsRequest other = request;
      other.set_subject("s1");
      v1::ListConnectionsResponse ignored;
      EXPECT_EQ(ReasonIn(Call(list, key_, other, &ignored)), "CURSOR_INVALID");
    }
  } while (!response.next_page_token().empty());
  EXPECT_EQ(names.size(), 5u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));

  v1::UpdateConnectionRequest update;
  update.mutable_connection()->set_name(names[0]);
  (*update.mutable_connection()->mutable_labels())["k"] = "v";
  v1::UpdateConnectionResponse updated;
  ASSERT_TRUE(Call(&v1::ConnectionService::Stub::UpdateConnection, key_, update,
                   &updated)
                  .ok());
  v1::EventService::Stub events(channel_);
  grpc::ClientContext context;
  context.AddMetadata("authorization", key_);
  v1::WatchEventsRequest watch;
  watch.set_parent(BrokerHarness::kApplication);
  watch.set_cursor(cursor);
  auto stream = events.WatchEvents(&context, watch);
  v1::WatchEventsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.event().type(), v1::EVENT_TYPE_UPDATED);
  EXPECT_EQ(event.event().connection(), names[0]);
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_TRUE(event.has_checkpoint());
  std::thread stopper(
      [&] { server_->Shutdown(absl::Now() + absl::Seconds(10)); });
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(ReasonIn(stream->Finish()), "SERVER_SHUTTING_DOWN");
  stopper.join();
}

TEST_F(RpcServerTest, CountsSearchesAndLooksBack) {
  for (int i = 0; i < 3; ++i) harness_.Connect(absl::StrCat("Person-", i));
  v1::CountConnectionsRequest count;
  count.set_parent(BrokerHarness::kApplication);
  v1::CountConnectionsResponse counted;
  const auto count_connections = &v1::ConnectionService::Stub::CountConnections;
  ASSERT_TRUE(Call(count_connections, key_, count, &counted).ok());
  ASSERT_EQ(counted.counts_size(), 1);
  EXPECT_EQ(counted.counts(0).provider(), BrokerHarness::kProvider);
  EXPECT_EQ(counted.counts(0).state(), v1::CONNECTION_STATE_ACTIVE);
  EXPECT_EQ(counted.counts(0).count(), 3);
  EXPECT_FALSE(counted.counts(0).needs_attention());
  count.set_parent("applications/none");
  EXPECT_EQ(ReasonIn(Call(count_connections, system_, count, &counted)),
            "APPLICATION_NOT_FOUND");

  v1::ListConnectionsRequest search;
  search.set_parent(BrokerHarness::kApplication);
  search.set_query("person-1");
  v1::ListConnectionsResponse found;
  const auto list = &v1::ConnectionService::Stub::ListConnections;
  ASSERT_TRUE(Call(list, key_, search, &found).ok());
  ASSERT_EQ(found.connections_size(), 1);
  EXPECT_EQ(found.connections(0).subject(), "Person-1");
  search.set_query("ANN_PINS");  // the account's name
  search.set_page_size(2);
  ASSERT_TRUE(Call(list, key_, search, &found).ok());
  EXPECT_EQ(found.connections_size(), 2);
  search.set_page_token(found.next_page_token());
  ASSERT_TRUE(Call(list, key_, search, &found).ok());
  EXPECT_EQ(found.connections_size(), 1);
  search.set_query("another");
  EXPECT_EQ(ReasonIn(Call(list, key_, search, &found)), "CURSOR_INVALID");
  search.clear_page_token();
  search.clear_query();
  search.set_needs_attention(true);
  ASSERT_TRUE(Call(list, key_, search, &found).ok());
  EXPECT_EQ(found.connections_size(), 0);

  v1::ListEventsRequest back;
  back.set_parent(BrokerHarness::kApplication);
  back.set_page_size(2);
  v1::ListEventsResponse events;
  const auto list_events = &v1::EventService::Stub::ListEvents;
  std::vector<std::string> subjects;
  do {
    events.Clear();
    ASSERT_TRUE(Call(list_events, key_, back, &events).ok());
    for (const auto& event : events.events()) {
      if (event.type() == v1::EVENT_TYPE_CONNECTED) {
        subjects.push_back(event.subject());
      }
    }
    back.set_page_token(events.next_page_token());
  } while (!events.next_page_token().empty());
  EXPECT_EQ(subjects,
            (std::vector<std::string>{"Person-2", "Person-1", "Person-0"}));
  back.set_page_token("x");
  EXPECT_EQ(ReasonIn(Call(list_events, key_, back, &events)), "CURSOR_INVALID");
  back.clear_page_token();
  back.add_types(v1::EVENT_TYPE_REVOKED);
  ASSERT_TRUE(Call(list_events, key_, back, &events).ok());
  EXPECT_EQ(events.events_size(), 0);
  back.set_parent("applications/none");
  EXPECT_EQ(ReasonIn(Call(list_events, system_, back, &events)),
            "APPLICATION_NOT_FOUND");
  EXPECT_EQ(ReasonIn(Call(list_events, other_, back, &events)),
            "APPLICATION_NOT_FOUND");
}

TEST_F(RpcServerTest, ProvidersNeverShowTheirSecret) {
  v1::CreateProviderRequest create;
  create.set_parent(BrokerHarness::kApplication);
  create.set_provider_id("second");
  create.mutable_provider()->set_catalog_entry("catalog/pinterest");
  create.mutable_provider()->set_client_id("42");
  create.mutable_provider()->set_client_secret("hunter2");
  create.mutable_provider()->set_second_client_secret("hunter2-too");
  v1::CreateProviderResponse created;
  grpc::Status status =
      Call(&v1::ProviderService::Stub::CreateProvider, key_, create, &created);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(created.provider().client_secret_set());
  EXPECT_TRUE(created.provider().second_client_secret_set());
  EXPECT_EQ(created.provider().redirect_uri(),
            harness_.broker->DefaultRedirectUri());
  EXPECT_THAT(created.ShortDebugString(), Not(HasSubstr("hunter2")));

  v1::UpdateProviderRequest update;
  *update.mutable_provider() = created.provider();
  update.mutable_provider()->set_display_name("Two");
  v1::UpdateProviderResponse updated;
  const auto change = &v1::ProviderService::Stub::UpdateProvider;
  EXPECT_EQ(InfoOf(Call(change, key_, update, &updated)).metadata().at("field"),
            "update_mask");
  update.mutable_update_mask()->add_paths("display_name");
  status = Call(change, key_, update, &updated);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(updated.provider().display_name(), "Two");
  EXPECT_EQ(updated.provider().client_id(), "42");
  // The etag is an old one now.
  status = Call(change, key_, update, &updated);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonIn(status), "ETAG_MISMATCH");
}

TEST_F(RpcServerTest, TheCatalogIsPagedById) {
  v1::ListCatalogEntriesRequest request;
  request.set_page_size(1);
  std::vector<std::string> names;
  v1::ListCatalogEntriesResponse response;
  do {
    response.Clear();
    ASSERT_TRUE(Call(&v1::ProviderService::Stub::ListCatalogEntries, key_,
                     request, &response)
                    .ok());
    ASSERT_EQ(response.entries_size(), 1);
    names.push_back(response.entries(0).name());
    request.set_page_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  EXPECT_EQ(names.size(), harness_.catalog->List().size());
  EXPECT_THAT(names, testing::Contains("catalog/pinterest"));
}

TEST_F(RpcServerTest, KeysAreMadeAndRevoked) {
  v1::CreateKeyRequest create;
  create.set_parent(BrokerHarness::kApplication);
  create.add_rights(v1::RIGHT_READ_METADATA);
  v1::CreateKeyResponse created;
  ASSERT_TRUE(
      Call(&v1::ApplicationService::Stub::CreateKey, key_, create, &created)
          .ok());
  EXPECT_EQ(created.key().rights_size(), 1);
  v1::GetApplicationRequest get;
  get.set_name(BrokerHarness::kApplication);
  v1::GetApplicationResponse got;
  const std::string bearer = "Bearer " + created.secret();
  EXPECT_TRUE(
      Call(&v1::ApplicationService::Stub::GetApplication, bearer, get, &got)
          .ok());
  // May not make keys itself, nor for others.
  EXPECT_EQ(ReasonIn(Call(&v1::ApplicationService::Stub::CreateKey, bearer,
                          create, &created)),
            "RIGHT_MISSING");
  EXPECT_EQ(ReasonIn(Call(&v1::ApplicationService::Stub::CreateKey, other_,
                          create, &created)),
            "APPLICATION_NOT_FOUND");
  create.set_parent("applications/system");
  EXPECT_EQ(ReasonIn(Call(&v1::ApplicationService::Stub::CreateKey, key_,
                          create, &created)),
            "APPLICATION_NOT_FOUND");
}

// Reflection by hand: ServerReflectionRequest{list_services: ""} is field 7.
TEST_F(RpcServerTest, ReflectionNamesTheServices) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  void* tag;
  bool ok;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Slice slice(std::string("\x3a\x00", 2));
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Slice answer;
  ASSERT_TRUE(response.DumpToSingleSlice(&answer).ok());
  const std::string text(answer.begin(), answer.end());
  for (const char* service :
       {"valetkey.v1.TokenService", "valetkey.v1.EventService",
        "valetkey.v1.ConnectionService", "valetkey.v1.ProviderService",
        "valetkey.v1.ApplicationService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(text, HasSubstr(service));
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
}

TEST(RpcServerListen, RefusesPlaintextToOtherMachines) {
  BrokerHarness harness;
  events::EventHub hub(harness.store, {});
  broker::Authenticator authenticator(harness.store, harness.clock, {});
  broker::Admin admin(harness.store, *harness.catalog, *harness.sealer,
                      harness.clock, harness.random, {});
  const RpcServerDependencies dependencies{
      *harness.broker,  admin,         authenticator,   harness.store,   hub,
      *harness.catalog, harness.clock, harness.metrics, harness.reactors};
  RpcServerOptions options;
  options.addresses = {"0.0.0.0:0"};
  RpcServer server(dependencies, options);
  EXPECT_THAT(server.Start().status().ToString(),
              HasSubstr("--insecure_plaintext"));
}

TEST_F(RpcServerTest, ALivingServersSocketIsNotTaken) {
  const RpcServerDependencies dependencies{*harness_.broker,
                                           admin_,
                                           authenticator_,
                                           harness_.store,
                                           hub_,
                                           *harness_.catalog,
                                           harness_.clock,
                                           harness_.metrics,
                                           harness_.reactors};
  RpcServer second(dependencies, options_);
  EXPECT_THAT(second.Start().status().ToString(),
              HasSubstr("no other process listens"));
  v1::ListApplicationsResponse response;
  EXPECT_TRUE(Call(&v1::ApplicationService::Stub::ListApplications, key_,
                   v1::ListApplicationsRequest(), &response)
                  .ok());
  // Once it is gone, the path is free; a file of another kind stays.
  EXPECT_TRUE(server_->Shutdown(absl::Now() + absl::Seconds(10)));
  RpcServer third(dependencies, options_);
  EXPECT_TRUE(third.Start().ok());
  EXPECT_TRUE(third.Shutdown(absl::Now() + absl::Seconds(10)));
  TestFolder folder;
  RpcServerOptions file = options_;
  file.addresses = {"unix:" + folder.Write("file", "precious")};
  RpcServer fourth(dependencies, file);
  EXPECT_FALSE(fourth.Start().ok());
  EXPECT_EQ(access(folder.Path("file").c_str(), F_OK), 0);
}

TEST(RpcServerListen, TlsIsReloadedAndClientsAreVerified) {
  BrokerHarness harness;
  events::EventHub hub(harness.store, {});
  broker::Authenticator authenticator(harness.store, harness.clock, {});
  broker::Admin admin(harness.store, *harness.catalog, *harness.sealer,
                      harness.clock, harness.random, {});
  const RpcServerDependencies dependencies{
      *harness.broker,  admin,         authenticator,   harness.store,   hub,
      *harness.catalog, harness.clock, harness.metrics, harness.reactors};
  const std::string key =
      AddKey(harness.store, "applications/shop", kAllRights, "good");
  TestFolder folder;
  TestAuthority first("First CA"), second("Second CA"), clients("Clients");
  const auto install = [&](TestAuthority& authority) {
    const TestCertificate issued =
        authority.Issue("server", "DNS:localhost,IP:127.0.0.1");
    folder.Write("key.pem", issued.key_pem);
    folder.Write("cert.pem", issued.certificate_pem);
  };
  install(first);
  RpcServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  options.tls.certificate_file = folder.Path("cert.pem");
  options.tls.key_file = folder.Path("key.pem");
  options.tls.client_ca_file = folder.Write("clients.pem", clients.pem());
  options.tls.poll_interval = absl::Seconds(1);
  RpcServer server(dependencies, options);
  const auto ports = server.Start();
  ASSERT_TRUE(ports.ok()) << ports.status();
  const TestCertificate client = clients.Issue("client", "DNS:client");
  const auto call = [&](const TestAuthority& trusted, bool with_certificate) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = trusted.pem();
    if (with_certificate) {
      ssl.pem_cert_chain = client.certificate_pem;
      ssl.pem_private_key = client.key_pem;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    v1::ApplicationService::Stub stub(
        grpc::CreateCustomChannel(absl::StrCat("ipv4:127.0.0.1:", (*ports)[0]),
                                  grpc::SslCredentials(ssl), arguments));
    grpc::ClientContext context;
    context.AddMetadata("authorization", key);
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    v1::ListApplicationsResponse response;
    return stub.ListApplications(&context, {}, &response).ok();
  };
  EXPECT_TRUE(call(first, true));
  EXPECT_FALSE(call(first, false));
  EXPECT_FALSE(call(second, true));
  install(second);
  // Looked at each second.
  bool reloaded = false;
  for (int i = 0; i < 100 && !reloaded; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    reloaded = call(second, true);
  }
  EXPECT_TRUE(reloaded);
}

}  // namespace
}  // namespace valetkey::rpc
