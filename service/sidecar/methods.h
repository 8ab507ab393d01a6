// Which calls a sidecar passes on. Pure functions.
//
// All of TokenService and EventService, and what reads of the other services.
// Not passed on is what carries a client secret (CreateProvider,
// UpdateProvider), makes keys or changes the catalog: that is an operator's,
// and does not belong where an application is.

#ifndef VALETKEY_SIDECAR_METHODS_H_
#define VALETKEY_SIDECAR_METHODS_H_

#include <array>

#include "absl/strings/string_view.h"

namespace valetkey::sidecar {

inline constexpr char kGetToken[] = "/valetkey.v1.TokenService/GetToken";
inline constexpr char kWatchEvents[] = "/valetkey.v1.EventService/WatchEvents";

// As in a request's path; those of one service together.
inline constexpr std::array<const char*, 16> kPassedOn = {
    "/valetkey.v1.TokenService/Authorize",
    "/valetkey.v1.TokenService/Exchange",
    kGetToken,
    "/valetkey.v1.TokenService/Refresh",
    "/valetkey.v1.TokenService/Revoke",
    kWatchEvents,
    "/valetkey.v1.EventService/ListEvents",
    "/valetkey.v1.ConnectionService/GetConnection",
    "/valetkey.v1.ConnectionService/ListConnections",
    "/valetkey.v1.ConnectionService/CountConnections",
    "/valetkey.v1.ConnectionService/UpdateConnection",
    "/valetkey.v1.ConnectionService/DeleteConnection",
    "/valetkey.v1.ProviderService/GetProvider",
    "/valetkey.v1.ProviderService/ListProviders",
    "/valetkey.v1.ProviderService/GetCatalogEntry",
    "/valetkey.v1.ProviderService/ListCatalogEntries",
};

// "valetkey.v1.TokenService".
absl::string_view ServiceOf(absl::string_view method);

// Whether metadata of the caller goes along: what traces and identifies the
// request, never a credential.
bool IsPassedOnMetadata(absl::string_view key);

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_METHODS_H_
