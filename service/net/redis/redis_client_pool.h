// One RedisClient for each reactor of a pool; with the URL of a cluster, one
// ClusterClient. A call uses the client of the
// reactor that it runs on, without any hand-over; from another thread it goes
// to one of the reactors and comes back. Thread-safe.

#ifndef VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_
#define VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/net/redis/cluster_client.h"
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
  // In a cluster commands go to the nodes of their keys: see ClusterClient.
  Task<absl::StatusOr<RedisReply>> Command(std::vector<std::string> argv,
                                           absl::Time deadline);
  Task<absl::StatusOr<std::vector<RedisReply>>> Pipeline(
      std::vector<std::vector<std::string>> commands, absl::Time deadline);

  // Which life of which server, or of all the servers of a cluster, this is:
  // it changes whenever what was written last may be lost (a restart, the
  // promotion of a replica, a slot with a new owner), and does not come back.
  // All connections of this pool agree on it. UNAVAILABLE while they do not, or
  // some of it cannot be known; what Redis says (INFO, CLUSTER INFO).
  //
  // Holds for all that was answered while epoch() had the same value as here.
  struct Incarnation {
    std::string id;
    std::uint64_t epoch = 0;
  };
  Task<absl::StatusOr<Incarnation>> FindIncarnation(absl::Time deadline);
  // Raised before any new connection is used, and when slots have moved.
  std::uint64_t epoch() const {
    return epoch_->load(std::memory_order_acquire);
  }

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
  // The index of the calling thread's reactor; elsewhere of one that has a
  // connection, if there is one.
  int HereOrAny();
  bool HealthyAt(int index) const;

  Task<absl::StatusOr<RedisReply>> ClusterCommand(std::vector<std::string> argv,
                                                  absl::Time deadline);
  Task<absl::StatusOr<std::vector<RedisReply>>> ClusterPipeline(
      std::vector<std::vector<std::string>> commands, absl::Time deadline);
  // Runs on the reactor of this index.
  Task<absl::StatusOr<std::string>> IdentifyAt(int index, absl::Time deadline);
  Task<absl::StatusOr<std::string>> Identify(int index, absl::Time deadline);

  ReactorPool& reactors_;
  const std::shared_ptr<std::atomic<std::uint64_t>> epoch_;
  const RedisOptions options_;
  // By reactor; one of the two is empty.
  std::vector<std::unique_ptr<RedisClient>> clients_;
  std::vector<std::unique_ptr<ClusterClient>> clusters_;
  std::atomic<unsigned> next_{0};
  // The epoch at which all connections were last found to agree.
  std::atomic<std::uint64_t> agreed_{~std::uint64_t{0}};
  // What runs on a reactor for a caller elsewhere.
  TaskScope scope_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_CLIENT_POOL_H_
