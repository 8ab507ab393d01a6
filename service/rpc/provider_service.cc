#include "service/rpc/provider_service.h"

#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/rpc/convert.h"
#include "service/rpc/page_token.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"

namespace valetkey::rpc {
namespace {

// Bounds what is not yet checked by Admin: everything else is.
absl::Status CheckPkce(int pkce) {
  if (v1::PkceMode_IsValid(pkce)) return absl::OkStatus();
  return InvalidField("provider.pkce", "a PkceMode");
}

}  // namespace

void ProviderService::Register(MethodTable& methods) {
  using S = ProviderService;
  const std::string service = "/valetkey.v1.ProviderService/";
  const Access read = Access::Right(store::kReadMetadata);
  const Access administer = Access::Right(store::kAdminister);
  methods.Add(
      Unary(service + "CreateProvider", administer, this, &S::CreateProvider));
  methods.Add(Unary(service + "GetProvider", read, this, &S::GetProvider));
  methods.Add(Unary(service + "ListProviders", read, this, &S::ListProviders));
  methods.Add(
      Unary(service + "UpdateProvider", administer, this, &S::UpdateProvider));
  methods.Add(
      Unary(service + "DeleteProvider", administer, this, &S::DeleteProvider));
  RegisterCatalog(methods);
}

void ProviderService::Fill(const store::Provider& in, v1::Provider* out) const {
  const bool in_catalog =
      catalog_.Find(IdOf(in.catalog_entry), in.environment) != nullptr;
  FillProvider(in, default_redirect_uri_, in_catalog, out);
}

Task<absl::StatusOr<v1::CreateProviderResponse>>
ProviderService::CreateProvider(const CallContext& context,
                                const v1::CreateProviderRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_RETURN_IF_ERROR(CheckId("provider_id", request.provider_id()));
  const v1::Provider& given = request.provider();
  VK_CO_RETURN_IF_ERROR(CheckPkce(given.pkce()));
  VK_CO_RETURN_IF_ERROR(CheckParameters("provider.inputs", given.inputs()));
  broker::NewProvider provider;
  provider.name =
      ChildName(request.parent(), "providers", request.provider_id());
  provider.catalog_entry = given.catalog_entry();
  provider.environment = given.environment();
  provider.settings.display_name = given.display_name();
  provider.settings.client_id = given.client_id();
  provider.settings.client_secret = SecretString(given.client_secret());
  provider.settings.second_secret = SecretString(given.second_client_secret());
  provider.settings.scopes = ToVector(given.scopes());
  provider.settings.redirect_uri = given.redirect_uri();
  provider.settings.pkce = static_cast<store::Pkce>(given.pkce());
  provider.settings.inputs = ToMap(given.inputs());
  VK_CO_ASSIGN_OR_RETURN(const store::Provider made,
                         co_await admin_.CreateProvider(std::move(provider)));
  v1::CreateProviderResponse response;
  Fill(made, response.mutable_provider());
  co_return response;
}

Task<absl::StatusOr<v1::GetProviderResponse>> ProviderService::GetProvider(
    const CallContext& context, const v1::GetProviderRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckProvider(*context.caller, "name", request.name()));
  VK_CO_ASSIGN_OR_RETURN(const store::Provider provider,
                         co_await admin_.GetProvider(request.name()));
  v1::GetProviderResponse response;
  Fill(provider, response.mutable_provider());
  co_return response;
}

Task<absl::StatusOr<v1::ListProvidersResponse>> ProviderService::ListProviders(
    const CallContext& context, const v1::ListProvidersRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  const std::string filters = "ListProviders " + request.parent();
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  VK_CO_ASSIGN_OR_RETURN(std::string after,
                         DecodePageToken(request.page_token(), filters));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  VK_CO_ASSIGN_OR_RETURN(const store::Page<store::Provider> page,
                         co_await admin_.ListProviders(
                             request.parent(), std::move(after), page_size));
  v1::ListProvidersResponse response;
  for (const store::Provider& provider : page.items) {
    Fill(provider, response.add_providers());
  }
  response.set_next_page_token(EncodePageToken(page.next, filters));
  co_return response;
}

Task<absl::StatusOr<v1::UpdateProviderResponse>>
ProviderService::UpdateProvider(const CallContext& context,
                                const v1::UpdateProviderRequest& request) {
  const v1::Provider& given = request.provider();
  const google::protobuf::FieldMask& mask = request.update_mask();
  VK_CO_RETURN_IF_ERROR(
      CheckProvider(*context.caller, "provider.name", given.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("provider.etag", given.etag()));
  VK_CO_RETURN_IF_ERROR(CheckMask(
      mask,
      {"display_name", "client_id", "client_secret", "second_client_secret",
       "scopes", "redirect_uri", "pkce", "inputs"},
      /*required=*/true));
  broker::ProviderChange change;
  if (MaskHas(mask, "display_name")) {
    change.display_name = given.display_name();
  }
  if (MaskHas(mask, "client_id")) change.client_id = given.client_id();
  if (MaskHas(mask, "client_secret")) {
    change.client_secret = SecretString(given.client_secret());
  }
  if (MaskHas(mask, "second_client_secret")) {
    change.second_secret = SecretString(given.second_client_secret());
  }
  if (MaskHas(mask, "scopes")) change.scopes = ToVector(given.scopes());
  if (MaskHas(mask, "redirect_uri")) {
    change.redirect_uri = given.redirect_uri();
  }
  if (MaskHas(mask, "pkce")) {
    VK_CO_RETURN_IF_ERROR(CheckPkce(given.pkce()));
    change.pkce = static_cast<store::Pkce>(given.pkce());
  }
  if (MaskHas(mask, "inputs")) {
    VK_CO_RETURN_IF_ERROR(CheckParameters("provider.inputs", given.inputs()));
    change.inputs = ToMap(given.inputs());
  }
  VK_CO_ASSIGN_OR_RETURN(const store::Provider provider,
                         co_await admin_.UpdateProvider(
                             given.name(), given.etag(), std::move(change)));
  v1::UpdateProviderResponse response;
  Fill(provider, response.mutable_provider());
  co_return response;
}

Task<absl::StatusOr<v1::DeleteProviderResponse>>
ProviderService::DeleteProvider(const CallContext& context,
                                const v1::DeleteProviderRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckProvider(*context.caller, "name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  VK_CO_RETURN_IF_ERROR(
      co_await admin_.DeleteProvider(request.name(), request.etag()));
  co_return v1::DeleteProviderResponse();
}

}  // namespace valetkey::rpc
