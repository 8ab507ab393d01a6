// The portal: what it takes to sign in, and its routes.

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/cmd/valetkeyd/server_parts.h"
#include "service/web/static_files.h"

namespace valetkey {
namespace {

// How browsers find the portal; "" if --public_url is none.
std::string OriginOf(const ServerOptions& options) {
  const absl::StatusOr<Url> url = ParseUrl(options.public_url);
  return url.ok() ? url->Origin() : std::string();
}

bool IsSecure(const ServerOptions& options) {
  const absl::StatusOr<Url> url = ParseUrl(options.public_url);
  return !url.ok() || url->scheme == "https";
}

std::string HostOf(const std::string& issuer) {
  const absl::StatusOr<Url> url = ParseUrl(issuer);
  return url.ok() ? url->host : std::string();
}

Task<void> Reply(ResponseWriter& writer, HttpResponse response) {
  (co_await writer.Send(std::move(response))).IgnoreError();
}

}  // namespace

absl::Status Server::Parts::OpenOidc(const ServerOptions& options) {
  const PortalOidcOptions& given = options.portal_oidc;
  if (given.issuer.empty()) return absl::OkStatus();
  callers::OidcOptions oidc_options;
  oidc_options.party = {
      .issuer = given.issuer,
      .client_id = given.client_id,
      .redirect_uri = absl::StrCat(OriginOf(options), web::kOidcCallbackPath),
      .scopes = given.scopes};
  oidc_options.client_secret_file = given.client_secret_file;
  oidc = std::make_unique<callers::OidcClient>(*policy, clock(),
                                               std::move(oidc_options));
  if (const absl::Status status = oidc->CheckPolicy(); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--portal_oidc_issuer: ", status.message()));
  }
  if (const absl::Status status = oidc->CheckSecret(); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--portal_oidc_client_secret_file: ", status.message()));
  }
  return absl::OkStatus();
}

void Server::Parts::AddPortal(const ServerOptions& options,
                              web::WebHandlers& handlers) {
  web::PortalSessionOptions session;
  session.public_origin = OriginOf(options);
  session.session.secure = IsSecure(options);
  if (oidc != nullptr) {
    session.provider_host = HostOf(options.portal_oidc.issuer);
    session.judge = [this](absl::string_view person) {
      return oidc->Judge(person);
    };
  }
  session.session.idle_timeout = options.portal_idle_timeout;
  portal_session = std::make_unique<web::PortalSession>(
      *sealer, clock(),
      [this](std::string authorization) {
        return WhoseKey(std::move(authorization));
      },
      [this](ServerRequest request, ResponseWriter& writer,
             std::shared_ptr<const broker::Caller> caller) {
        return rpc->connect().Serve(std::move(request), writer,
                                    std::move(caller));
      },
      std::move(session));
  const auto files =
      std::make_shared<const web::StaticFiles>(web::BuiltPortal());
  if (files->complete()) {
    handlers.portal = [files](const ServerRequest& request) {
      return files->Serve(request);
    };
  } else {
    handlers.portal_missing = true;
  }
  // Where calls need a client certificate, so does this, which tells whether a
  // key is good.
  const bool demand = options.tls_client_required;
  http->Handle(web::kSessionPath,
               [this, demand](ServerRequest request, ResponseWriter& writer) {
                 return demand && request.client_certificate == nullptr
                            ? RefuseStranger(writer)
                            : portal_session->Serve(std::move(request), writer);
               });
  http->Handle(web::kSignInPath,
               [this](ServerRequest request, ResponseWriter& writer) {
                 return Reply(writer, portal_session->Ways(request));
               });
  if (oidc == nullptr) return;
  oidc_sign_in = std::make_unique<web::OidcSignIn>(
      *oidc, *portal_session, *sealer, clock(), Random::System(),
      OriginOf(options), IsSecure(options));
  for (const char* path : {web::kOidcStartPath, web::kOidcCallbackPath}) {
    http->Handle(path,
                 [this, demand](ServerRequest request, ResponseWriter& writer) {
                   return demand && request.client_certificate == nullptr
                              ? RefuseStranger(writer)
                              : oidc_sign_in->Serve(std::move(request), writer);
                 });
  }
}

Task<absl::StatusOr<std::shared_ptr<const broker::Caller>>>
Server::Parts::WhoseKey(std::string authorization) {
  auto known = authenticator->TryAuthenticate(authorization);
  if (known.has_value()) co_return *std::move(known);
  co_return co_await authenticator->Authenticate(std::move(authorization));
}

}  // namespace valetkey
