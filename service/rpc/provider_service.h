// valetkey.v1.ProviderService over Admin and the catalog. Thread-safe.
//
// The fields of what is made or changed are checked by Admin; names, masks,
// pages and enums here.

#ifndef VALETKEY_RPC_PROVIDER_SERVICE_H_
#define VALETKEY_RPC_PROVIDER_SERVICE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/broker/admin.h"
#include "service/catalog/catalog.h"
#include "service/rpc/method.h"
#include "valetkey/v1/provider_service.pb.h"

namespace valetkey::rpc {

class ProviderService {
 public:
  // All outlive this object.
  ProviderService(broker::Admin& admin, const catalog::Catalog& catalog,
                  std::string default_redirect_uri)
      : admin_(admin),
        catalog_(catalog),
        default_redirect_uri_(std::move(default_redirect_uri)) {}

  // Adds its methods; this object outlives the table.
  void Register(MethodTable& methods);

  Task<absl::StatusOr<v1::CreateProviderResponse>> CreateProvider(
      const CallContext& context, const v1::CreateProviderRequest& request);
  Task<absl::StatusOr<v1::GetProviderResponse>> GetProvider(
      const CallContext& context, const v1::GetProviderRequest& request);
  Task<absl::StatusOr<v1::ListProvidersResponse>> ListProviders(
      const CallContext& context, const v1::ListProvidersRequest& request);
  Task<absl::StatusOr<v1::UpdateProviderResponse>> UpdateProvider(
      const CallContext& context, const v1::UpdateProviderRequest& request);
  Task<absl::StatusOr<v1::DeleteProviderResponse>> DeleteProvider(
      const CallContext& context, const v1::DeleteProviderRequest& request);
  Task<absl::StatusOr<v1::ListCatalogEntriesResponse>> ListCatalogEntries(
      const CallContext& context, const v1::ListCatalogEntriesRequest& request);
  Task<absl::StatusOr<v1::GetCatalogEntryResponse>> GetCatalogEntry(
      const CallContext& context, const v1::GetCatalogEntryRequest& request);

 private:
  void Fill(const store::Provider& in, v1::Provider* out) const;

  broker::Admin& admin_;
  const catalog::Catalog& catalog_;
  const std::string default_redirect_uri_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_PROVIDER_SERVICE_H_
