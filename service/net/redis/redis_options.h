// Settings shared by everything that speaks with one Redis (a server, or what
// a URL with sentinels or a cluster stands for).

#ifndef VALETKEY_NET_REDIS_REDIS_OPTIONS_H_
#define VALETKEY_NET_REDIS_REDIS_OPTIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/net/redis/redis_url.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

struct RedisOptions {
  RedisUrl url;
  std::string client_name = "valetkey";  // in CLIENT LIST; "" sets none
  absl::Duration connect_timeout = absl::Seconds(5);
  // For each connection to a sentinel, to the master that it names, and to a
  // node of a cluster that is only asked something: there are others to try.
  absl::Duration discovery_timeout = absl::Seconds(2);
  // A connection that owes a reply for so long without giving any is dropped.
  // Longer than any command may block the server.
  absl::Duration stall_timeout = absl::Seconds(3);
  // An idle connection is tried so often; so often it is also asked whether
  // the server is still the right one, where sentinels or a cluster decide.
  absl::Duration ping_interval = absl::Seconds(5);
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(3);
  // Above these a command fails at once: RESOURCE_EXHAUSTED.
  std::size_t max_in_flight = 65536;  // commands without a reply
  std::size_t max_unsent_bytes = 64 << 20;
  RespLimits limits;
  Random* random = &Random::System();
  // If set: raised before a new connection takes its first command.
  std::shared_ptr<std::atomic<std::uint64_t>> epoch;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_OPTIONS_H_
