// The sidecar's gRPC server: on a Unix socket whose file decides who may call,
// or on loopback. GetToken is answered from memory where that has the answer;
// everything else is passed on (relay.h). Health and reflection as usual.

#ifndef VALETKEY_SIDECAR_SOCKET_SERVER_H_
#define VALETKEY_SIDECAR_SOCKET_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/metrics.h"
#include "service/sidecar/token_cache.h"
#include "valetkey/client.h"

namespace valetkey::sidecar {

struct SocketServerOptions {
  // unix:PATH or a loopback HOST:PORT; nothing else.
  std::vector<std::string> addresses;
  mode_t socket_mode = 0660;
  std::optional<gid_t> socket_group;
};

class SocketServer {
 public:
  // All outlive the server.
  SocketServer(client::Client& client, TokenCache& cache, Metrics& metrics,
               SocketServerOptions options);
  ~SocketServer();

  // The real ports, in the order of the addresses; 0 for a socket.
  // FIELD_INVALID naming what is wrong.
  absl::StatusOr<std::vector<int>> Start();
  // Accepts no more, and waits for calls until the deadline, when they are cut
  // off. Streams end at once with UNAVAILABLE, for they would not end by
  // themselves.
  void Shutdown(absl::Time deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_SOCKET_SERVER_H_
