// What may pass an egress door, and in what form. Pure functions.

#ifndef VALETKEY_SIDECAR_EGRESS_RULES_H_
#define VALETKEY_SIDECAR_EGRESS_RULES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/http_message.h"
#include "service/net/http/http_server.h"

namespace valetkey::sidecar {

// Where a door leads: an origin, as the provider's definition has it.
struct EgressTarget {
  std::string origin;     // "https://api.pinterest.com"
  std::string authority;  // "api.pinterest.com"
};

// Of a connection's api_base_url. FIELD_INVALID if it is no URL.
absl::StatusOr<EgressTarget> TargetOf(absl::string_view api_base_url);

struct EgressRefusal {
  int status = 400;
  std::string message;
};

// Why a request may not pass; nullopt if it may:
//
// - it carries a credential of its own (Authorization, Cookie, an access_token
//   in the query and the like), which would go out beside the connection's;
// - it names another host than the door's and the target's, or comes from a web
//   page (Origin, Sec-Fetch-Site): a page in a browser on this machine must not
//   act for the account, by rebinding its host's name or otherwise;
// - its method is one that echoes the header (TRACE) or makes a tunnel
//   (CONNECT).
std::optional<EgressRefusal> Refuse(const ServerRequest& request,
                                    const EgressTarget& target);

// The header as the provider is to have it: without what concerns the
// connection to the door only (RFC 9110 section 7.6.1).
HttpHeaders HeadersToProvider(const HttpHeaders& headers);

// The header as the caller is to have it: the same, without cookies, which it
// could not send back, and with a Location at the target's origin led through
// the door again.
HttpHeaders HeadersToCaller(const HttpHeaders& headers,
                            const EgressTarget& target);

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_EGRESS_RULES_H_
