// ValetKey's RPCs as a server: all services, over gRPC on its own addresses
// and over HTTP through `connect()`, with health and reflection.
//
//   RpcServer server(dependencies, options);
//   http.HandlePrefix("/valetkey.v1.", [&](ServerRequest request,
//                                          ResponseWriter& writer) {
//     return server.connect().Serve(std::move(request), writer);
//   });
//   VK_ASSIGN_OR_RETURN(std::vector<int> ports, server.Start());
//   server.SetServing(true);
//   ...
//   server.Shutdown(absl::Now() + absl::Seconds(20));
//
// Thread-safe but for Start and the destructor.

#ifndef VALETKEY_RPC_RPC_SERVER_H_
#define VALETKEY_RPC_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/broker/admin.h"
#include "service/broker/authenticator.h"
#include "service/broker/broker.h"
#include "service/broker/watch.h"
#include "service/callers/workload_authenticator.h"
#include "service/catalog/catalog.h"
#include "service/events/event_hub.h"
#include "service/rpc/connect_handler.h"
#include "service/store/store.h"

namespace valetkey::rpc {

// All outlive the server.
struct RpcServerDependencies {
  broker::Broker& broker;
  broker::Admin& admin;
  broker::Authenticator& authenticator;
  store::Store& store;
  events::EventHub& hub;
  catalog::Catalog& catalog;
  const Clock& clock;
  Metrics& metrics;
  ReactorPool& reactors;
  // Who tells callers without an API key; null: nobody, they are refused.
  callers::WorkloadAuthenticator* workloads = nullptr;
};

// PEM files; read again when they change.
struct RpcTlsOptions {
  std::string certificate_file;  // the chain, the server's first; "": no TLS
  std::string key_file;
  // Whose client certificates are accepted; "" asks for none.
  std::string client_ca_file;
  // Whether there is no connection without one.
  bool client_required = true;
  absl::Duration poll_interval = absl::Seconds(5);
};

struct RpcServerOptions {
  // See listen.h. TCP addresses use TLS if it is configured; Unix sockets are
  // plain.
  std::vector<std::string> addresses = {"127.0.0.1:7070"};
  RpcTlsOptions tls;
  // Plaintext on an address that other machines reach.
  bool allow_plaintext = false;
  bool reflection = true;
  std::string instance;  // this server, among the replicas of StatusService
  std::size_t max_message = 4 << 20;                // of a request
  std::size_t max_metadata = 16 * 1024;             // of a request's headers
  absl::Duration max_deadline = absl::Seconds(60);  // of unary calls
  broker::WatchOptions watch;
};

class RpcServer {
 public:
  RpcServer(RpcServerDependencies dependencies, RpcServerOptions options);
  // Shuts down at once if that has not been done, and waits for handlers.
  ~RpcServer();

  // Binds and serves; the port of each address, 0 for a Unix socket. Health
  // says NOT_SERVING until SetServing.
  absl::StatusOr<std::vector<int>> Start();

  // What health answers, for "" and every service.
  void SetServing(bool serving);

  // The same methods over HTTP. Valid as long as this object.
  ConnectHandler& connect();

  // Ends streams with SERVER_SHUTTING_DOWN, refuses new connections, lets
  // calls under way finish, and cuts them off at the deadline. Blocks; not on
  // a reactor's thread. False if handlers still run then: the destructor waits
  // for them. Further calls do nothing.
  bool Shutdown(absl::Time deadline);

  // Calls that wait for their answer.
  int in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_RPC_SERVER_H_
