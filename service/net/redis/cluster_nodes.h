// The nodes of a Redis Cluster as one executor knows them: which of them has
// which slot, and a RedisClient for each master. The map is read from any node
// that answers, regularly and when it turns out to be wrong.
//
// Belongs to one executor, on which everything is called, but for healthy() and
// Close(), which are thread-safe.

#ifndef VALETKEY_NET_REDIS_CLUSTER_NODES_H_
#define VALETKEY_NET_REDIS_CLUSTER_NODES_H_

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/base/mutex.h"
#include "service/net/redis/cluster_slots.h"
#include "service/net/redis/redis_client.h"
#include "service/net/redis/redis_dialer.h"
#include "service/net/redis/redis_options.h"

namespace valetkey::redis {

class ClusterNodes {
 public:
  // Starts to read the map and to connect. REQUIRES: the executor runs on one
  // thread; options.epoch is set.
  ClusterNodes(asio::any_io_executor executor, RedisOptions options);
  // Closes and waits. REQUIRES: another thread runs the executor; no Refresh
  // is under way.
  ~ClusterNodes();

  const SlotMap& map() const { return map_; }
  // Where a command without a key goes: a master that is connected, if there is
  // one; nullptr before any is known.
  const RedisHost* Any();
  // The client of a node; begins to connect if it is new. To be used before
  // the next wait only.
  RedisClient& At(const RedisHost& host);

  // A node said that another one has the slot now.
  void Move(int slot, const RedisHost& host);
  // The map is in doubt: reads it again, soon.
  void WantRefresh();
  // Reads it now.
  Task<absl::Status> Refresh(absl::Time deadline);

  // Whether the map is known and one of its masters answers.
  bool healthy() const;
  asio::any_io_executor executor() const { return executor_; }
  const RedisOptions& options() const { return options_; }
  void Close();

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Node {
    std::unique_ptr<RedisClient> client;
    SteadyClock::time_point used;
  };

  Task<void> Run();
  Task<void> CloseAll();
  // Waits; ends early when it is woken or closed.
  Task<void> Pause(absl::Duration time);
  Task<absl::StatusOr<SlotMap>> ReadMap(absl::Time deadline);
  // Asks a node that is connected.
  Task<absl::StatusOr<SlotMap>> AskConnected(RedisHost host,
                                             absl::Time deadline, bool* sound);
  void Apply(SlotMap map);
  void DropOthers();
  void RaiseEpoch();

  const asio::any_io_executor executor_;
  const RedisOptions options_;
  RedisDialer dialer_;
  bool closed_ = false;
  SlotMap map_;
  std::map<std::string, Node> nodes_;  // by RedisHost::ToString
  // Closed clients that could not be destroyed yet.
  std::vector<std::unique_ptr<RedisClient>> leaving_;
  std::size_t turn_ = 0;
  asio::steady_timer timer_;
  bool wanted_ = false;
  bool resting_ = false;  // in a pause that WantRefresh ends

  mutable Mutex mutex_;
  std::vector<const RedisClient*> masters_ VK_GUARDED_BY(mutex_);
  TaskScope scope_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_CLUSTER_NODES_H_
