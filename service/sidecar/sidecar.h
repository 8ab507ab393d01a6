// All of a sidecar: the client of the server, the tokens it keeps, the socket
// that applications ask, the files that programs read, and its health.
//
// It holds access tokens only. Refresh tokens and client secrets never leave
// the server, and no call that carries one is passed on.

#ifndef VALETKEY_SIDECAR_SIDECAR_H_
#define VALETKEY_SIDECAR_SIDECAR_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/net/http/curl_http_client.h"
#include "service/sidecar/egress_door.h"
#include "service/sidecar/on_change.h"
#include "service/sidecar/socket_server.h"
#include "service/sidecar/token_cache.h"
#include "valetkey/options.h"

namespace valetkey::sidecar {

struct FileOption {
  std::string connection;
  std::string path;
};

struct InjectOptions {
  std::vector<EgressDoorOptions> doors;
  // How providers are reached: authorities, proxy, and for tests origins and
  // addresses.
  CurlOptions http;
};

struct SidecarOptions {
  client::ClientOptions upstream;
  SocketServerOptions socket;
  TokenCacheOptions cache;
  // Kept from the start, whoever asks: by name, or by the labels that they
  // have, all of them.
  std::vector<std::string> warm;
  std::map<std::string, std::string> warm_labels;
  std::vector<FileOption> files;
  mode_t file_mode = 0400;
  bool files_on_disk = false;
  OnChange on_change;
  InjectOptions inject;
  // HTTP: /healthz, /startupz, /readyz, /metrics. HOST:PORT or unix:PATH; ""
  // for none.
  std::string health_listen;
  absl::Duration shutdown_grace = absl::Seconds(10);
};

class Sidecar {
 public:
  explicit Sidecar(SidecarOptions options);
  ~Sidecar();

  // Serves from then on. Waits for nothing: without the server it serves what
  // it will have.
  absl::Status Start();
  // REQUIRES: started.
  const std::vector<int>& ports() const;
  std::vector<int> door_ports() const;
  int health_port() const;

  // In place of Start: waits until there is a token of each connection that is
  // named, and has written the files. Fails at once with what is not weather,
  // such as CONNECTION_REVOKED, and with UNAVAILABLE after the timeout.
  absl::Status Init(absl::Duration timeout);

  // Takes no more calls, and ends those under way within the grace.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_SIDECAR_H_
