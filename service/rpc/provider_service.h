// valetkey.v1.ProviderService over Admin and the catalog; what is of the
// catalog is in catalog_entries.cc. Thread-safe.
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
#include "service/broker/catalog_keeper.h"
#include "service/rpc/method.h"
#include "valetkey/v1/provider_service.pb.h"

namespace valetkey::rpc {

class ProviderService {
 public:
  // All outlive this object.
  ProviderService(broker::Admin& admin, broker::CatalogKeeper& keeper,
                  std::string default_redirect_uri)
      : admin_(admin),
        keeper_(keeper),
        catalog_(keeper.catalog()),
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
  Task<absl::StatusOr<v1::CheckDefinitionResponse>> CheckDefinition(
      const CallContext& context, const v1::CheckDefinitionRequest& request);
  Task<absl::StatusOr<v1::CreateCatalogEntryResponse>> CreateCatalogEntry(
      const CallContext& context, const v1::CreateCatalogEntryRequest& request);
  Task<absl::StatusOr<v1::UpdateCatalogEntryResponse>> UpdateCatalogEntry(
      const CallContext& context, const v1::UpdateCatalogEntryRequest& request);
  Task<absl::StatusOr<v1::DeleteCatalogEntryResponse>> DeleteCatalogEntry(
      const CallContext& context, const v1::DeleteCatalogEntryRequest& request);

 private:
  void RegisterCatalog(MethodTable& methods);
  void Fill(const store::Provider& in, v1::Provider* out) const;
  void FillEntry(const catalog::Entry& in, v1::CatalogEntry* out) const;
  // The entry just written, as it was written.
  absl::Status FillAdded(const store::AddedDefinition& in,
                         v1::CatalogEntry* out) const;

  broker::Admin& admin_;
  broker::CatalogKeeper& keeper_;
  const catalog::Catalog& catalog_;
  const std::string default_redirect_uri_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_PROVIDER_SERVICE_H_
