// Providers, the catalog, applications and keys of the fake: kept and given
// back, and nothing more.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_ADMIN_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_ADMIN_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "valetkey/v1/application_service.pb.h"
#include "valetkey/v1/provider_service.pb.h"

namespace valetkey::client::internal {

// Not thread-safe: the server's lock is held.
class FakeAdmin {
 public:
  grpc::Status CreateProvider(const v1::CreateProviderRequest& request,
                              v1::CreateProviderResponse* response);
  grpc::Status GetProvider(const v1::GetProviderRequest& request,
                           v1::GetProviderResponse* response);
  grpc::Status ListProviders(const v1::ListProvidersRequest& request,
                             v1::ListProvidersResponse* response);
  grpc::Status UpdateProvider(const v1::UpdateProviderRequest& request,
                              v1::UpdateProviderResponse* response);
  grpc::Status DeleteProvider(const v1::DeleteProviderRequest& request,
                              v1::DeleteProviderResponse* response);
  grpc::Status ListCatalogEntries(const v1::ListCatalogEntriesRequest& request,
                                  v1::ListCatalogEntriesResponse* response);
  grpc::Status GetCatalogEntry(const v1::GetCatalogEntryRequest& request,
                               v1::GetCatalogEntryResponse* response);

  grpc::Status CreateApplication(const v1::CreateApplicationRequest& request,
                                 v1::CreateApplicationResponse* response);
  grpc::Status GetApplication(const v1::GetApplicationRequest& request,
                              v1::GetApplicationResponse* response);
  grpc::Status ListApplications(const v1::ListApplicationsRequest& request,
                                v1::ListApplicationsResponse* response);
  grpc::Status UpdateApplication(const v1::UpdateApplicationRequest& request,
                                 v1::UpdateApplicationResponse* response);
  grpc::Status DeleteApplication(const v1::DeleteApplicationRequest& request,
                                 v1::DeleteApplicationResponse* response);
  grpc::Status CreateKey(const v1::CreateKeyRequest& request,
                         v1::CreateKeyResponse* response);
  grpc::Status ListKeys(const v1::ListKeysRequest& request,
                        v1::ListKeysResponse* response);
  grpc::Status RevokeKey(const v1::RevokeKeyRequest& request,
                         v1::RevokeKeyResponse* response);

 private:
  std::map<std::string, v1::Provider> providers_;
  std::map<std::string, v1::Application> applications_;
  std::map<std::string, v1::Key> keys_;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_ADMIN_H_
