#include "src/expand.h"

#include "src/names.h"

namespace valetkey::client::internal {
namespace {

absl::Status Assign(absl::StatusOr<std::string> expanded, std::string* name) {
  if (!expanded.ok()) return expanded.status();
  *name = *std::move(expanded);
  return absl::OkStatus();
}

absl::Status Both(absl::Status first, absl::Status second) {
  return first.ok() ? second : first;
}

}  // namespace

absl::Status NameExpander::In(const char* collection, std::string* name) const {
  return Assign(Expand(application_, collection, *name), name);
}

absl::Status NameExpander::Application(std::string* name) const {
  return Assign(ExpandTop("applications", *name), name);
}

absl::Status NameExpander::Parent(std::string* parent) const {
  if (parent->empty()) *parent = application_;
  return Application(parent);
}

absl::Status NameExpander::operator()(v1::AuthorizeRequest* request) const {
  return Both(In("providers", request->mutable_provider()),
              In("connections", request->mutable_connection()));
}
absl::Status NameExpander::operator()(v1::GetTokenRequest* request) const {
  return In("connections", request->mutable_name());
}
absl::Status NameExpander::operator()(v1::RefreshRequest* request) const {
  return In("connections", request->mutable_name());
}
absl::Status NameExpander::operator()(v1::RevokeRequest* request) const {
  return In("connections", request->mutable_name());
}
absl::Status NameExpander::operator()(v1::WatchEventsRequest* request) const {
  return Both(Parent(request->mutable_parent()),
              Both(In("connections", request->mutable_connection()),
                   In("providers", request->mutable_provider())));
}
absl::Status NameExpander::operator()(v1::GetConnectionRequest* request) const {
  return In("connections", request->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::ListConnectionsRequest* request) const {
  return Both(Parent(request->mutable_parent()),
              In("providers", request->mutable_provider()));
}
absl::Status NameExpander::operator()(
    v1::UpdateConnectionRequest* request) const {
  return In("connections", request->mutable_connection()->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::DeleteConnectionRequest* request) const {
  return In("connections", request->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::CreateProviderRequest* request) const {
  return Parent(request->mutable_parent());
}
absl::Status NameExpander::operator()(v1::GetProviderRequest* request) const {
  return In("providers", request->mutable_name());
}
absl::Status NameExpander::operator()(v1::ListProvidersRequest* request) const {
  return Parent(request->mutable_parent());
}
absl::Status NameExpander::operator()(
    v1::UpdateProviderRequest* request) const {
  return In("providers", request->mutable_provider()->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::DeleteProviderRequest* request) const {
  return In("providers", request->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::GetCatalogEntryRequest* request) const {
  return Assign(ExpandTop("catalog", request->name()), request->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::GetApplicationRequest* request) const {
  return Parent(request->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::UpdateApplicationRequest* request) const {
  return Application(request->mutable_application()->mutable_name());
}
absl::Status NameExpander::operator()(
    v1::DeleteApplicationRequest* request) const {
  return Application(request->mutable_name());
}
absl::Status NameExpander::operator()(v1::CreateKeyRequest* request) const {
  return Parent(request->mutable_parent());
}
absl::Status NameExpander::operator()(v1::ListKeysRequest* request) const {
  return Parent(request->mutable_parent());
}
absl::Status NameExpander::operator()(v1::RevokeKeyRequest* request) const {
  return In("keys", request->mutable_name());
}

}  // namespace valetkey::client::internal
