// From a URL to a connection that Redis accepts commands on: connect, AUTH,
// SELECT, CLIENT SETNAME, PING, ROLE, the commands in one write. And how long
// to wait before the next try. Used on one executor.

#ifndef VALETKEY_NET_REDIS_REDIS_HANDSHAKE_H_
#define VALETKEY_NET_REDIS_REDIS_HANDSHAKE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/net/redis/redis_transport.h"
#include "service/net/redis/redis_url.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

// Connects the transport and makes it ready within the time, or closes it.
// Errors hold neither the password nor what Redis repeats of it. UNAVAILABLE
// also while Redis loads its data; FAILED_PRECONDITION if the server has to be
// a master and is none, for which ROLE is asked. `url` outlives the task.
Task<absl::Status> Establish(std::shared_ptr<RedisTransport> transport,
                             const RedisUrl& url, std::string client_name,
                             absl::Duration timeout, bool master_only = false);

// The answer to ROLE: FAILED_PRECONDITION where the server is no master.
absl::Status CheckMaster(const RedisReply& reply);

// Exponential, with jitter so that many clients do not return all at once.
class Backoff {
 public:
  Backoff(absl::Duration min, absl::Duration max, Random& random)
      : min_(min), max_(max), next_(min), random_(random) {}

  // How long to wait now: between half and all of a time that doubles.
  absl::Duration Next();
  void Reset() { next_ = min_; }

 private:
  const absl::Duration min_;
  const absl::Duration max_;
  absl::Duration next_;
  Random& random_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_HANDSHAKE_H_
