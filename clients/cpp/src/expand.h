// The short names in each request.

#ifndef VALETKEY_CLIENT_SRC_EXPAND_H_
#define VALETKEY_CLIENT_SRC_EXPAND_H_

#include <string>

#include "absl/status/status.h"
#include "valetkey/v1/application_service.pb.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/event_service.pb.h"
#include "valetkey/v1/provider_service.pb.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client::internal {

// Replaces the names in a request by full ones. `application` is a full name
// or empty. Fails with a ConfigError.
class NameExpander {
 public:
  explicit NameExpander(const std::string& application)
      : application_(application) {}

  absl::Status operator()(v1::AuthorizeRequest* request) const;
  absl::Status operator()(v1::ExchangeRequest*) const {
    return absl::OkStatus();
  }
  absl::Status operator()(v1::GetTokenRequest* request) const;
  absl::Status operator()(v1::RefreshRequest* request) const;
  absl::Status operator()(v1::RevokeRequest* request) const;
  absl::Status operator()(v1::WatchEventsRequest* request) const;
  absl::Status operator()(v1::GetConnectionRequest* request) const;
  absl::Status operator()(v1::ListConnectionsRequest* request) const;
  absl::Status operator()(v1::UpdateConnectionRequest* request) const;
  absl::Status operator()(v1::DeleteConnectionRequest* request) const;
  absl::Status operator()(v1::CreateProviderRequest* request) const;
  absl::Status operator()(v1::GetProviderRequest* request) const;
  absl::Status operator()(v1::ListProvidersRequest* request) const;
  absl::Status operator()(v1::UpdateProviderRequest* request) const;
  absl::Status operator()(v1::DeleteProviderRequest* request) const;
  absl::Status operator()(v1::ListCatalogEntriesRequest*) const {
    return absl::OkStatus();
  }
  absl::Status operator()(v1::GetCatalogEntryRequest* request) const;
  absl::Status operator()(v1::CreateApplicationRequest*) const {
    return absl::OkStatus();
  }
  absl::Status operator()(v1::GetApplicationRequest* request) const;
  absl::Status operator()(v1::ListApplicationsRequest*) const {
    return absl::OkStatus();
  }
  absl::Status operator()(v1::UpdateApplicationRequest* request) const;
  absl::Status operator()(v1::DeleteApplicationRequest* request) const;
  absl::Status operator()(v1::CreateKeyRequest* request) const;
  absl::Status operator()(v1::ListKeysRequest* request) const;
  absl::Status operator()(v1::RevokeKeyRequest* request) const;

 private:
  absl::Status In(const char* collection, std::string* name) const;
  absl::Status Application(std::string* name) const;
  absl::Status Parent(std::string* parent) const;

  const std::string& application_;
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_EXPAND_H_
