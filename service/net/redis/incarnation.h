// Which life of a server this is, from what it tells of itself. Pure.

#ifndef VALETKEY_NET_REDIS_INCARNATION_H_
#define VALETKEY_NET_REDIS_INCARNATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "service/net/redis/redis_url.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

// What to ask: INFO server, INFO replication and, of a node, CLUSTER INFO. A
// user of an ACL needs +info and +cluster|info for it.
std::vector<std::vector<std::string>> IdentityCommands(RedisUrl::Mode mode);

// What the replies to them say. It never comes back once it has changed: a
// start makes a new run_id, a promotion a new replication id, and of two nodes
// that give a slot away and take it back at least one gets a new configuration
// epoch.
//
// UNAVAILABLE if it cannot be known, the server is no master where that
// matters, or the node has lost its cluster; an error reply's own status.
absl::StatusOr<std::string> IdentityOf(RedisUrl::Mode mode,
                                       absl::Span<const RedisReply> replies);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_INCARNATION_H_
