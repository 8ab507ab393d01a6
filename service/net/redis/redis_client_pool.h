// One RedisClient for each reactor of a pool. A call uses the client of the
// reactor that it runs on, without any hand-over; from another thread it goes
// to one of the reactors and comes back. Thread-safe.

#ifndef VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_
#define VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task.h"
#include "service/net/redis/redis_client.h"
#include "service/net/redis/redis_options.h"

namespace valetkey::redis {

class RedisClientPool {
 public:
  // Starts to connect. The reactors outlive the pool.
  RedisClientPool(ReactorPool& reactors, RedisOptions options);
  // Closes and waits. REQUIRES: not on a reactor's thread; no call waits.
  ~RedisClientPool();

  // As RedisClient's; they resume on the executor of the calling coroutine.
  // That executor outlives the pool: a reactor may still be in its queue, to
  // hand the answer over, when the caller has it.
  // Cancelling the waiting task ends a Command early on a reactor only.
  Task<absl::StatusOr<RedisReply>> Command(std::vector<std::string> argv,
                                           absl::Time deadline);
  Task<absl::StatusOr<std::vector<RedisReply>>> Pipeline(
      std::vector<std::vector<std::string>> commands, absl::Time deadline);

  // On a reactor: whether its client has a connection that answers. Elsewhere:
  // whether one of them has.
  bool healthy() const;
  // How many of the clients have one.
  int connected() const;
  const RedisOptions& options() const { return options_; }
  ReactorPool& reactors() { return reactors_; }

 private:
  // The client of the calling thread's reactor; nullptr elsewhere.
  RedisClient* Here() const;
  // One that is connected, if there is one.
  RedisClient& Any();

  ReactorPool& reactors_;
  const RedisOptions options_;
  std::vector<std::unique_ptr<RedisClient>> clients_;  // by reactor
  std::atomic<unsigned> next_{0};
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_
