#include "service/cmd/valetkeyd/server.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/cmd/valetkeyd/data_dir.h"
#include "service/cmd/valetkeyd/server_parts.h"
#include "service/net/redis/redis_url.h"
#include "service/net/sql/postgres_url.h"
#include "service/store/postgres/postgres_store.h"
#include "service/store/sqlite/sqlite_store.h"

namespace valetkey {
namespace {

// Runs a task on a reactor and waits for it, from a thread that is none.
template <class T>
T Await(ReactorPool& reactors, Task<T> task) {
  return asio::co_spawn(reactors.At(0).executor(), std::move(task),
                        asio::use_future)
      .get();
}

}  // namespace

Server::Server(ServerOptions options) : options_(std::move(options)) {}

Server::~Server() { Stop(); }

absl::Status Server::Start() {
  parts_ = std::make_unique<Parts>(options_.reactors);
  absl::Status status = parts_->Open(options_);
  if (status.ok()) status = parts_->Listen(options_);
  if (!status.ok()) {
    Stop();
    return status;
  }
  parts_->broker->Start();
  parts_->rpc->SetServing(true);
  parts_->serving = true;
  if (!options_.ready_file.empty()) {
    status = WritePrivateFile(
        options_.ready_file,
        absl::StrCat("{\"grpc\": \"", parts_->grpc_addresses.front(),
                     "\", \"http\": \"", parts_->http_address, "\"}\n"));
    if (!status.ok()) {
      Stop();
      return status;
    }
  }
  Log(LogLevel::kInfo, "serving",
      {{"version", VALETKEY_VERSION},
       {"grpc", absl::StrJoin(parts_->grpc_addresses, ",")},
       {"http", parts_->http_address},
       {"store", parts_->store_name},
       {"redis", parts_->redis != nullptr}});
  return absl::OkStatus();
}

absl::Status Server::Parts::Open(const ServerOptions& options) {
  const absl::Status folder = MakePrivateFolder(options.data_dir);
  if (!folder.ok()) {
    return absl::UnavailableError(
        absl::StrCat("--data_dir: ", folder.message()));
  }
  VK_RETURN_IF_ERROR(OpenStore(options));
  auto loaded = catalog::Catalog::Load(options.catalog_dir);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--catalog_dir: ", loaded.status().message()));
  }
  catalog = *std::move(loaded);
  keeper = std::make_unique<broker::CatalogKeeper>(*store, *catalog);
  VK_RETURN_IF_ERROR(Await(reactors, keeper->Load()));
  VK_ASSIGN_OR_RETURN(http_client, NewCurlHttpClient(reactors, options.curl));
  memory = std::make_unique<cache::MemoryCache>(
      cache::MemoryCacheOptions{.max_entries = options.memory_entries});
  hub = std::make_unique<events::EventHub>(
      *store, events::EventHubOptions{.told_of_all = shared});
  VK_RETURN_IF_ERROR(OpenRedis(options));

  broker::BrokerOptions broker_options;
  broker_options.instance = instance;
  broker_options.public_url = options.public_url;
  broker_options.authorization_lifetime = options.authorization_lifetime;
  broker_options.http_timeout = options.http_timeout;
  broker_options.lease = options.http_timeout + absl::Seconds(40);
  broker_options.idle_after = options.idle_after;
  broker_options.expiring_notice = options.expiring_notice;
  broker_options.event_retention = options.event_retention;
  broker_options.max_parallel_per_client = options.max_parallel_per_client;
  broker_options.coherence_bound = options.coherence_bound;
  broker_options.browser_uri =
      [overrides = options.curl.origin_overrides](const std::string& uri) {
        return ApplyOriginOverrides(overrides, uri);
      };
  broker = std::make_unique<broker::Broker>(
      broker::BrokerDependencies{.store = *store,
                                 .memory = *memory,
                                 .remote = remote.get(),
                                 .http = *http_client,
                                 .catalog = *catalog,
                                 .sealer = *sealer,
                                 .clock = clock(),
                                 .random = Random::System(),
                                 .reactors = reactors,
                                 .metrics = metrics},
      broker_options);
  authenticator = std::make_unique<broker::Authenticator>(
      *store, clock(), broker::AuthenticatorOptions{});
  VK_RETURN_IF_ERROR(OpenPolicy(options));
  VK_RETURN_IF_ERROR(OpenOidc(options));
  broker::AdminHooks hooks;
  hooks.provider_changed = [this](const std::string& name) {
    broker->InvalidateProvider(name);
  };
  hooks.connection_deleted = [this](const std::string& name) {
    broker->Invalidate(name, 0);
  };
  hooks.key_revoked = [this](const std::string& digest) {
    authenticator->Forget(digest);
  };
  admin = std::make_unique<broker::Admin>(*store, *catalog, *sealer, clock(),
                                          Random::System(), std::move(hooks));
  if (shared) MakeFollower();
  if (stream) {
    coherence = std::make_unique<broker::Coherence>(
        *stream, *remote, *store,
        [this](bool trust, broker::Coherence::Time found) {
          broker->TrustRemote(trust, found);
        });
    // What a replica that died has left is published soon by another.
    events::PublisherOptions publisher_options;
    if (shared) publisher_options.poll_interval = absl::Milliseconds(500);
    publisher = std::make_unique<events::Publisher>(*store, *coherence,
                                                    publisher_options);
    remote->SetListener([this](const cache::Invalidation& invalidation) {
      OnInvalidation(invalidation);
    });
  }
  store->SetCommitListener(
      [this](const std::vector<store::Event>& events) { OnCommitted(events); });
  VK_RETURN_IF_ERROR(Bootstrap(options));
  if (publisher) {
    loops.Spawn(reactors.At(0).executor(), "publish events", publisher->Run());
    loops.Spawn(reactors.At(0).executor(), "watch the shared cache",
                coherence->Run());
  }
  if (follower) {
    loops.Spawn(reactors.At(0).executor(), "follow events", follower->Run());
  }
  if (policy) {
    loops.Spawn(policy->home(), "keep the caller policy", policy->Run());
  }
  loops.Spawn(reactors.At(0).executor(), "note keys' use", FlushKeys());
  loops.Spawn(reactors.At(0).executor(), "tell the status", TellStatus());
  AddMetrics();
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenStore(const ServerOptions& options) {
  const std::string keyring_file = options.keyring.empty()
                                       ? JoinPath(options.data_dir, "keyring")
                                       : options.keyring;
  shared = !options.store_url.empty();
  if (shared) {
    // A keyring of one replica's own would make tokens that no other can read.
    VK_ASSIGN_OR_RETURN(Keyring keyring, Keyring::Load(keyring_file));
    sealer.emplace(std::move(keyring), Random::System());
    store::PostgresStoreOptions store_options;
    store_options.url = options.store_url;
    store_options.reactors = &reactors;
    store_options.connections = options.store_connections;
    store_options.on_time = [this](SyncedClock::Steady::time_point sent,
                                   SyncedClock::Steady::time_point received,
                                   absl::Time told) {
      store_clock.Observe(sent, received, told);
    };
    VK_ASSIGN_OR_RETURN(store,
                        store::NewPostgresStore(std::move(store_options)));
    VK_ASSIGN_OR_RETURN(const sql::PostgresUrl url,
                        sql::ParsePostgresUrl(options.store_url));
    store_name = url.Endpoint();
    return absl::OkStatus();
  }
  const std::string store_file = JoinPath(options.data_dir, "store.db");
  // The keyring first: a store without one cannot be told from one whose
  // keyring was lost.
  VK_ASSIGN_OR_RETURN(Keyring keyring, OpenKeyring(keyring_file, store_file));
  VK_ASSIGN_OR_RETURN(store, store::NewSqliteStore({.path = store_file}));
  sealer.emplace(std::move(keyring), Random::System());
  store_name = options.data_dir;
  return absl::OkStatus();
}

void Server::Parts::MakeFollower() {
  events::FollowerListener listener;
  listener.on_events = [this](const std::vector<store::Event>& events) {
    broker->Committed(events);
    hub->Committed(events);
  };
  listener.on_caught_up = [this](std::chrono::steady_clock::time_point time) {
    broker->ConfirmMemory(time);
  };
  listener.on_missed = [this] { broker->Invalidate("", 0); };
  follower = std::make_unique<events::Follower>(*store, std::move(listener),
                                                events::FollowerOptions{});
}

absl::Status Server::Parts::OpenRedis(const ServerOptions& options) {
  if (options.redis_url.empty()) return absl::OkStatus();
  auto url = redis::ParseRedisUrl(options.redis_url);
  if (!url.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--redis_url: ", url.status().message()));
  }
  redis::RedisOptions redis_options;
  redis_options.url = *std::move(url);
  redis = std::make_unique<redis::RedisClientPool>(reactors, redis_options);
  remote = std::make_unique<cache::RedisCache>(
      *redis, cache::RedisCacheOptions{.prefix = options.redis_prefix});
  stream = std::make_unique<events::RedisEventStream>(
      *redis, events::RedisEventStreamOptions{.prefix = options.redis_prefix});
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenPolicy(const ServerOptions& options) {
  if (options.caller_policy.empty()) return absl::OkStatus();
  // Only an operator writes the policy's URLs, and a cluster's own API server
  // has a private address.
  const auto make_client = [this](const std::string& ca_file) {
    return NewCurlHttpClient(
        reactors, {.ca_file = ca_file, .allow_private_addresses = true});
  };
  policy = std::make_unique<callers::PolicyKeeper>(
      callers::PolicyKeeperOptions{
          .file = options.caller_policy,
          .certificates = !options.tls_client_ca.empty()},
      clock(), metrics, reactors.At(0).executor(), make_client);
  if (const absl::Status status = policy->Open(); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--caller_policy: ", status.message()));
  }
  workloads = std::make_unique<callers::WorkloadAuthenticator>(*policy, clock(),
                                                               metrics);
  return absl::OkStatus();
}

absl::Status Server::Parts::Bootstrap(const ServerOptions& options) {
  auto made = Await(reactors, admin->Bootstrap());
  if (!made.ok()) return made.status();
  if (!*made) return absl::OkStatus();
  const std::string file = options.admin_key_file.empty()
                               ? JoinPath(options.data_dir, "admin.key")
                               : options.admin_key_file;
  VK_RETURN_IF_ERROR(
      WritePrivateFile(file, absl::StrCat((*made)->Reveal(), "\n")));
  Log(LogLevel::kWarning, "wrote the first admin key",
      {{"file", file}, {"application", "applications/system"}});
  return absl::OkStatus();
}

void Server::Parts::OnCommitted(const std::vector<store::Event>& events) {
  broker->Committed(events);
  if (follower) {
    follower->Wake();
  } else {
    hub->Committed(events);
  }
  if (publisher) publisher->Wake();
}

void Server::Parts::OnInvalidation(const cache::Invalidation& invalidation) {
  if (!invalidation.name.empty()) {
    broker->Invalidate(invalidation.name, invalidation.generation);
  } else {
    // Something may have been missed: of that, the store tells.
    coherence->Distrust();
  }
  if (follower) follower->Wake();
}

Task<void> Server::Parts::FlushKeys() {
  while (co_await valetkey::SleepFor(absl::Minutes(1))) {
    co_await authenticator->FlushLastUse();
  }
}

void Server::Stop() {
  if (parts_ && !parts_->stopped) parts_->Stop(options_);
}

void Server::Parts::Stop(const ServerOptions& options) {
  stopped = true;
  if (serving) Log(LogLevel::kInfo, "stopping");
  serving = false;
  const absl::Time deadline = absl::Now() + options.shutdown_grace;
  const auto left = [deadline] {
    return std::max(deadline - absl::Now(), absl::Seconds(1));
  };
  if (rpc) {
    rpc->SetServing(false);
    if (hub) hub->Close();
    rpc->Shutdown(deadline);
  }
  if (http) http->Shutdown(left());
  if (broker && !broker->Shutdown(left())) {
    Log(LogLevel::kError, "work under way did not finish in time");
  }
  if (authenticator && store) {
    Await(reactors, authenticator->FlushLastUse());
  }
  loops.Close();
  loops.Join(absl::Seconds(10));
  rpc.reset();
  http.reset();
  // The listeners go before what they call.
  remote.reset();
  Log(LogLevel::kInfo, "stopped");
}

void Server::Reload() {
  if (!parts_) return;
  if (parts_->policy) parts_->policy->Wake();
  if (!parts_->http) return;
  const absl::Status status = parts_->http->ReloadTls();
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kError,
      "TLS files were read again", {{"result", status}});
}

const std::vector<std::string>& Server::grpc_addresses() const {
  return parts_->grpc_addresses;
}
const std::string& Server::http_address() const { return parts_->http_address; }

}  // namespace valetkey
