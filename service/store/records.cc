#include "service/store/records.h"

namespace valetkey::store {

absl::string_view EventTypeName(EventType type) {
  switch (type) {
    case EventType::kConnected:
      return "CONNECTED";
    case EventType::kReauthorized:
      return "REAUTHORIZED";
    case EventType::kRefreshed:
      return "REFRESHED";
    case EventType::kRefreshFailed:
      return "REFRESH_FAILED";
    case EventType::kReauthorizationRequired:
      return "REAUTHORIZATION_REQUIRED";
    case EventType::kExpiring:
      return "EXPIRING";
    case EventType::kRevoked:
      return "REVOKED";
    case EventType::kUpdated:
      return "UPDATED";
    case EventType::kDeleted:
      return "DELETED";
  }
  return "UNSPECIFIED";
}

absl::string_view ConnectionStateName(ConnectionState state) {
  switch (state) {
    case ConnectionState::kActive:
      return "ACTIVE";
    case ConnectionState::kReauthorizationRequired:
      return "REAUTHORIZATION_REQUIRED";
    case ConnectionState::kRevoking:
      return "REVOKING";
    case ConnectionState::kRevoked:
      return "REVOKED";
  }
  return "UNSPECIFIED";
}

}  // namespace valetkey::store
