#include "src/testing/fake_admin.h"

#include <google/protobuf/util/field_mask_util.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "src/testing/fake_errors.h"
#include "src/testing/fake_pages.h"

namespace valetkey::client::internal {
namespace {

using google::protobuf::util::FieldMaskUtil;

template <typename Item>
grpc::Status Create(std::map<std::string, Item>& items, const std::string& name,
                    const Item& item, Item* out) {
  const auto [it, made] = items.emplace(name, item);
  if (!made) return FakeError(v1::RESOURCE_EXISTS);
  it->second.set_name(name);
  *out = it->second;
  return grpc::Status::OK;
}

template <typename Item>
grpc::Status Get(const std::map<std::string, Item>& items,
                 const std::string& name, v1::ErrorReason missing, Item* out) {
  const auto found = items.find(name);
  if (found == items.end()) return FakeError(missing);
  *out = found->second;
  return grpc::Status::OK;
}

template <typename Item>
grpc::Status Update(std::map<std::string, Item>& items, const Item& item,
                    const google::protobuf::FieldMask& mask,
                    v1::ErrorReason missing, Item* out) {
  const auto found = items.find(item.name());
  if (found == items.end()) return FakeError(missing);
  if (mask.paths().empty()) {
    return FakeError(v1::FIELD_INVALID, {{"field", "update_mask"}});
  }
  FieldMaskUtil::MergeOptions replace;
  replace.set_replace_repeated_fields(true);
  FieldMaskUtil::MergeMessageTo(item, mask, replace, &found->second);
  *out = found->second;
  return grpc::Status::OK;
}

// Those below the parent, by name.
template <typename Item>
std::vector<const Item*> Below(const std::map<std::string, Item>& items,
                               const std::string& parent) {
  std::vector<const Item*> found;
  for (const auto& [name, item] : items) {
    if (absl::StartsWith(name, parent)) found.push_back(&item);
  }
  return found;
}

v1::CatalogEntry OnlyEntry() {
  v1::CatalogEntry entry;
  entry.set_name("catalog/fake");
  entry.set_redirect_uri("https://valetkey.invalid/oauth/callback");
  return entry;
}

}  // namespace

grpc::Status FakeAdmin::CreateProvider(const v1::CreateProviderRequest& request,
                                       v1::CreateProviderResponse* response) {
  v1::Provider provider = request.provider();
  provider.set_client_secret_set(!provider.client_secret().empty());
  provider.clear_client_secret();
  provider.set_state(v1::PROVIDER_STATE_ACTIVE);
  return Create(
      providers_,
      absl::StrCat(request.parent(), "/providers/", request.provider_id()),
      provider, response->mutable_provider());
}

grpc::Status FakeAdmin::GetProvider(const v1::GetProviderRequest& request,
                                    v1::GetProviderResponse* response) {
  return Get(providers_, request.name(), v1::PROVIDER_NOT_FOUND,
             response->mutable_provider());
}

grpc::Status FakeAdmin::ListProviders(const v1::ListProvidersRequest& request,
                                      v1::ListProvidersResponse* response) {
  return FakePage(Below(providers_, absl::StrCat(request.parent(), "/")),
                  request.page_size(), request.page_token(),
                  response->mutable_providers(),
                  response->mutable_next_page_token());
}

grpc::Status FakeAdmin::UpdateProvider(const v1::UpdateProviderRequest& request,
                                       v1::UpdateProviderResponse* response) {
  const grpc::Status status =
      Update(providers_, request.provider(), request.update_mask(),
             v1::PROVIDER_NOT_FOUND, response->mutable_provider());
  response->mutable_provider()->clear_client_secret();
  return status;
}

grpc::Status FakeAdmin::DeleteProvider(const v1::DeleteProviderRequest& request,
                                       v1::DeleteProviderResponse*) {
  return providers_.erase(request.name()) != 0
             ? grpc::Status::OK
             : FakeError(v1::PROVIDER_NOT_FOUND);
}

grpc::Status FakeAdmin::ListCatalogEntries(
    const v1::ListCatalogEntriesRequest&,
    v1::ListCatalogEntriesResponse* response) {
  *response->add_entries() = OnlyEntry();
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::GetCatalogEntry(
    const v1::GetCatalogEntryRequest& request,
    v1::GetCatalogEntryResponse* response) {
  if (request.name() != OnlyEntry().name()) {
    return FakeError(v1::CATALOG_ENTRY_NOT_FOUND);
  }
  *response->mutable_entry() = OnlyEntry();
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::CreateApplication(
    const v1::CreateApplicationRequest& request,
    v1::CreateApplicationResponse* response) {
  return Create(applications_,
                absl::StrCat("applications/", request.application_id()),
                request.application(), response->mutable_application());
}

grpc::Status FakeAdmin::GetApplication(const v1::GetApplicationRequest& request,
                                       v1::GetApplicationResponse* response) {
  return Get(applications_, request.name(), v1::APPLICATION_NOT_FOUND,
             response->mutable_application());
}

grpc::Status FakeAdmin::ListApplications(
    const v1::ListApplicationsRequest& request,
    v1::ListApplicationsResponse* response) {
  return FakePage(Below(applications_, ""), request.page_size(),
                  request.page_token(), response->mutable_applications(),
                  response->mutable_next_page_token());
}

grpc::Status FakeAdmin::UpdateApplication(
    const v1::UpdateApplicationRequest& request,
    v1::UpdateApplicationResponse* response) {
  return Update(applications_, request.application(), request.update_mask(),
                v1::APPLICATION_NOT_FOUND, response->mutable_application());
}

grpc::Status FakeAdmin::DeleteApplication(
    const v1::DeleteApplicationRequest& request,
    v1::DeleteApplicationResponse*) {
  return applications_.erase(request.name()) != 0
             ? grpc::Status::OK
             : FakeError(v1::APPLICATION_NOT_FOUND);
}

grpc::Status FakeAdmin::CreateKey(const v1::CreateKeyRequest& request,
                                  v1::CreateKeyResponse* response) {
  const std::size_t number = keys_.size() + 1;
  v1::Key key;
  key.set_display_name(request.display_name());
  *key.mutable_rights() = request.rights();
  response->set_secret(absl::StrCat("vk_fake-", number));
  return Create(keys_, absl::StrCat(request.parent(), "/keys/k-", number), key,
                response->mutable_key());
}

grpc::Status FakeAdmin::ListKeys(const v1::ListKeysRequest& request,
                                 v1::ListKeysResponse* response) {
  return FakePage(Below(keys_, absl::StrCat(request.parent(), "/")),
                  request.page_size(), request.page_token(),
                  response->mutable_keys(),
                  response->mutable_next_page_token());
}

grpc::Status FakeAdmin::RevokeKey(const v1::RevokeKeyRequest& request,
                                  v1::RevokeKeyResponse* response) {
  const auto found = keys_.find(request.name());
  if (found == keys_.end()) return FakeError(v1::KEY_NOT_FOUND);
  found->second.mutable_revoke_time()->set_seconds(1);
  *response->mutable_key() = found->second;
  return grpc::Status::OK;
}

}  // namespace valetkey::client::internal
