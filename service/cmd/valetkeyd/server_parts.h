// The inside of the server: all its parts.
//
//   server.cc        opens them, starts, stops, and what they tell each other
//   server_front.cc  what listens: gRPC, HTTP
//   server_portal.cc the portal's routes
//   server_status.cc what it tells of itself

#ifndef VALETKEY_CMD_VALETKEYD_SERVER_PARTS_H_
#define VALETKEY_CMD_VALETKEYD_SERVER_PARTS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/async/task_scope.h"
#include "service/base/crypto.h"
#include "service/base/sealer.h"
#include "service/base/synced_clock.h"
#include "service/broker/admin.h"
#include "service/broker/authenticator.h"
#include "service/broker/broker.h"
#include "service/broker/catalog_keeper.h"
#include "service/broker/coherence.h"
#include "service/cache/redis/redis_cache.h"
#include "service/callers/oidc_client.h"
#include "service/callers/policy_keeper.h"
#include "service/callers/workload_authenticator.h"
#include "service/cmd/valetkeyd/server.h"
#include "service/events/event_hub.h"
#include "service/events/follower.h"
#include "service/events/publisher.h"
#include "service/events/redis/redis_event_stream.h"
#include "service/net/http/http_server.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/rpc/rpc_server.h"
#include "service/store/store.h"
#include "service/web/oidc_sign_in.h"
#include "service/web/portal_session.h"
#include "service/web/web_server.h"

namespace valetkey {

struct Server::Parts {
  explicit Parts(int reactor_count) : reactors(reactor_count) {}

  absl::Status Open(const ServerOptions& options);
  absl::Status OpenStore(const ServerOptions& options);
  absl::Status OpenRedis(const ServerOptions& options);
  absl::Status OpenPolicy(const ServerOptions& options);
  // Who signs people in to the portal. REQUIRES: the policy is open.
  absl::Status OpenOidc(const ServerOptions& options);
  // Who hears of what other replicas commit.
  void MakeFollower();
  const Clock& clock() const {
    return shared ? static_cast<const Clock&>(store_clock) : Clock::System();
  }
  absl::Status Bootstrap(const ServerOptions& options);
  absl::Status Listen(const ServerOptions& options);
  void AddRoutes(const ServerOptions& options);
  void AddPortal(const ServerOptions& options, web::WebHandlers& handlers);
  void OnCommitted(const std::vector<store::Event>& events);
  void OnInvalidation(const cache::Invalidation& invalidation);
  Task<web::CallbackOutcome> FinishCallback(QueryParameters parameters);
  Task<absl::Status> CheckReady();
  Task<void> FlushKeys();
  std::string StatusText() const;  // a v1::ReplicaStatus
  Task<void> TellStatus();
  void AddMetrics();
  Task<void> Serve(ServerRequest request, ResponseWriter& writer);
  Task<absl::StatusOr<std::shared_ptr<const broker::Caller>>> WhoseKey(
      std::string authorization);
  Task<void> RefuseStranger(ResponseWriter& writer);
  void Stop(const ServerOptions& options);

  // In the order of their dependence: what stands on something comes after it
  // and is destroyed before it.
  const std::string instance = HexEncode(Random::System().Bytes(8));
  ReactorPool reactors;
  Metrics metrics;
  std::optional<Sealer> sealer;
  std::optional<catalog::Catalog> catalog;
  bool shared = false;      // other replicas write to the store too
  SyncedClock store_clock;  // follows a shared store's
  std::unique_ptr<store::Store> store;
  std::unique_ptr<broker::CatalogKeeper> keeper;
  std::unique_ptr<HttpClient> http_client;
  std::unique_ptr<redis::RedisClientPool> redis;
  std::unique_ptr<cache::RedisCache> remote;
  std::unique_ptr<events::RedisEventStream> stream;
  std::unique_ptr<cache::MemoryCache> memory;
  std::unique_ptr<events::EventHub> hub;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<broker::Coherence> coherence;
  std::unique_ptr<events::Publisher> publisher;
  std::unique_ptr<events::Follower> follower;
  std::unique_ptr<broker::Admin> admin;
  std::unique_ptr<broker::Authenticator> authenticator;
  std::unique_ptr<callers::PolicyKeeper> policy;  // null: API keys alone
  std::unique_ptr<callers::WorkloadAuthenticator> workloads;
  std::unique_ptr<callers::OidcClient> oidc;  // null: no identity provider
  std::unique_ptr<rpc::RpcServer> rpc;
  std::unique_ptr<web::PortalSession> portal_session;  // null: no portal
  std::unique_ptr<web::OidcSignIn> oidc_sign_in;
  std::unique_ptr<HttpServer> http;
  TaskScope loops;
  std::string store_name;  // for people
  // What the store last told.
  std::atomic<std::int64_t> due{0};
  std::atomic<std::int64_t> unpublished{0};
  std::atomic<double> overdue{0};  // seconds
  bool serving = false;
  bool stopped = false;
  std::vector<std::string> grpc_addresses;
  std::string http_address;
};

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEYD_SERVER_PARTS_H_
