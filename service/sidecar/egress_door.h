// A door to a provider's API for programs that must not even see a token: plain
// HTTP on a local address goes to the API's own host over TLS, with the
// Authorization header of a connection. Both bodies pass through in pieces.
//
// Where it leads is what the provider's definition says (api_base_url), asked
// of the server, and nothing that a caller can choose. What may pass is in
// egress_rules.h. An answer of 401 brings a new token, and the request is sent
// once more if its body was small enough to be kept.
//
// What the door itself has to say is JSON, {"error": {"reason": "...",
// "message": "..."}}, with the reason in a ValetKey-Error header field too: the
// request was refused (400, 403, 405), there is no token (502, or 503 where
// waiting helps), or the provider was not reached (502).

#ifndef VALETKEY_SIDECAR_EGRESS_DOOR_H_
#define VALETKEY_SIDECAR_EGRESS_DOOR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/base/metrics.h"
#include "service/net/http/http_exchange.h"
#include "service/sidecar/token_cache.h"
#include "valetkey/client.h"

namespace valetkey::sidecar {

struct EgressDoorOptions {
  std::string listen;      // "127.0.0.1:9001", or "unix:/run/app/api.sock"
  std::string connection;  // "applications/shop/connections/c-7", or "c-7"
  // How long the provider may say nothing.
  absl::Duration silence = absl::Minutes(2);
};

class EgressDoor {
 public:
  // All outlive the door. The pool has one reactor, which `http` uses too.
  EgressDoor(client::Client& client, TokenCache& cache, HttpStreamClient& http,
             ReactorPool& pool, Metrics& metrics, EgressDoorOptions options);
  ~EgressDoor();

  // Keeps the token, and listens.
  absl::Status Start();
  int port() const;  // 0 for a Unix socket
  // Asks where the API is found, now and then; call every 250 ms or so.
  void Tend();
  // Takes no more requests, and ends those under way within the grace.
  void Stop(absl::Duration grace);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_EGRESS_DOOR_H_
