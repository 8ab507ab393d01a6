// Signing in to the portal at an identity provider (OpenID Connect):
//
//   GET /portal/oidc/start?return_to=/...  to the provider's page
//   GET /portal/oidc/callback              and back: a session, or a page that
//                                          says why there is none
//
// What a browser brings is shown on that page only if it comes with the state
// of a sign-in that the same browser began here, and as text. See
// docs/portal.md. Thread-safe.

#ifndef VALETKEY_WEB_OIDC_SIGN_IN_H_
#define VALETKEY_WEB_OIDC_SIGN_IN_H_

#include <string>

#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/sealer.h"
#include "service/base/url.h"
#include "service/callers/oidc_client.h"
#include "service/net/http/http_server.h"
#include "service/web/pending_sign_in.h"
#include "service/web/portal_session.h"

namespace valetkey::web {

inline constexpr char kOidcStartPath[] = "/portal/oidc/start";
inline constexpr char kOidcCallbackPath[] = "/portal/oidc/callback";

class OidcSignIn {
 public:
  // All outlive this object. `public_origin` and `secure` as the session's.
  OidcSignIn(callers::OidcClient& client, PortalSession& session,
             const Sealer& sealer, const Clock& clock, Random& random,
             std::string public_origin, bool secure);

  // Answers a request for one of the two paths. This object and the writer
  // outlive the task.
  Task<void> Serve(ServerRequest request, ResponseWriter& writer);

 private:
  Task<HttpResponse> Start(const ServerRequest& request,
                           const RequestContext& context);
  Task<HttpResponse> Callback(const ServerRequest& request,
                              const RequestContext& context);
  // With the pending sign-in that the state belongs to.
  Task<HttpResponse> Conclude(const PendingSignIn& pending,
                              const QueryParameters& parameters,
                              const ServerRequest& request,
                              const RequestContext& context);

  callers::OidcClient& client_;
  PortalSession& session_;
  Random& random_;
  const PendingSignIns pending_;
  const std::string public_origin_;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_OIDC_SIGN_IN_H_
