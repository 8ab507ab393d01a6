// Signing in to the portal, and its calls:
//
//   POST   /portal/session  {"api_key": "vk_..."}: 204 and a cookie
//   GET    /portal/session  who is signed in: 200, or 401
//   DELETE /portal/session  204, and the cookie is gone
//   GET    /portal/sign-in  what ways there are to sign in
//
// and RPCs of the Connect protocol by that cookie in place of a key. Whoever
// signs in at an identity provider (oidc_sign_in.h) has the same session.
// Errors are those of the protocol, in JSON. See docs/portal.md.
//
// A live stream is not use: it neither renews the session nor outlasts it, so
// that a portal left open on a page of events is signed out all the same.
//
// Thread-safe.

#ifndef VALETKEY_WEB_PORTAL_SESSION_H_
#define VALETKEY_WEB_PORTAL_SESSION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/sealer.h"
#include "service/broker/types.h"
#include "service/callers/oidc_client.h"
#include "service/net/http/http_server.h"
#include "service/web/failure_limiter.h"
#include "service/web/session_cookie.h"

namespace valetkey::web {

inline constexpr char kSessionPath[] = "/portal/session";
inline constexpr char kSignInPath[] = "/portal/sign-in";

struct PortalSessionOptions {
  std::string public_origin;  // "https://tokens.example.com"
  SessionOptions session;
  FailureLimiterOptions limits;
  // What a person may do now, as callers::OidcClient judges, and the host of
  // the provider, for people. Null and "": API keys alone.
  std::function<absl::StatusOr<callers::JudgedPerson>(absl::string_view person)>
      judge;
  std::string provider_host;
};

class PortalSession {
 public:
  // Whose key "Bearer vk_..." is, as broker::Authenticator tells.
  using Authenticate =
      std::function<Task<absl::StatusOr<std::shared_ptr<const broker::Caller>>>(
          std::string authorization)>;
  // Serves an RPC, made by the caller if that is not null.
  using Rpc =
      std::function<Task<void>(ServerRequest request, ResponseWriter& writer,
                               std::shared_ptr<const broker::Caller> caller)>;

  // The sealer, the clock and what the functions use outlive this object.
  PortalSession(const Sealer& sealer, const Clock& clock,
                Authenticate authenticate, Rpc call,
                PortalSessionOptions options);

  // Answers a request for kSessionPath. This object and the writer outlive the
  // task; so with Call.
  Task<void> Serve(ServerRequest request, ResponseWriter& writer);

  // Serves an RPC, by the session's key or person if the request has a session
  // and no authorization of its own.
  Task<void> Call(ServerRequest request, ResponseWriter& writer);

  // Answers a request for kSignInPath.
  HttpResponse Ways(const ServerRequest& request) const;

  // What other ways to sign in share.
  const SessionCookie& cookie() const { return cookie_; }
  FailureLimiter& limiter() { return limiter_; }

 private:
  Task<HttpResponse> SignIn(ServerRequest& request);
  Task<HttpResponse> Describe(const ServerRequest& request);
  // The person of a session that has one.
  absl::StatusOr<callers::JudgedPerson> Judge(const Session& session) const;
  HttpResponse SignOut(const ServerRequest& request) const;

  const SessionCookie cookie_;
  const Clock& clock_;
  const Authenticate authenticate_;
  const Rpc call_;
  const PortalSessionOptions options_;
  FailureLimiter limiter_;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_PORTAL_SESSION_H_
