#include "service/rpc/rpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/listen_address.h"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/rpc/application_service.h"
#include "service/rpc/connection_service.h"
#include "service/rpc/event_service.h"
#include "service/rpc/grpc_adaptor.h"
#include "service/rpc/health_service.h"
#include "service/rpc/provider_service.h"
#include "service/rpc/status_service.h"
#include "service/rpc/token_service.h"

namespace valetkey::rpc {
namespace {

// Protobuf complains of bytes that are no message on standard error, line by
// line, whoever sent them; the call's own error says the same.
void LogProtobuf(google::protobuf::LogLevel, const char*, int,
                 const std::string& message) {
  Log(LogLevel::kDebug, "protobuf", {{"complaint", message}});
}

// gRPC's own complaints (of handshakes that fail, say) as entries of our log.
// They are of connections that never became calls; strangers cause them.
void LogGrpc(gpr_log_func_args* args) {
  const LogLevel level = args->severity == GPR_LOG_SEVERITY_ERROR
                             ? LogLevel::kInfo
                             : LogLevel::kDebug;
  if (!LogEnabled(level)) return;
  Log(level, "grpc", {{"complaint", args->message}});
}

absl::Status CheckReadable(absl::string_view flag, const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return InvalidField(flag,
                      absl::StrCat("a file that can be read, not ", path));
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(
    const RpcTlsOptions& options) {
  VK_RETURN_IF_ERROR(
      CheckReadable("tls certificate", options.certificate_file));
  VK_RETURN_IF_ERROR(CheckReadable("tls key", options.key_file));
  const bool clients = !options.client_ca_file.empty();
  if (clients) {
    VK_RETURN_IF_ERROR(CheckReadable("tls client ca", options.client_ca_file));
  }
  const auto interval = static_cast<unsigned>(
      std::max<std::int64_t>(1, absl::ToInt64Seconds(options.poll_interval)));
  grpc::experimental::TlsServerCredentialsOptions credentials(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.key_file, options.certificate_file, options.client_ca_file,
          interval));
  credentials.watch_identity_key_cert_pairs();
  if (clients) {
    credentials.watch_root_certs();
    credentials.set_cert_request_type(
        options.client_required
            ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
            : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  } else {
    credentials.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  }
  return grpc::experimental::TlsServerCredentials(credentials);
}

}  // namespace

struct RpcServer::Impl {
  Impl(RpcServerDependencies dependencies, RpcServerOptions options_in)
      : options(std::move(options_in)),
        tokens(dependencies.broker),
        connections(dependencies.admin, dependencies.store, dependencies.hub),
        keeper(dependencies.store, dependencies.catalog),
        providers(dependencies.admin, keeper,
                  dependencies.broker.DefaultRedirectUri()),
        applications(dependencies.admin),
        events(dependencies.admin, dependencies.store, dependencies.hub,
               dependencies.clock, options.watch),
        status(dependencies.store, dependencies.clock, options.instance),
        frontend(Fill(), dependencies.authenticator, dependencies.workloads,
                 dependencies.metrics),
        connect(frontend, {options.max_deadline, options.max_message}),
        adaptor(frontend, dependencies.reactors, scope,
                {options.max_deadline}) {}

  const MethodTable& Fill() {
    tokens.Register(methods);
    events.Register(methods);
    connections.Register(methods);
    providers.Register(methods);
    applications.Register(methods);
    status.Register(methods);
    health.Register(methods);
    return methods;
  }

  const RpcServerOptions options;
  TokenService tokens;
  ConnectionService connections;
  broker::CatalogKeeper keeper;
  ProviderService providers;
  ApplicationService applications;
  EventService events;
  StatusService status;
  HealthService health;
  MethodTable methods;
  Frontend frontend;
  ConnectHandler connect;
  TaskScope scope;
  GrpcAdaptor adaptor;
  std::unique_ptr<grpc::Server> server;
  bool shut_down = false;
};

RpcServer::RpcServer(RpcServerDependencies dependencies,
                     RpcServerOptions options)
    : impl_(std::make_unique<Impl>(dependencies, std::move(options))) {}

RpcServer::~RpcServer() {
  Shutdown(absl::Now());
  // Handlers are bounded by their calls' deadlines.
  while (!impl_->scope.Join(absl::Seconds(10))) {
  }
}

absl::StatusOr<std::vector<int>> RpcServer::Start() {
  const RpcServerOptions& options = impl_->options;
  const bool tls = !options.tls.certificate_file.empty();
  // Both have effect on the whole process.
  google::protobuf::SetLogHandler(&LogProtobuf);
  gpr_set_log_function(&LogGrpc);
  if (options.addresses.empty()) {
    return InvalidField("listen addresses", "at least one");
  }
  std::shared_ptr<grpc::ServerCredentials> plain =
      grpc::InsecureServerCredentials();
  std::shared_ptr<grpc::ServerCredentials> secure;
  if (tls) {
    VK_ASSIGN_OR_RETURN(secure, TlsCredentials(options.tls));
  }
  if (options.reflection) {
    // Has effect on servers built from now on, all over the process.
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  }
  grpc::ServerBuilder builder;
  std::vector<int> ports(options.addresses.size(), 0);
  for (std::size_t i = 0; i < options.addresses.size(); ++i) {
    const std::string& address = options.addresses[i];
    VK_RETURN_IF_ERROR(CheckPlaintext(address, tls, options.allow_plaintext));
    VK_ASSIGN_OR_RETURN(const ListenAddress parsed,
                        ParseListenAddress(address));
    if (parsed.is_unix) {
      VK_RETURN_IF_ERROR(ClearSocketPath(parsed.path));
      builder.AddListeningPort(absl::StrCat("unix:", parsed.path), plain,
                               &ports[i]);
    } else {
      builder.AddListeningPort(address, tls ? secure : plain, &ports[i]);
    }
  }
  impl_->adaptor.Register(builder);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(options.max_metadata));
  // A second server on the same port would take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Finds peers that went without a word; watchers may ping while idle.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // Only reflection uses the synchronous API.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr) {
    return InvalidField(
        "listen addresses",
        "addresses that are free and may be bound (gRPC's log says more)");
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const absl::StatusOr<ListenAddress> parsed =
        ParseListenAddress(options.addresses[i]);
    if (!parsed->is_unix) continue;
    ports[i] = 0;  // gRPC reports 1
    // For the owner and its group, as the HTTP server's; API keys decide
    // beyond that.
    chmod(parsed->path.c_str(), 0660);
  }
  return ports;
}

void RpcServer::SetServing(bool serving) { impl_->health.SetServing(serving); }

ConnectHandler& RpcServer::connect() { return impl_->connect; }

bool RpcServer::Shutdown(absl::Time deadline) {
  if (impl_->shut_down) return impl_->scope.running() == 0;
  impl_->shut_down = true;
  impl_->health.SetServing(false);
  impl_->frontend.StopStreams();
  if (impl_->server != nullptr) {
    impl_->server->Shutdown(absl::ToChronoTime(deadline));
  }
  impl_->scope.Close();
  return impl_->scope.Join(
      std::max(deadline - absl::Now(), absl::Milliseconds(100)));
}

int RpcServer::in_flight() const { return impl_->frontend.in_flight(); }

}  // namespace valetkey::rpc
