#include "tests/bench/stack.h"

#include <grpcpp/grpcpp.h>
#include <malloc.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/broker/coherence.h"
#include "service/broker/sealing.h"
#include "service/cache/redis/redis_cache.h"
#include "service/callers/policy_keeper.h"
#include "service/callers/workload_authenticator.h"
#include "service/events/fake_event_stream.h"
#include "service/identity/test_tokens.h"
#include "service/net/http/fake_http_client.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/rpc/rpc_server.h"
#include "service/store/sqlite/sqlite_store.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::bench {
namespace {

constexpr char kApplication[] = "applications/shop";
constexpr char kProvider[] = "applications/shop/providers/pinterest";
constexpr char kScopes[] = "boards:read pins:read";

std::string TokenText(int number, int bytes) {
  std::string text = absl::StrCat("pina_", number, "_");
  while (static_cast<int>(text.size()) < bytes) text += "Kq3Zr9";
  text.resize(bytes);
  return text;
}

std::string NameOf(int number) {
  return absl::StrCat(kApplication, "/connections/c-",
                      absl::Dec(number, absl::kZeroPad16), "abcd");
}

}  // namespace

struct Stack::Parts {
  ReactorPool reactors{2};
  Metrics metrics;
  std::optional<Sealer> sealer;
  std::optional<catalog::Catalog> catalog;
  std::unique_ptr<store::SqliteStore> store;
  FakeHttpClient http;
  std::unique_ptr<redis::RedisClientPool> redis;
  std::unique_ptr<cache::RedisCache> remote;
  std::unique_ptr<cache::MemoryCache> memory;
  std::unique_ptr<events::EventHub> hub;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<broker::Admin> admin;
  std::unique_ptr<broker::Authenticator> authenticator;
  std::unique_ptr<callers::PolicyKeeper> policy;
  std::unique_ptr<callers::WorkloadAuthenticator> workloads;
  std::unique_ptr<rpc::RpcServer> rpc;
  std::string address;
  std::string authorization;
  std::string jwt_authorization;
  std::vector<std::string> names;

  template <class T>
  T Await(Task<T> task) {
    return asio::co_spawn(reactors.At(0).executor(), std::move(task),
                          asio::use_future)
        .get();
  }
  absl::Status AddConnections(int count, int token_bytes);
  absl::Status AddPolicy(const std::string& folder);
};

Stack::Stack(StackOptions options) : options_(std::move(options)) {}

Stack::~Stack() {
  if (!parts_) return;
  if (parts_->rpc) parts_->rpc->Shutdown(absl::Now() + absl::Seconds(5));
  if (parts_->broker) parts_->broker->Shutdown(absl::Seconds(10));
  parts_->rpc.reset();
  parts_->remote.reset();
}

absl::Status Stack::Start() {
  parts_ = std::make_unique<Parts>();
  Parts& p = *parts_;
  VK_ASSIGN_OR_RETURN(Keyring keyring,
                      Keyring::Create(options_.folder + "/keyring",
                                      Random::System(), absl::Now()));
  p.sealer.emplace(std::move(keyring), Random::System());
  VK_ASSIGN_OR_RETURN(p.catalog, catalog::Catalog::Load(""));
  VK_ASSIGN_OR_RETURN(
      p.store, store::NewSqliteStore({.path = options_.folder + "/store.db"}));
  p.memory = std::make_unique<cache::MemoryCache>(
      cache::MemoryCacheOptions{.max_entries = options_.memory_entries});
  p.hub =
      std::make_unique<events::EventHub>(*p.store, events::EventHubOptions{});
  if (!options_.redis_url.empty()) {
    redis::RedisOptions redis_options;
    VK_ASSIGN_OR_RETURN(redis_options.url,
                        redis::ParseRedisUrl(options_.redis_url));
    p.redis =
        std::make_unique<redis::RedisClientPool>(p.reactors, redis_options);
    p.remote = std::make_unique<cache::RedisCache>(*p.redis,
                                                   cache::RedisCacheOptions{});
  }
  broker::BrokerOptions broker_options;
  broker_options.instance = "bench";
  broker_options.public_url = "http://127.0.0.1";
  p.broker = std::make_unique<broker::Broker>(
      broker::BrokerDependencies{.store = *p.store,
                                 .memory = *p.memory,
                                 .remote = p.remote.get(),
                                 .http = p.http,
                                 .catalog = *p.catalog,
                                 .sealer = *p.sealer,
                                 .clock = Clock::System(),
                                 .random = Random::System(),
                                 .reactors = p.reactors,
                                 .metrics = p.metrics},
      broker_options);
  // Nothing changes here that Redis would have to be told of.
  p.broker->TrustRemote(
      true, std::chrono::steady_clock::now() + std::chrono::hours(1));
  p.admin = std::make_unique<broker::Admin>(*p.store, *p.catalog, *p.sealer,
                                            Clock::System(), Random::System(),
                                            broker::AdminHooks{});
  p.authenticator = std::make_unique<broker::Authenticator>(
      *p.store, Clock::System(), broker::AuthenticatorOptions{});
  VK_RETURN_IF_ERROR(
      p.AddConnections(options_.connections, options_.token_bytes));
  VK_RETURN_IF_ERROR(p.AddPolicy(options_.folder));
  rpc::RpcServerOptions rpc_options;
  p.address = absl::StrCat("unix:", options_.folder, "/bench.sock");
  rpc_options.addresses = {p.address};
  p.rpc = std::make_unique<rpc::RpcServer>(
      rpc::RpcServerDependencies{.broker = *p.broker,
                                 .admin = *p.admin,
                                 .authenticator = *p.authenticator,
                                 .store = *p.store,
                                 .hub = *p.hub,
                                 .catalog = *p.catalog,
                                 .clock = Clock::System(),
                                 .metrics = p.metrics,
                                 .reactors = p.reactors,
                                 .workloads = p.workloads.get()},
      rpc_options);
  return p.rpc->Start().status();
}

absl::Status Stack::Parts::AddPolicy(const std::string& folder) {
  const identity::TestSigner signer(identity::KeyType::kRsa);
  std::ofstream(folder + "/jwks.json") << signer.Jwks();
  std::ofstream(folder + "/policy.textproto")
      << "issuers { name: \"cluster\" issuer: \"https://cluster.example\" "
         "audiences: \"valetkey\" jwks_file: \""
      << folder << "/jwks.json\" }\n"
      << "rules { name: \"bench\" jwt { issuer: \"cluster\" subject: \"s:*\" } "
         "grant { application: \""
      << kApplication
      << "\" rights: RIGHT_READ_TOKENS rights: RIGHT_READ_METADATA } }\n";
  policy = std::make_unique<callers::PolicyKeeper>(
      callers::PolicyKeeperOptions{.file = folder + "/policy.textproto"},
      Clock::System(), metrics, reactors.At(0).executor(), nullptr);
  VK_RETURN_IF_ERROR(policy->Open());
  workloads = std::make_unique<callers::WorkloadAuthenticator>(
      *policy, Clock::System(), metrics);
  // As long as a projected service account token is.
  jwt_authorization = absl::StrCat(
      "Bearer ",
      signer.Sign(
          identity::Algorithm::kRs256,
          absl::StrCat(R"({"iss":"https://cluster.example",)",
                       R"("sub":"s:web","aud":["valetkey"],"exp":)",
                       absl::ToUnixSeconds(absl::Now()) + 3600,
                       R"(,"padding":")", std::string(340, 'x'), "\"}")));
  return absl::OkStatus();
}

absl::Status Stack::Parts::AddConnections(int count, int token_bytes) {
  store::RowKeys keys;
  keys.application = kApplication;
  keys.provider = kProvider;
  auto made = Await(store->Update(keys, [this](store::Rows& rows) {
    rows.application =
        store::Application{.name = kApplication, .display_name = "Shop"};
    rows.provider =
        store::Provider{.name = kProvider,
                        .application = kApplication,
                        .catalog_entry = "catalog/pinterest",
                        .client_id = "1234",
                        .client_secret_sealed = sealer->Seal(
                            SecretString("s3cret"),
                            broker::ClientSecretAssociatedData(kProvider))};
    return absl::OkStatus();
  }));
  if (!made.ok()) return made.status();
  VK_ASSIGN_OR_RETURN(
      broker::NewKey key,
      Await(admin->CreateKey(kApplication, "bench",
                             store::kReadTokens | store::kReadMetadata,
                             std::nullopt)));
  authorization = absl::StrCat("Bearer ", key.secret.Reveal());
  const absl::Time now = absl::Now();
  std::vector<std::future<absl::StatusOr<store::Rows>>> writes;
  for (int i = 0; i < count; ++i) {
    store::Connection connection;
    connection.name = NameOf(i);
    connection.application = kApplication;
    connection.provider = kProvider;
    connection.subject = absl::StrCat("user-", i);
    connection.generation = 1;
    connection.scopes = {"boards:read", "pins:read"};
    store::TokenRecord token;
    token.token_type = "bearer";
    token.scopes = connection.scopes;
    token.access_sealed =
        sealer->Seal(SecretString(TokenText(i, token_bytes)),
                     broker::AccessTokenAssociatedData(connection.name, ""));
    token.issue_time = now;
    token.expire_time = now + absl::Hours(720);
    connection.tokens = {token};
    names.push_back(connection.name);
    store::RowKeys one;
    one.connection = connection.name;
    writes.push_back(
        asio::co_spawn(reactors.At(0).executor(),
                       store->Update(one,
                                     [connection](store::Rows& rows) {
                                       rows.connection = connection;
                                       return absl::OkStatus();
                                     }),
                       asio::use_future));
  }
  for (auto& write : writes) {
    const auto written = write.get();
    if (!written.ok()) return written.status();
  }
  return absl::OkStatus();
}

const std::string& Stack::address() const { return parts_->address; }
const std::string& Stack::authorization() const {
  return parts_->authorization;
}
const std::string& Stack::jwt_authorization() const {
  return parts_->jwt_authorization;
}
const std::vector<std::string>& Stack::names() const { return parts_->names; }

absl::Status Stack::Warm() {
  if (parts_->remote) {
    for (int i = 0; i < 200 && !parts_->remote->healthy(); ++i) {
      parts_->Await(valetkey::SleepFor(absl::Milliseconds(20)));
    }
  }
  for (const std::string& name : parts_->names) {
    broker::GetTokenParameters parameters;
    parameters.name = name;
    const auto token = parts_->Await(
        parts_->broker->GetToken(parameters, absl::Now() + absl::Seconds(5)));
    if (!token.ok()) return token.status();
  }
  parts_->Await(valetkey::SleepFor(absl::Milliseconds(200)));
  return absl::OkStatus();
}

double Stack::RemoteHits() const {
  const std::string text = parts_->metrics.Export();
  const std::string name = "valetkey_cache_lookups_total{result=\"hit\"} ";
  const std::size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size()));
}

double Stack::BytesPerCachedConnection(int token_bytes) {
  constexpr int kCount = 50'000;
  const std::size_t before = ::mallinfo2().uordblks;
  cache::MemoryCache memory(cache::MemoryCacheOptions{});
  for (int i = 0; i < kCount; ++i) {
    auto entry = std::make_shared<cache::CachedConnection>();
    entry->provider = kProvider;
    entry->generation = entry->revision = 1;
    entry->tokens.emplace_back();
    cache::CachedToken& token = entry->tokens.back();
    token.access_token = SecretString(TokenText(i, token_bytes));
    token.token_type = "bearer";
    token.scopes = kScopes;
    memory.Put(NameOf(i), std::move(entry));
  }
  return static_cast<double>(::mallinfo2().uordblks - before) / kCount;
}

struct EmptyServer::Parts final : public v1::TokenService::CallbackService {
  grpc::ServerUnaryReactor* GetToken(grpc::CallbackServerContext* context,
                                     const v1::GetTokenRequest*,
                                     v1::GetTokenResponse* response) override {
    *response = fixed;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  v1::GetTokenResponse fixed;
  std::string address;
  std::unique_ptr<grpc::Server> server;
};

EmptyServer::EmptyServer(std::string address, int token_bytes)
    : parts_(std::make_unique<Parts>()) {
  v1::Token& token = *parts_->fixed.mutable_token();
  token.set_access_token(TokenText(1, token_bytes));
  token.set_token_type("bearer");
  token.mutable_expire_time()->set_seconds(1'900'000'000);
  token.mutable_expire_time()->set_nanos(123'456'789);
  token.add_scopes("boards:read");
  token.add_scopes("pins:read");
  token.set_generation(1);
  parts_->address = std::move(address);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(parts_->address, grpc::InsecureServerCredentials());
  builder.RegisterService(parts_.get());
  parts_->server = builder.BuildAndStart();
}

EmptyServer::~EmptyServer() { parts_->server->Shutdown(); }

const std::string& EmptyServer::address() const { return parts_->address; }

}  // namespace valetkey::bench
