// A real redis-server for tests: in a temporary folder of its own, on a Unix
// socket, a free loopback port and, if asked, a TLS port. It ends with this
// object, or with the test's process. Not thread-safe.
//
//   auto server = RedisServer::Start({});
//   RedisClient client(executor, {.url =
//   *ParseRedisUrl((*server)->UnixUrl())});

#ifndef VALETKEY_NET_REDIS_TESTING_REDIS_SERVER_H_
#define VALETKEY_NET_REDIS_TESTING_REDIS_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace valetkey::redis {

struct RedisServerOptions {
  bool tls = false;
  bool require_client_certificate = false;
  std::string password;                // requirepass; "" for none
  std::vector<std::string> acl_users;  // "alice on >secret ~* +@all"
  // More lines of its configuration.
  std::vector<std::string> config;
  bool sentinel = false;  // redis-server --sentinel
  bool cluster = false;   // cluster-enabled; its slots are given by the test
};

class RedisServer {
 public:
  // Whether redis-server is on the path.
  static bool Installed();

  // Returns when it answers.
  static absl::StatusOr<std::unique_ptr<RedisServer>> Start(
      RedisServerOptions options);
  ~RedisServer();

  // Without user and password. The name in the certificate is "localhost".
  std::string UnixUrl() const;
  std::string TcpUrl() const;
  std::string TlsUrl() const;  // with ca, cert and key
  std::string CaFile() const;
  int port() const { return port_; }
  int tls_port() const { return tls_port_; }
  int bus_port() const { return bus_port_; }  // of a cluster's node
  const std::string& folder() const { return folder_; }

  void Kill();  // SIGKILL, and waits
  // On the same addresses, with the first configuration; empty if nothing was
  // saved. A node of a cluster still knows it.
  absl::Status Restart();
  void Pause();   // SIGSTOP
  void Resume();  // SIGCONT

  // What redis-cli prints for these arguments, as the default user.
  absl::StatusOr<std::string> Cli(const std::vector<std::string>& arguments);

 private:
  explicit RedisServer(RedisServerOptions options);
  absl::Status Launch();
  absl::Status WaitUntilItAnswers();

  const RedisServerOptions options_;
  std::string folder_;
  int port_ = 0;
  int tls_port_ = 0;
  int bus_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_TESTING_REDIS_SERVER_H_
