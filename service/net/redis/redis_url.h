// Where a Redis is and how to be let in, as one URL:
//
//   redis://[[user]:password@]host[:port][/db]     TCP, port 6379 by default
//   rediss://...?ca=PATH&cert=PATH&key=PATH&server_name=NAME          TLS
//   unix:///run/redis.sock?db=0&user=NAME&password=SECRET   also redis+unix:
//
// Every form takes db, user, password and password_file as query parameters
// too; password_file is a path, read when the URL is parsed, without the line
// break at its end. Parts are percent-encoded; "+" is a plus. Pure but for
// that file; thread-safe. Errors name the part that is wrong and never repeat
// what was given, for any part may hold a misplaced password.

#ifndef VALETKEY_NET_REDIS_REDIS_URL_H_
#define VALETKEY_NET_REDIS_REDIS_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/secret.h"

namespace valetkey::redis {

struct RedisUrl {
  enum class Transport { kTcp, kTls, kUnix };

  Transport transport = Transport::kTcp;
  std::string host;  // a name or an address, IPv6 without brackets
  int port = 6379;
  std::string path;  // of the socket
  std::string user;  // "" is the default user
  SecretString password;
  bool has_password = false;  // an empty one may be meant
  int database = 0;
  // TLS: files in PEM. Without `ca` the system's authorities are trusted.
  std::string ca;
  std::string certificate;
  std::string key;
  std::string server_name;  // expected in the certificate; "" is the host

  // For logs: "redis://host:6379/0", without user and password.
  std::string Endpoint() const;
};

absl::StatusOr<RedisUrl> ParseRedisUrl(absl::string_view text);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_URL_H_
