#include "service/sidecar/socket_server.h"

#include <google/protobuf/arena.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/listen_address.h"
#include "service/base/status.h"
#include "service/sidecar/methods.h"
#include "service/sidecar/relay.h"

namespace valetkey::sidecar {
namespace {

using grpc::ByteBuffer;

bool Parse(const ByteBuffer& bytes, v1::GetTokenRequest* request) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() &&
      !bytes.DumpToSingleSlice(&slice).ok()) {
    return false;
  }
  return request->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

// What serves GetToken.
class Tokens {
 public:
  Tokens(client::Client& client, TokenCache& cache, Metrics& metrics)
      : client_(client),
        cache_(cache),
        from_memory_(Served(metrics, "memory")),
        from_server_(Served(metrics, "server")) {}

  grpc::ServerUnaryReactor* GetToken(grpc::CallbackServerContext& context,
                                     const ByteBuffer& in, ByteBuffer* out) {
    alignas(8) char block[1024];
    google::protobuf::ArenaOptions arena_options;
    arena_options.initial_block = block;
    arena_options.initial_block_size = sizeof(block);
    google::protobuf::Arena arena(arena_options);
    auto* const request =
        google::protobuf::Arena::CreateMessage<v1::GetTokenRequest>(&arena);
    // What cannot be parsed the server refuses, in its own words.
    const bool parsed = Parse(in, request);
    if (parsed) {
      if (const auto answer = cache_.TryAnswer(*request)) {
        from_memory_.Add();
        *out = ByteBuffer(&*answer, 1);
        grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
      }
    }
    from_server_.Add();
    Ended ended = [](const grpc::Status& status, ByteBuffer*) {
      return status;
    };
    if (parsed) {
      ended = [this, asked = v1::GetTokenRequest(*request)](
                  const grpc::Status& status, ByteBuffer* response) {
        return End(asked, status, response);
      };
    }
    return PassOn(client_, kGetToken, context, in, out, std::move(ended));
  }

 private:
  grpc::Status End(const v1::GetTokenRequest& request,
                   const grpc::Status& status, ByteBuffer* response) {
    if (status.ok()) cache_.Noticed(request);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return status;
    const auto answer = cache_.TryAnswer(request, /*server_away=*/true);
    if (!answer) return status;
    *response = ByteBuffer(&*answer, 1);
    return grpc::Status::OK;
  }

  static Counter& Served(Metrics& metrics, const char* from) {
    return metrics.GetCounter("valetkey_sidecar_get_token_total",
                              "Calls of GetToken, by who answered",
                              {{"from", from}});
  }

  client::Client& client_;
  TokenCache& cache_;
  Counter& from_memory_;
  Counter& from_server_;
};

// The methods of one service.
class Service final : public grpc::Service {
 public:
  Service(absl::string_view name, Tokens& tokens, Relay& relay) {
    using grpc::internal::RpcMethod;
    using grpc::internal::RpcServiceMethod;
    int count = 0;
    for (const char* const method : kPassedOn) {
      if (ServiceOf(method) != name) continue;
      if (absl::string_view(method) == kGetToken) {
        AddMethod(new RpcServiceMethod(method, RpcMethod::NORMAL_RPC, nullptr));
        MarkMethodRawCallback(
            count++,
            new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
                [&tokens](grpc::CallbackServerContext* context,
                          const ByteBuffer* in, ByteBuffer* out) {
                  return tokens.GetToken(*context, *in, out);
                }));
        continue;
      }
      // On the wire a call with one message each way is a stream like others.
      AddMethod(
          new RpcServiceMethod(method, RpcMethod::BIDI_STREAMING, nullptr));
      MarkMethodRawCallback(
          count++,
          new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
              [&relay, method](grpc::CallbackServerContext* context) {
                return relay.Start(method, *context);
              }));
    }
  }
};

// Says of every other method why it is not there.
class Refusals final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    class Refused final : public grpc::ServerGenericBidiReactor {
     public:
      explicit Refused(const std::string& method) {
        Finish({grpc::StatusCode::UNIMPLEMENTED,
                absl::StrCat("a sidecar does not serve ", method)});
      }
      void OnDone() override { delete this; }
    };
    return new Refused(context->method());
  }
};

// Gives the socket's file to those who may call. gRPC has made it for the
// owner alone, as the umask said.
absl::Status SetAccess(const std::string& path,
                       const SocketServerOptions& options) {
  if (options.socket_group &&
      chown(path.c_str(), static_cast<uid_t>(-1), *options.socket_group) != 0) {
    return InvalidField("socket_group",
                        absl::StrCat("a group that this process may give ",
                                     path, " to: ", std::strerror(errno)));
  }
  if (chmod(path.c_str(), options.socket_mode) != 0) {
    return InvalidField("socket_mode",
                        absl::StrCat("a mode that this process may give ", path,
                                     ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

struct SocketServer::Impl {
  Impl(client::Client& client, TokenCache& cache, Metrics& metrics,
       SocketServerOptions given)
      : options(std::move(given)),
        tokens(client, cache, metrics),
        relay(client, metrics, [&cache] { cache.WatchBegan(); }) {
    for (const char* const method : kPassedOn) {
      const absl::string_view name = ServiceOf(method);
      if (!services.empty() && name == last) continue;
      services.push_back(std::make_unique<Service>(name, tokens, relay));
      last = name;
    }
  }

  const SocketServerOptions options;
  Tokens tokens;
  Relay relay;
  std::vector<std::unique_ptr<Service>> services;
  absl::string_view last;  // of these
  Refusals refusals;
  std::unique_ptr<grpc::Server> server;
};

SocketServer::SocketServer(client::Client& client, TokenCache& cache,
                           Metrics& metrics, SocketServerOptions options)
    : impl_(
          std::make_unique<Impl>(client, cache, metrics, std::move(options))) {}

SocketServer::~SocketServer() { Shutdown(absl::Now()); }

absl::StatusOr<std::vector<int>> SocketServer::Start() {
  const SocketServerOptions& options = impl_->options;
  if (options.addresses.empty()) {
    return InvalidField("listen", "at least one address");
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  std::vector<ListenAddress> parsed;
  std::vector<int> ports(options.addresses.size(), 0);
  for (std::size_t i = 0; i < options.addresses.size(); ++i) {
    const std::string& text = options.addresses[i];
    VK_ASSIGN_OR_RETURN(ListenAddress address, ParseListenAddress(text));
    if (!IsLocal(address)) {
      return InvalidField(
          absl::StrCat("listen address \"", text, "\""),
          "a Unix socket or a loopback address: whoever reaches a sidecar has "
          "its rights");
    }
    if (address.is_unix) VK_RETURN_IF_ERROR(ClearSocketPath(address.path));
    builder.AddListeningPort(
        address.is_unix ? absl::StrCat("unix:", address.path) : text,
        grpc::InsecureServerCredentials(), &ports[i]);
    parsed.push_back(std::move(address));
  }
  for (const auto& service : impl_->services) {
    builder.RegisterService(service.get());
  }
  builder.RegisterCallbackGenericService(&impl_->refusals);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Only reflection uses the synchronous API.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  const mode_t mask = umask(0177);
  impl_->server = builder.BuildAndStart();
  umask(mask);
  if (impl_->server == nullptr) {
    return InvalidField("listen",
                        "addresses that are free and may be bound (gRPC's log "
                        "says more)");
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!parsed[i].is_unix) continue;
    ports[i] = 0;  // gRPC reports 1
    VK_RETURN_IF_ERROR(SetAccess(parsed[i].path, options));
  }
  return ports;
}

void SocketServer::Shutdown(absl::Time deadline) {
  if (impl_->server == nullptr) return;
  impl_->server->GetHealthCheckService()->Shutdown();
  impl_->relay.EndWatches();
  impl_->server->Shutdown(absl::ToChronoTime(deadline));
  impl_->server.reset();
}

}  // namespace valetkey::sidecar
