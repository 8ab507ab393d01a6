// The services of the contract, which hand every call to the server.

#include "src/testing/fake_server.h"
#include "valetkey/v1/application_service.grpc.pb.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/provider_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::client::internal {
namespace {

// A call that `part` (store or admin) answers.
#define VALETKEY_FAKE_CALL(part, Name)                                    \
  grpc::ServerUnaryReactor* Name(grpc::CallbackServerContext* context,    \
                                 const v1::Name##Request* request,        \
                                 v1::Name##Response* response) override { \
    return server_->Handle(                                               \
        context, #Name,                                                   \
        [request, response]([[maybe_unused]] FakeStore& store,            \
                            [[maybe_unused]] FakeAdmin& admin) {          \
          return part.Name(*request, response);                           \
        });                                                               \
  }

class Tokens final : public v1::TokenService::CallbackService {
 public:
  explicit Tokens(FakeServer* server) : server_(server) {}
  VALETKEY_FAKE_CALL(store, Authorize)
  VALETKEY_FAKE_CALL(store, Exchange)
  VALETKEY_FAKE_CALL(store, Refresh)
  VALETKEY_FAKE_CALL(store, Revoke)
  grpc::ServerUnaryReactor* GetToken(grpc::CallbackServerContext* context,
                                     const v1::GetTokenRequest* request,
                                     v1::GetTokenResponse* response) override {
    server_->NoteToken(*request);
    return server_->Handle(context, "GetToken",
                           [request, response](FakeStore& store, FakeAdmin&) {
                             return store.GetToken(*request, response);
                           });
  }

 private:
  FakeServer* const server_;
};

class Events final : public v1::EventService::CallbackService {
 public:
  explicit Events(FakeServer* server) : server_(server) {}
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context,
      const v1::WatchEventsRequest* request) override {
    return server_->Watch(context, *request);
  }

 private:
  FakeServer* const server_;
};

class Connections final : public v1::ConnectionService::CallbackService {
 public:
  explicit Connections(FakeServer* server) : server_(server) {}
  VALETKEY_FAKE_CALL(store, GetConnection)
  VALETKEY_FAKE_CALL(store, ListConnections)
  VALETKEY_FAKE_CALL(store, UpdateConnection)
  VALETKEY_FAKE_CALL(store, DeleteConnection)

 private:
  FakeServer* const server_;
};

class Providers final : public v1::ProviderService::CallbackService {
 public:
  explicit Providers(FakeServer* server) : server_(server) {}
  VALETKEY_FAKE_CALL(admin, CreateProvider)
  VALETKEY_FAKE_CALL(admin, GetProvider)
  VALETKEY_FAKE_CALL(admin, ListProviders)
  VALETKEY_FAKE_CALL(admin, UpdateProvider)
  VALETKEY_FAKE_CALL(admin, DeleteProvider)
  VALETKEY_FAKE_CALL(admin, ListCatalogEntries)
  VALETKEY_FAKE_CALL(admin, GetCatalogEntry)

 private:
  FakeServer* const server_;
};

class Applications final : public v1::ApplicationService::CallbackService {
 public:
  explicit Applications(FakeServer* server) : server_(server) {}
  VALETKEY_FAKE_CALL(admin, CreateApplication)
  VALETKEY_FAKE_CALL(admin, GetApplication)
  VALETKEY_FAKE_CALL(admin, ListApplications)
  VALETKEY_FAKE_CALL(admin, UpdateApplication)
  VALETKEY_FAKE_CALL(admin, DeleteApplication)
  VALETKEY_FAKE_CALL(admin, CreateKey)
  VALETKEY_FAKE_CALL(admin, ListKeys)
  VALETKEY_FAKE_CALL(admin, RevokeKey)

 private:
  FakeServer* const server_;
};

#undef VALETKEY_FAKE_CALL

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> NewFakeServices(
    FakeServer* server) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<Tokens>(server));
  services.push_back(std::make_unique<Events>(server));
  services.push_back(std::make_unique<Connections>(server));
  services.push_back(std::make_unique<Providers>(server));
  services.push_back(std::make_unique<Applications>(server));
  return services;
}

}  // namespace valetkey::client::internal
