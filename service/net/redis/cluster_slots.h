// The rules of Redis Cluster (https://redis.io/docs/reference/cluster-spec), as
// pure functions: which slot a key has, which node has a slot, and what a
// redirection says. Thread-safe.

#ifndef VALETKEY_NET_REDIS_CLUSTER_SLOTS_H_
#define VALETKEY_NET_REDIS_CLUSTER_SLOTS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/net/redis/redis_url.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

inline constexpr int kSlots = 16384;

// 0 to kSlots - 1: of the part between the first "{" and the next "}", if
// there is something between them, else of the whole key.
int SlotOfKey(absl::string_view key);

// The slot of a command's first key; nullopt if it has none and any node may
// carry it out. INVALID_ARGUMENT for a command that is not known here.
absl::StatusOr<std::optional<int>> SlotOfCommand(
    const std::vector<std::string>& argv);

struct ClusterNode {
  std::string id;  // 40 hex digits; "" if the server does not tell
  RedisHost host;
  friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

// Which master has which slot.
struct SlotMap {
  static constexpr std::uint16_t kNobody = 0xffff;

  SlotMap() { owner.fill(kNobody); }
  // nullptr if nobody has the slot. REQUIRES: a slot.
  const ClusterNode* Owner(int slot) const;
  // Gives the slot to the node at this place, whose id is not known if it is
  // new. True if that is a change.
  bool Move(int slot, const RedisHost& host);
  // "0-5460 id host:port", the last if wanted: a line for each range, in order.
  std::string Describe(bool with_hosts) const;

  std::vector<ClusterNode> masters;
  std::vector<RedisHost> replicas;
  std::array<std::uint16_t, kSlots> owner;  // indices of masters
};

// The reply to CLUSTER SLOTS. A node that is told without a host is at the one
// that was asked. DATA_LOSS if it is not what it should be, UNAVAILABLE if no
// node has a slot.
absl::StatusOr<SlotMap> ParseClusterSlots(const RedisReply& reply,
                                          const std::string& asked_host);

struct Redirection {
  bool ask = false;  // ASK: this once; MOVED: from now on
  int slot = 0;
  RedisHost host;  // the name is "" for the node that said so
};

// What a MOVED or ASK says; nullopt if the reply is neither.
std::optional<Redirection> ParseRedirection(const RedisReply& reply);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_CLUSTER_SLOTS_H_
