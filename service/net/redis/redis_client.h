// A Redis client on one executor: pipelined, and back by itself after a loss.
//
//   RedisClient client(reactor.executor(), options);
//   auto reply = co_await client.Command({"GET", key}, deadline);
//
// All commands of one turn of the event loop leave in one write; replies are
// matched in order. While there is no connection a command fails at once:
// nothing is queued for later. Error replies of Redis are replies
// (RedisReply::is_error, ErrorOf), not a status.
//
// The URL names a server, or a master that sentinels tell: then every new
// connection goes to the one of that moment (redis_dialer.h), and a connection
// to one that is no master any more is lost. For a cluster: cluster_client.h.
//
// Used on its executor's thread, but for healthy() and connects(), which are
// thread-safe.

#ifndef VALETKEY_NET_REDIS_REDIS_CLIENT_H_
#define VALETKEY_NET_REDIS_REDIS_CLIENT_H_

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/promise.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/net/redis/redis_options.h"
#include "service/net/redis/reply_queue.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

using BatchHandler =
    absl::AnyInvocable<void(absl::StatusOr<std::vector<RedisReply>>)>;

class RedisClient {
 public:
  // Starts to connect. REQUIRES: the executor runs on one thread.
  RedisClient(asio::any_io_executor executor, RedisOptions options);
  // Closes and waits. REQUIRES: another thread runs the executor.
  ~RedisClient();

  // One command. UNAVAILABLE (down, or lost meanwhile), DEADLINE_EXCEEDED,
  // RESOURCE_EXHAUSTED (too many in flight), CANCELLED (the waiting task was).
  // But for RESOURCE_EXHAUSTED and a connection that was down already, the
  // command may have been carried out. The client may be destroyed while
  // commands wait: they get UNAVAILABLE.
  Task<absl::StatusOr<RedisReply>> Command(std::vector<std::string> argv,
                                           absl::Time deadline);
  // Many commands one behind the other, all their replies at once. Fails as a
  // whole. Cancelling the waiting task has no effect: the deadline ends it.
  Task<absl::StatusOr<std::vector<RedisReply>>> Pipeline(
      std::vector<std::vector<std::string>> commands, absl::Time deadline);

  // The same with a handler, which runs exactly once on the executor, never
  // inside the call.
  void Send(const std::vector<std::string>& argv, absl::Time deadline,
            ReplyHandler handler, asio::cancellation_slot slot = {});
  void SendAll(const std::vector<std::vector<std::string>>& commands,
               absl::Time deadline, BatchHandler handler);

  // Whether there is a connection that answers.
  bool healthy() const;
  // How many times a connection was made.
  std::int64_t connects() const;
  asio::any_io_executor executor() const;

  // Set when the first try to connect has ended, one way or the other.
  std::shared_ptr<Promise<bool>> tried() const;
  // After Close: whether nothing runs any more, so that to destroy it does not
  // wait.
  bool done() const { return scope_.running() == 0; }

  // Ends the connection; commands fail from now on. Any thread.
  void Close();

 private:
  struct State;

  std::shared_ptr<State> state_;
  TaskScope scope_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_CLIENT_H_
