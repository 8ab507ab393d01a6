// Where a Redis is and how to be let in, as one URL:
//
//   redis://[[user]:password@]host[:port][/db]     TCP, port 6379 by default
//   rediss://...?ca=PATH&cert=PATH&key=PATH&server_name=NAME          TLS
//   unix:///run/redis.sock?db=0&user=NAME&password=SECRET   also redis+unix:
//   redis+sentinel://[[user]:password@]host1[:port],host2,.../MASTER[/db]
//       the master of that name, which the sentinels at these hosts (port 26379
//       by default) tell; rediss+sentinel: TLS to them and to the server
//   redis+cluster://[[user]:password@]host1[:port],host2,...
//       a Redis Cluster, of which these are a few nodes; rediss+cluster: TLS
//
// User and password are the server's; the sentinels' own are the parameters
// sentinel_user, sentinel_password and sentinel_password_file.
//
// Every form takes db, user, password and password_file as query parameters
// too; a password_file is a path, read when the URL is parsed, without the line
// break at its end. Parts are percent-encoded; "+" is a plus. Pure but for
// that file; thread-safe. Errors name the part that is wrong and never repeat
// what was given, for any part may hold a misplaced password.

#ifndef VALETKEY_NET_REDIS_REDIS_URL_H_
#define VALETKEY_NET_REDIS_REDIS_URL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/secret.h"

namespace valetkey::redis {

// Where a process listens.
struct RedisHost {
  std::string name;  // or an address, IPv6 without brackets
  int port = 0;

  // "host:6379", "[::1]:6379".
  std::string ToString() const;
  friend bool operator==(const RedisHost&, const RedisHost&) = default;
};

struct RedisUrl {
  enum class Transport { kTcp, kTls, kUnix };
  enum class Mode { kServer, kSentinel, kCluster };

  Mode mode = Mode::kServer;
  Transport transport = Transport::kTcp;
  std::string host;  // a name or an address, IPv6 without brackets
  int port = 6379;
  // In place of host and port: the sentinels, or nodes of the cluster.
  std::vector<RedisHost> hosts;
  std::string master_name;
  std::string path;  // of the socket
  std::string user;  // "" is the default user
  SecretString password;
  bool has_password = false;  // an empty one may be meant
  int database = 0;
  std::string sentinel_user;
  SecretString sentinel_password;
  bool has_sentinel_password = false;
  // TLS: files in PEM. Without `ca` the system's authorities are trusted.
  std::string ca;
  std::string certificate;
  std::string key;
  std::string server_name;  // expected in the certificate; "" is the host

  // For logs: "redis://host:6379/0", without user and password.
  // For a sentinel: "redis+sentinel://host:26379,other:26379/master/0".
  std::string Endpoint() const;

  // The URL of one server: the master that was found, or a node.
  RedisUrl ForServer(const RedisHost& at) const;
  // The URL of one sentinel, with its own login.
  RedisUrl ForSentinel(const RedisHost& at) const;
};

absl::StatusOr<RedisUrl> ParseRedisUrl(absl::string_view text);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_URL_H_
