// What a person sees where signing in at an identity provider did not end in a
// session. Pure functions; everything that is not ours is shown as text.

#ifndef VALETKEY_WEB_OIDC_PAGES_H_
#define VALETKEY_WEB_OIDC_PAGES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/http_message.h"
#include "service/identity/person.h"

namespace valetkey::web {

// What all of them have: where the portal is, and what to tell an operator.
struct OidcPageContext {
  std::string portal;  // the portal's first page, as browsers reach it
  std::string request_id;
};

// 400: the request is no answer to a sign-in that this browser has begun.
HttpResponse OidcNotPendingPage(const OidcPageContext& context);

// 429, with Retry-After.
HttpResponse OidcSlowDownPage(const OidcPageContext& context,
                              absl::Duration wait);

// 403: the provider's own `error` and `error_description`.
HttpResponse OidcRefusedPage(const OidcPageContext& context,
                             absl::string_view error,
                             absl::string_view description);

// Why there is no session, by its Reason: 400, 403, 500, 502 or 503. The person
// is named where it is known who they are.
HttpResponse OidcFailedPage(const OidcPageContext& context,
                            const absl::Status& status,
                            const identity::Person& person);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_OIDC_PAGES_H_
