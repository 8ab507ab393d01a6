// A gRPC server for tests of the command line: it answers with what the test
// says and keeps what it was asked, one call at a time. Lives in the test's
// process.

#ifndef VALETKEY_CMD_VALETKEY_TEST_SERVER_H_
#define VALETKEY_CMD_VALETKEY_TEST_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/base/mutex.h"
#include "valetkey/v1/application_service.grpc.pb.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/event_service.grpc.pb.h"
#include "valetkey/v1/provider_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::cli {

// An error with its details as a server encodes them.
grpc::Status ReasonedError(grpc::StatusCode code, const std::string& reason,
                           const std::string& message,
                           const std::map<std::string, std::string>& metadata,
                           int retry_after_seconds);

// Each answer is a function that a test sets; an unset one is UNIMPLEMENTED.
class TestServer final : public v1::TokenService::Service,
                         public v1::ConnectionService::Service,
                         public v1::EventService::Service,
                         public v1::ApplicationService::Service,
                         public v1::ProviderService::Service {
 public:
  TestServer();
  ~TestServer() override;

  const std::string& address() const { return address_; }
  // The `authorization` metadata of the last call.
  std::string authorization() const;
  // Orders what the test did before against what answers do after, and the
  // other way round: a call over a socket orders nothing that a sanitizer
  // could see.
  void Sync() const { const MutexLock lock(mutex_); }

  template <typename Request, typename Response>
  using Answer = std::function<grpc::Status(const Request&, Response&)>;

  Answer<v1::AuthorizeRequest, v1::AuthorizeResponse> authorize;
  Answer<v1::GetTokenRequest, v1::GetTokenResponse> get_token;
  Answer<v1::RefreshRequest, v1::RefreshResponse> refresh;
  Answer<v1::RevokeRequest, v1::RevokeResponse> revoke;
  Answer<v1::GetConnectionRequest, v1::GetConnectionResponse> get_connection;
  Answer<v1::ListConnectionsRequest, v1::ListConnectionsResponse>
      list_connections;
  Answer<v1::UpdateConnectionRequest, v1::UpdateConnectionResponse>
      update_connection;
  Answer<v1::CreateKeyRequest, v1::CreateKeyResponse> create_key;
  Answer<v1::ListApplicationsRequest, v1::ListApplicationsResponse>
      list_applications;
  Answer<v1::CreateProviderRequest, v1::CreateProviderResponse> create_provider;
  Answer<v1::UpdateProviderRequest, v1::UpdateProviderResponse> update_provider;
  Answer<v1::GetCatalogEntryRequest, v1::GetCatalogEntryResponse>
      get_catalog_entry;
  Answer<v1::CreateCatalogEntryRequest, v1::CreateCatalogEntryResponse>
      create_catalog_entry;
  Answer<v1::UpdateCatalogEntryRequest, v1::UpdateCatalogEntryResponse>
      update_catalog_entry;
  Answer<v1::DeleteCatalogEntryRequest, v1::DeleteCatalogEntryResponse>
      delete_catalog_entry;
  std::function<grpc::Status(const v1::WatchEventsRequest&,
                             grpc::ServerWriter<v1::WatchEventsResponse>&)>
      watch_events;

 private:
  template <typename Request, typename Response>
  grpc::Status Give(grpc::ServerContext* context,
                    const Answer<Request, Response>& answer,
                    const Request* request, Response* response);
  void Note(const grpc::ServerContext& context) VK_REQUIRES(mutex_);

#define VALETKEY_TEST_RPC(Method, answer)                        \
  grpc::Status Method(grpc::ServerContext* context,              \
                      const v1::Method##Request* request,        \
                      v1::Method##Response* response) override { \
    return Give(context, answer, request, response);             \
  }
  VALETKEY_TEST_RPC(Authorize, authorize)
  VALETKEY_TEST_RPC(GetToken, get_token)
  VALETKEY_TEST_RPC(Refresh, refresh)
  VALETKEY_TEST_RPC(Revoke, revoke)
  VALETKEY_TEST_RPC(GetConnection, get_connection)
  VALETKEY_TEST_RPC(ListConnections, list_connections)
  VALETKEY_TEST_RPC(UpdateConnection, update_connection)
  VALETKEY_TEST_RPC(CreateKey, create_key)
  VALETKEY_TEST_RPC(ListApplications, list_applications)
  VALETKEY_TEST_RPC(CreateProvider, create_provider)
  VALETKEY_TEST_RPC(UpdateProvider, update_provider)
  VALETKEY_TEST_RPC(GetCatalogEntry, get_catalog_entry)
  VALETKEY_TEST_RPC(CreateCatalogEntry, create_catalog_entry)
  VALETKEY_TEST_RPC(UpdateCatalogEntry, update_catalog_entry)
  VALETKEY_TEST_RPC(DeleteCatalogEntry, delete_catalog_entry)
#undef VALETKEY_TEST_RPC

  grpc::Status WatchEvents(
      grpc::ServerContext* context, const v1::WatchEventsRequest* request,
      grpc::ServerWriter<v1::WatchEventsResponse>* writer) override;

  mutable Mutex mutex_;
  std::string authorization_ VK_GUARDED_BY(mutex_);
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

template <typename Request, typename Response>
grpc::Status TestServer::Give(grpc::ServerContext* context,
                              const Answer<Request, Response>& answer,
                              const Request* request, Response* response) {
  const MutexLock lock(mutex_);
  Note(*context);
  if (answer == nullptr) return {grpc::StatusCode::UNIMPLEMENTED, "not set"};
  return answer(*request, *response);
}

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_TEST_SERVER_H_
