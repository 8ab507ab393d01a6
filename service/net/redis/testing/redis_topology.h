// Real Redis servers that belong together, for tests: a master and a replica
// watched by sentinels; and a cluster. They end with these objects, or with the
// test's process. Not thread-safe.

#ifndef VALETKEY_NET_REDIS_TESTING_REDIS_TOPOLOGY_H_
#define VALETKEY_NET_REDIS_TESTING_REDIS_TOPOLOGY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/net/redis/testing/redis_server.h"

namespace valetkey::redis {

struct RedisTopologyOptions {
  bool tls = false;      // everywhere, with the certificates of server 0
  std::string password;  // of the servers, not of the sentinels
  std::string sentinel_password;  // of the sentinels; "" for none
  // "alice:secret" and "alice on >secret ~* ...": who logs in instead of the
  // default user.
  std::string user_info;
  std::string acl_user;
};

// Two servers under the name "tokens", three sentinels. A master that is silent
// for 500 ms is replaced if two of them say so.
class SentinelSetup {
 public:
  // Returns when every sentinel knows the replica and the other sentinels.
  static absl::StatusOr<std::unique_ptr<SentinelSetup>> Start(
      RedisTopologyOptions options);

  // redis+sentinel://... with what is needed to log in.
  std::string Url() const;
  RedisServer& server(int i) { return *servers_[static_cast<std::size_t>(i)]; }
  RedisServer& sentinel(int i) {
    return *sentinels_[static_cast<std::size_t>(i)];
  }
  // The server that sentinel 2 names; -1 if none of the two.
  int Master();

 private:
  SentinelSetup() = default;
  absl::Status Launch();

  RedisTopologyOptions options_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<RedisServer>> sentinels_;
};

// Nodes 0 to 2 are masters of a third of the slots each, node 3 is a replica of
// node 0. A node that is silent for a second has failed; the others go on.
class ClusterSetup {
 public:
  // Returns when every node says that the cluster is well.
  static absl::StatusOr<std::unique_ptr<ClusterSetup>> Start(
      RedisTopologyOptions options);

  // redis+cluster://... naming nodes 0 to 2.
  std::string Url() const;
  RedisServer& node(int i) { return *nodes_[static_cast<std::size_t>(i)]; }
  std::string Id(int i);  // CLUSTER MYID
  // What redis-cli prints for a command to node i; "" where it fails.
  std::string Cli(int i, const std::vector<std::string>& arguments);
  bool Well();

  // The steps in which a slot goes from one master to another.
  void BeginToMove(int slot, int from, int to);
  void MoveKeys(int slot, int from, int to);
  void EndMove(int slot, int to);

 private:
  ClusterSetup() = default;
  absl::Status Join();
  int PortOf(int i) const;

  RedisTopologyOptions options_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_TESTING_REDIS_TOPOLOGY_H_
