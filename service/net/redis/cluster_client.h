// A Redis Cluster's client on one executor: each command goes to the node that
// has the slot of its key. Redirections are followed, a few times; while a slot
// has no node that answers, its commands fail at once, as RedisClient's do.
//
// Used on its executor's thread, but for healthy() and Close(), which are
// thread-safe.

#ifndef VALETKEY_NET_REDIS_CLUSTER_CLIENT_H_
#define VALETKEY_NET_REDIS_CLUSTER_CLIENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/net/redis/cluster_nodes.h"
#include "service/net/redis/redis_options.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

class ClusterClient {
 public:
  // See ClusterNodes.
  ClusterClient(asio::any_io_executor executor, RedisOptions options)
      : nodes_(executor, std::move(options)) {}

  // Commands for whichever nodes; the replies in the order of the commands.
  // Those for one key are carried out in order. Errors as RedisClient's,
  // INVALID_ARGUMENT for a command whose key is not known here (SlotOfCommand),
  // UNAVAILABLE where redirections do not end. REQUIRES: outlives the task.
  Task<absl::StatusOr<std::vector<RedisReply>>> Pipeline(
      std::vector<std::vector<std::string>> commands, absl::Time deadline);

  // Which masters have which slots, and which life of each of them this is.
  // UNAVAILABLE unless all answer and agree. REQUIRES: outlives the task.
  Task<absl::StatusOr<std::string>> Identify(absl::Time deadline);

  bool healthy() const { return nodes_.healthy(); }
  asio::any_io_executor executor() const { return nodes_.executor(); }
  void Close() { nodes_.Close(); }

 private:
  // A command that is not answered yet.
  struct Pending {
    std::size_t index = 0;  // of the commands
    RedisHost host;
    bool asking = false;
  };
  struct Answers;

  absl::Status Address(const std::vector<std::string>& command,
                       Pending* pending);
  // Sends all and waits for all.
  Task<absl::StatusOr<std::vector<RedisReply>>> Round(
      const std::vector<Pending>& pending,
      const std::vector<std::vector<std::string>>& commands,
      absl::Time deadline);

  ClusterNodes nodes_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_CLUSTER_CLIENT_H_
