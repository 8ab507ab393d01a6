// What a person sees before a provider's consent page: who asks, for what, and
// the choice to go on or not. Plain links, no script. Pure functions.
//
// All text on it was configured by an operator or is of the catalog; none of
// it comes with the request.

#ifndef VALETKEY_WEB_CONNECT_PAGE_H_
#define VALETKEY_WEB_CONNECT_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "service/base/http_message.h"
#include "service/broker/types.h"

namespace valetkey::web {

inline constexpr char kConnectPrefix[] = "/connect/";

// /connect/{state}, or /connect/{state}/cancel.
struct ConnectPath {
  std::string state;  // "" if it is none
  bool cancel = false;
};
ConnectPath ReadConnectPath(absl::string_view path);

// 200, or what CallbackPage says of the offer's status.
HttpResponse ConnectPage(const broker::ConsentOffer& offer,
                         absl::string_view state);

// To where a refusal at the provider would lead. Nothing is used up: a person
// may go back and decide otherwise.
HttpResponse CancelResponse(const broker::ConsentOffer& offer);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_CONNECT_PAGE_H_
