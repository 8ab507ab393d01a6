#include "service/net/redis/cluster_client.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "service/async/promise.h"
#include "service/net/redis/cluster_slots.h"
#include "service/net/redis/incarnation.h"
#include "service/net/redis/redis_client.h"

namespace valetkey::redis {
namespace {

// A command is sent so often at most after the first time. The cluster's rules
// need two; the rest is for slots that move meanwhile.
constexpr int kRedirections = 5;
// Before a command that met a passing state is sent again; doubles each time,
// which makes 124 ms in all.
constexpr absl::Duration kFirstPause = absl::Milliseconds(4);

bool IsPassing(const RedisReply& reply) {
  const absl::string_view code = ErrorCode(reply);
  return code == "TRYAGAIN" || code == "CLUSTERDOWN" || code == "LOADING";
}

}  // namespace

// The replies of one round, until the last is there. Shared, for a waiter that
// is cancelled leaves before they come.
struct ClusterClient::Answers {
  std::vector<RedisReply> replies;
  absl::Status status;  // the first that was not OK
  std::size_t missing = 0;
  std::shared_ptr<Promise<bool>> done;

  void Set(std::size_t index, absl::StatusOr<RedisReply> reply) {
    if (reply.ok()) {
      replies[index] = *std::move(reply);
    } else if (status.ok()) {
      status = reply.status();
    }
    if (--missing == 0) done->Set(true);
  }
};

absl::Status ClusterClient::Address(const std::vector<std::string>& command,
                                    Pending* pending) {
  absl::StatusOr<std::optional<int>> slot = SlotOfCommand(command);
  if (!slot.ok()) return slot.status();
  const RedisHost* host = nullptr;
  if (slot->has_value()) {
    const ClusterNode* node = nodes_.map().Owner(**slot);
    if (node != nullptr) host = &node->host;
  } else {
    host = nodes_.Any();
  }
  if (host == nullptr) {
    nodes_.WantRefresh();
    return absl::UnavailableError(nodes_.map().masters.empty()
                                      ? "redis: not connected"
                                      : "redis: no node has the slot");
  }
  pending->host = *host;
  return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<RedisReply>>> ClusterClient::Round(
    const std::vector<Pending>& pending,
    const std::vector<std::vector<std::string>>& commands,
    absl::Time deadline) {
  // A node that was met just now is given the time to connect.
  for (const Pending& each : pending) {
    std::shared_ptr<Promise<bool>> tried = nodes_.At(each.host).tried();
    if (tried->is_set()) continue;
    const absl::Duration left = deadline - absl::Now();
    if (!co_await WaitFor(tried, std::min(left, absl::Hours(1)))) {
      co_return absl::UnavailableError("redis: not connected");
    }
  }
  auto answers = std::make_shared<Answers>();
  answers->replies.resize(pending.size());
  answers->missing = pending.size();
  answers->done = std::make_shared<Promise<bool>>(nodes_.executor());
  for (std::size_t i = 0; i < pending.size(); ++i) {
    RedisClient& client = nodes_.At(pending[i].host);
    if (pending[i].asking) {
      client.Send({"ASKING"}, deadline, [](absl::StatusOr<RedisReply>) {});
    }
    client.Send(commands[pending[i].index], deadline,
                [answers, i](absl::StatusOr<RedisReply> reply) {
                  answers->Set(i, std::move(reply));
                });
  }
  if (!co_await WaitFor(answers->done, absl::InfiniteDuration())) {
    co_return absl::CancelledError("redis: the caller gave up");
  }
  if (!answers->status.ok()) {
    nodes_.WantRefresh();
    co_return answers->status;
  }
  co_return std::move(answers->replies);
}

Task<absl::StatusOr<std::vector<RedisReply>>> ClusterClient::Pipeline(
    std::vector<std::vector<std::string>> commands, absl::Time deadline) {
  std::vector<RedisReply> replies(commands.size());
  std::vector<Pending> pending(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    pending[i].index = i;
    if (absl::Status status = Address(commands[i], &pending[i]); !status.ok()) {
      co_return status;
    }
  }
  absl::Duration pause = kFirstPause;
  for (int again = 0; !pending.empty(); ++again) {
    absl::StatusOr<std::vector<RedisReply>> round =
        co_await Round(pending, commands, deadline);
    if (!round.ok()) co_return round.status();
    std::vector<Pending> next;
    bool passing = false;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      RedisReply& reply = (*round)[i];
      std::optional<Redirection> redirection = ParseRedirection(reply);
      if (redirection.has_value()) {
        if (redirection->host.name.empty()) {
          redirection->host.name = pending[i].host.name;
        }
        if (!redirection->ask) {
          nodes_.Move(redirection->slot, redirection->host);
        }
        next.push_back(
            {pending[i].index, std::move(redirection->host), redirection->ask});
      } else if (IsPassing(reply) && again < kRedirections) {
        passing = true;
        next.push_back(pending[i]);
      } else {
        replies[pending[i].index] = std::move(reply);
      }
    }
    if (!next.empty() && again == kRedirections) {
      co_return absl::UnavailableError("redis: redirected too often");
    }
    if (passing) {
      nodes_.WantRefresh();
      if (absl::Now() + pause > deadline || !co_await SleepFor(pause)) {
        co_return absl::UnavailableError("redis: the cluster is not ready");
      }
      pause *= 2;
    }
    pending = std::move(next);
  }
  co_return replies;
}

Task<absl::StatusOr<std::string>> ClusterClient::Identify(absl::Time deadline) {
  absl::Status status = co_await nodes_.Refresh(deadline);
  if (!status.ok()) co_return status;
  std::string identity = nodes_.map().Describe(/*with_hosts=*/false);
  const std::string with_hosts = nodes_.map().Describe(/*with_hosts=*/true);
  std::vector<ClusterNode> masters = nodes_.map().masters;
  std::sort(masters.begin(), masters.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });

  const auto commands = IdentityCommands(RedisUrl::Mode::kCluster);
  std::vector<Pending> pending;
  for (const ClusterNode& master : masters) {
    for (std::size_t i = 0; i < commands.size(); ++i) {
      pending.push_back({i, master.host, false});
    }
  }
  auto replies = co_await Round(pending, commands, deadline);
  if (!replies.ok()) co_return replies.status();
  for (std::size_t i = 0; i < masters.size(); ++i) {
    absl::StatusOr<std::string> one = IdentityOf(
        RedisUrl::Mode::kCluster, absl::MakeConstSpan(*replies).subspan(
                                      i * commands.size(), commands.size()));
    if (!one.ok()) co_return one.status();
    absl::StrAppend(&identity, masters[i].id, " ", *one, "\n");
  }
  if (with_hosts != nodes_.map().Describe(/*with_hosts=*/true)) {
    co_return absl::UnavailableError("redis: slots moved meanwhile");
  }
  co_return identity;
}

}  // namespace valetkey::redis
