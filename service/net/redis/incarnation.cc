#include "service/net/redis/incarnation.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace valetkey::redis {
namespace {

// The value of a "field:value" line; "" if there is none.
absl::string_view Field(absl::string_view text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, name)) continue;
    if (!absl::ConsumePrefix(&line, ":")) continue;
    absl::ConsumeSuffix(&line, "\r");
    return line;
  }
  return "";
}

}  // namespace

std::vector<std::vector<std::string>> IdentityCommands(RedisUrl::Mode mode) {
  std::vector<std::vector<std::string>> commands = {{"INFO", "server"},
                                                    {"INFO", "replication"}};
  if (mode == RedisUrl::Mode::kCluster) commands.push_back({"CLUSTER", "INFO"});
  return commands;
}

absl::StatusOr<std::string> IdentityOf(RedisUrl::Mode mode,
                                       absl::Span<const RedisReply> replies) {
  const bool cluster = mode == RedisUrl::Mode::kCluster;
  for (const RedisReply& reply : replies) {
    if (reply.is_error()) return ErrorOf(reply);
  }
  if (replies.size() != (cluster ? 3u : 2u)) {
    return absl::InternalError("redis: not what was asked");
  }
  const absl::string_view run_id = Field(replies[0].text, "run_id");
  if (run_id.empty()) return absl::UnavailableError("redis tells no run_id");
  const absl::string_view replication = replies[1].text;
  if (mode != RedisUrl::Mode::kServer &&
      Field(replication, "role") != "master") {
    return absl::UnavailableError("redis: the server is no master");
  }
  std::string identity =
      absl::StrCat(run_id, " ", Field(replication, "master_replid"));
  if (!cluster) return identity;
  const absl::string_view info = replies[2].text;
  if (Field(info, "cluster_state") != "ok") {
    return absl::UnavailableError("redis: the node has lost its cluster");
  }
  absl::StrAppend(&identity, " ", Field(info, "cluster_my_epoch"));
  return identity;
}

}  // namespace valetkey::redis
