// What listens: the gRPC ports, the HTTP port and its routes.

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/listen_address.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/cmd/valetkeyd/server_parts.h"

namespace valetkey {
namespace {

void AddOriginHeaders(const ServerOptions& options, HttpHeaders& headers) {
  const absl::StatusOr<Url> url = ParseUrl(options.public_url);
  // Browsers remember this for the host and all of its ports: on loopback it
  // would break whatever else is there.
  if (url.ok() && url->scheme == "https" && !url->IsLoopback()) {
    headers.Add("Strict-Transport-Security", "max-age=31536000");
  }
}

}  // namespace

absl::Status Server::Parts::Listen(const ServerOptions& options) {
  const bool tls = !options.tls_certificate.empty();
  rpc::RpcServerOptions rpc_options;
  rpc_options.addresses = options.listen;
  rpc_options.instance = instance;
  rpc_options.tls.certificate_file = options.tls_certificate;
  rpc_options.tls.key_file = options.tls_key;
  rpc_options.tls.client_ca_file = options.tls_client_ca;
  rpc_options.tls.client_required = options.tls_client_required;
  rpc_options.allow_plaintext = options.insecure_plaintext;
  rpc = std::make_unique<rpc::RpcServer>(
      rpc::RpcServerDependencies{.broker = *broker,
                                 .admin = *admin,
                                 .authenticator = *authenticator,
                                 .store = *store,
                                 .hub = *hub,
                                 .catalog = *catalog,
                                 .clock = clock(),
                                 .metrics = metrics,
                                 .reactors = reactors,
                                 .workloads = workloads.get()},
      rpc_options);

  if (!options.http_listen.empty()) {
    VK_RETURN_IF_ERROR(
        CheckPlaintext(options.http_listen, tls, options.insecure_plaintext));
    VK_ASSIGN_OR_RETURN(const ListenAddress address,
                        ParseListenAddress(options.http_listen));
    HttpServerOptions http_options;
    http_options.address = address.is_unix ? "" : address.host;
    http_options.port = static_cast<std::uint16_t>(address.port);
    http_options.unix_path = address.path;
    http_options.tls.certificate_file = options.tls_certificate;
    http_options.tls.key_file = options.tls_key;
    http_options.tls.client_ca_file = options.tls_client_ca;
    // A browser that comes back from a provider has no client certificate.
    http_options.tls.client_certificates = options.tls_client_ca.empty()
                                               ? ClientCertificates::kIgnored
                                               : ClientCertificates::kOptional;
    http_options.error_page = &web::WebErrorPage;
    AddOriginHeaders(options, http_options.headers);
    http = std::make_unique<HttpServer>(reactors, http_options);
    AddRoutes(options);
    VK_RETURN_IF_ERROR(http->Start());
    http_address = address.is_unix
                       ? options.http_listen
                       : absl::StrCat(address.host, ":", http->port());
  }
  VK_ASSIGN_OR_RETURN(const std::vector<int> ports, rpc->Start());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    VK_ASSIGN_OR_RETURN(const ListenAddress address,
                        ParseListenAddress(options.listen[i]));
    grpc_addresses.push_back(address.is_unix
                                 ? options.listen[i]
                                 : absl::StrCat(address.host, ":", ports[i]));
  }
  return absl::OkStatus();
}

void Server::Parts::AddRoutes(const ServerOptions& options) {
  web::WebHandlers handlers;
  handlers.callback = [this](QueryParameters parameters) {
    return FinishCallback(std::move(parameters));
  };
  handlers.connect = [this](std::string state) {
    return broker->DescribeConsent(std::move(state));
  };
  handlers.health = [] { return absl::OkStatus(); };
  handlers.ready = [this] { return CheckReady(); };
  handlers.metrics = [this] { return metrics.Export(); };
  handlers.version = VALETKEY_VERSION;
  if (options.portal) AddPortal(options, handlers);
  web::AddWebRoutes(*http, std::move(handlers));
  const bool demand = options.tls_client_required;
  http->HandlePrefix("/valetkey.v1.", [this, demand](ServerRequest request,
                                                     ResponseWriter& writer) {
    return demand && request.client_certificate == nullptr
               ? RefuseStranger(writer)
               : Serve(std::move(request), writer);
  });
}

// The port asks for a client certificate without insisting, for the sake of
// browsers; calls are made by workloads, which must have one.
Task<void> Server::Parts::RefuseStranger(ResponseWriter& writer) {
  HttpResponse response;
  response.status = 401;
  response.headers.Add("Content-Type", "application/json");
  response.body =
      "{\"code\":\"unauthenticated\",\"message\":"
      "\"a client certificate is required\"}";
  (void)co_await writer.Send(std::move(response));
}

Task<void> Server::Parts::Serve(ServerRequest request, ResponseWriter& writer) {
  if (portal_session) {
    co_await portal_session->Call(std::move(request), writer);
  } else {
    co_await rpc->connect().Serve(std::move(request), writer);
  }
}

Task<web::CallbackOutcome> Server::Parts::FinishCallback(
    QueryParameters parameters) {
  const oauth::Callback callback = oauth::ReadCallback(nullptr, parameters);
  broker::CallbackResult result =
      co_await broker->FinishCallback(callback, std::move(parameters));
  web::CallbackOutcome outcome;
  outcome.status = std::move(result.status);
  outcome.connection = std::move(result.result.connection);
  outcome.scopes_missing = !result.result.missing_scopes.empty();
  outcome.return_uri = std::move(result.return_uri);
  outcome.application_name = std::move(result.application_display_name);
  outcome.provider_name = std::move(result.provider_display_name);
  co_return outcome;
}

Task<absl::Status> Server::Parts::CheckReady() {
  if (!serving) co_return absl::UnavailableError("starting or stopping");
  if (!broker->ready()) {
    co_return absl::UnavailableError(
        "tokens from a provider wait for the store");
  }
  co_return co_await store->CheckWritable();
}

}  // namespace valetkey
