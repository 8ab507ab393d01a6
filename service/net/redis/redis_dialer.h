// Finds the server that a URL means and connects to it: the one that it names;
// the master that sentinels tell; or, in a cluster, any node that takes part in
// it. See https://redis.io/docs/reference/sentinel-clients.
//
// Belongs to one executor, on which everything is called.

#ifndef VALETKEY_NET_REDIS_REDIS_DIALER_H_
#define VALETKEY_NET_REDIS_REDIS_DIALER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/net/redis/redis_options.h"
#include "service/net/redis/redis_transport.h"
#include "service/net/redis/redis_url.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

class RedisDialer {
 public:
  // `options` outlives the dialer.
  RedisDialer(asio::any_io_executor executor, const RedisOptions& options);

  // A connection that takes commands. Errors as Establish's, and UNAVAILABLE
  // if no sentinel tells a master.
  Task<absl::StatusOr<std::shared_ptr<RedisTransport>>> Dial(
      std::string client_name);

  // An error if the server that Dial connected to last is certainly not the
  // right one any more: most of the sentinels name another, or the node has
  // lost its cluster. OK also where nobody can say.
  Task<absl::Status> Recheck();

  // "host:port" of the server that Dial connected to last, or "".
  std::string server() const;

  // One command on a connection of its own, to one server.
  Task<absl::StatusOr<RedisReply>> Ask(RedisUrl url,
                                       std::vector<std::string> argv);

  // Whatever waits ends with an error, now and later.
  void Close();

 private:
  // Connects to one server, within the time.
  Task<absl::StatusOr<std::shared_ptr<RedisTransport>>> Open(
      RedisUrl url, std::string client_name, absl::Duration timeout,
      bool master_only);
  // Where the master is, by one sentinel; by the first that knows.
  Task<absl::StatusOr<RedisHost>> AskSentinel(RedisHost sentinel);
  Task<absl::StatusOr<RedisHost>> FindMaster();
  // OK if the node is in service. What it knows of other nodes is kept.
  Task<absl::Status> AskNode(RedisHost node);

  const asio::any_io_executor executor_;
  const RedisOptions& options_;
  bool closed_ = false;
  std::vector<std::weak_ptr<RedisTransport>> open_;
  // In the order in which they are asked; the one that answered comes first.
  std::vector<RedisHost> sentinels_;
  RedisHost server_;  // that Dial connected to last
  // Of a cluster: nodes beyond those of the URL, and whose turn it is.
  std::vector<RedisHost> learned_;
  std::size_t turn_ = 0;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_DIALER_H_
