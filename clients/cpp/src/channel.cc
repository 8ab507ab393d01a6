#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>

#include "src/core.h"

namespace valetkey::client::internal {
namespace {

// How often files are looked at, in seconds.
constexpr unsigned kReloadEvery = 2;

// gRPC reads the files again; a connection keeps what it was made with.
std::shared_ptr<grpc::ChannelCredentials> ReloadedCredentials(
    const Config& config) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          config.private_key_file, config.certificate_file, config.roots_file,
          kReloadEvery));
  if (!config.roots_file.empty()) options.watch_root_certs();
  if (!config.certificate_file.empty()) {
    options.watch_identity_key_cert_pairs();
  }
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Config& config) {
  if (!config.tls) return grpc::InsecureChannelCredentials();
  if (!config.roots_file.empty() || !config.certificate_file.empty()) {
    return ReloadedCredentials(config);
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = config.roots;
  options.pem_cert_chain = config.certificate;
  options.pem_private_key = config.private_key;
  return grpc::SslCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::Channel> NewChannel(const Config& config) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("valetkey-cpp/" VALETKEY_CLIENT_VERSION);
  // After a failure: 0.2 s, times 1.6 up to 5 s, with jitter (factor and
  // jitter are gRPC's own).
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // A watch sends nothing after its request; its pings must go on.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Connections of its own: they end with the client, and its waits are not
  // those of another.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The rules for retries are the library's.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  if (config.local) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  if (config.tls && !config.server_name.empty()) {
    arguments.SetSslTargetNameOverride(config.server_name);
  }
  return grpc::CreateCustomChannel(config.target, Credentials(config),
                                   arguments);
}

}  // namespace valetkey::client::internal
