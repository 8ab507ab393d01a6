// The portal: what it takes to sign in, and its routes.

#include <utility>

#include "service/base/url.h"
#include "service/cmd/valetkeyd/server_parts.h"
#include "service/web/static_files.h"

namespace valetkey {

void Server::Parts::AddPortal(const ServerOptions& options,
                              web::WebHandlers& handlers) {
  const absl::StatusOr<Url> url = ParseUrl(options.public_url);
  web::PortalSessionOptions session;
  if (url.ok()) {
    session.public_origin = url->Origin();
    session.session.secure = url->scheme == "https";
  }
  session.session.idle_timeout = options.portal_idle_timeout;
  portal_session = std::make_unique<web::PortalSession>(
      *sealer, clock(),
      [this](std::string authorization) {
        return WhoseKey(std::move(authorization));
      },
      [this](ServerRequest request, ResponseWriter& writer) {
        return rpc->connect().Serve(std::move(request), writer);
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
}

Task<absl::StatusOr<std::shared_ptr<const broker::Caller>>>
Server::Parts::WhoseKey(std::string authorization) {
  auto known = authenticator->TryAuthenticate(authorization);
  if (known.has_value()) co_return *std::move(known);
  co_return co_await authenticator->Authenticate(std::move(authorization));
}

}  // namespace valetkey
