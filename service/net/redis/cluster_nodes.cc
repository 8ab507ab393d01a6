#include "service/net/redis/cluster_nodes.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "service/base/log.h"
#include "service/net/redis/redis_handshake.h"

namespace valetkey::redis {
namespace {

// The map is not read more often than this because it seems wrong.
constexpr absl::Duration kThrottle = absl::Milliseconds(200);
// Nobody takes longer to tell it.
constexpr absl::Duration kReadTime = absl::Seconds(10);
// A node without a slot is kept for so long after its last use: slots that are
// on their way to it lead there.
constexpr std::chrono::seconds kKeepUnused(2);

}  // namespace

ClusterNodes::ClusterNodes(asio::any_io_executor executor, RedisOptions options)
    : executor_(executor),
      options_(std::move(options)),
      dialer_(executor, options_),
      timer_(executor) {
  scope_.SpawnUncancelled(executor_, "redis cluster", Run());
}

ClusterNodes::~ClusterNodes() {
  Close();
  scope_.Close();
  // Looking up a host cannot be interrupted: that may take a while.
  scope_.Join(absl::Minutes(1));
}

void ClusterNodes::Close() {
  scope_.SpawnUncancelled(executor_, "redis cluster close", CloseAll());
}

Task<void> ClusterNodes::CloseAll() {
  closed_ = true;
  dialer_.Close();
  timer_.cancel();
  for (auto& [name, node] : nodes_) node.client->Close();
  co_return;
}

Task<void> ClusterNodes::Pause(absl::Duration time) {
  if (closed_) co_return;
  timer_.expires_after(absl::ToChronoNanoseconds(time));
  boost::system::error_code ignored;
  co_await timer_.async_wait(
      asio::redirect_error(asio::use_awaitable, ignored));
}

Task<void> ClusterNodes::Run() {
  Backoff backoff(options_.min_backoff, options_.max_backoff, *options_.random);
  std::string last_message;
  while (!closed_) {
    wanted_ = false;
    absl::Status status = co_await Refresh(absl::Now() + kReadTime);
    if (closed_) break;
    if (status.ok()) {
      backoff.Reset();
      last_message.clear();
      co_await Pause(kThrottle);
      if (wanted_) continue;
      resting_ = true;
      co_await Pause(options_.ping_interval);
      resting_ = false;
      continue;
    }
    // One line for each new reason, not for each try.
    if (last_message != status.message()) {
      Log(LogLevel::kWarning, "redis cluster does not tell its slots",
          {{"endpoint", options_.url.Endpoint()}, {"error", status}});
      last_message = std::string(status.message());
    }
    co_await Pause(backoff.Next());
  }
}

void ClusterNodes::WantRefresh() {
  wanted_ = true;
  if (resting_) timer_.cancel();
}

Task<absl::Status> ClusterNodes::Refresh(absl::Time deadline) {
  absl::StatusOr<SlotMap> map = co_await ReadMap(deadline);
  if (!map.ok()) co_return map.status();
  if (closed_) co_return absl::UnavailableError("redis: closed");
  Apply(*std::move(map));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<SlotMap>> ClusterNodes::AskConnected(RedisHost host,
                                                         absl::Time deadline,
                                                         bool* sound) {
  std::vector<std::vector<std::string>> commands = {{"CLUSTER", "INFO"},
                                                    {"CLUSTER", "SLOTS"}};
  auto replies = co_await At(host).Pipeline(std::move(commands), deadline);
  if (!replies.ok()) co_return replies.status();
  *sound = absl::StrContains((*replies)[0].text, "cluster_state:ok");
  co_return ParseClusterSlots((*replies)[1], host.name);
}

Task<absl::StatusOr<SlotMap>> ClusterNodes::ReadMap(absl::Time deadline) {
  // Those that are connected first. What one tells that has lost its cluster is
  // believed only if nobody knows better.
  std::vector<RedisHost> others = options_.url.hosts;
  std::vector<RedisHost> connected;
  others.insert(others.end(), map_.replicas.begin(), map_.replicas.end());
  for (const ClusterNode& node : map_.masters) {
    const auto it = nodes_.find(node.host.ToString());
    const bool healthy = it != nodes_.end() && it->second.client->healthy();
    (healthy ? connected : others).push_back(node.host);
  }
  if (!connected.empty()) {
    std::rotate(connected.begin(),
                connected.begin() +
                    static_cast<std::ptrdiff_t>(turn_++ % connected.size()),
                connected.end());
  }
  absl::StatusOr<SlotMap> found =
      absl::UnavailableError("redis: no node of the cluster answers");
  for (const RedisHost& host : connected) {
    bool sound = false;
    absl::StatusOr<SlotMap> map = co_await AskConnected(host, deadline, &sound);
    if (closed_) co_return absl::UnavailableError("redis: closed");
    if (map.ok() && sound) co_return map;
    if (map.ok() || !found.ok()) found = std::move(map);
  }
  if (found.ok()) co_return found;
  for (const RedisHost& host : others) {
    if (closed_) co_return absl::UnavailableError("redis: closed");
    if (absl::Now() >= deadline) break;
    std::vector<std::string> argv = {"CLUSTER", "SLOTS"};
    absl::StatusOr<RedisReply> reply =
        co_await dialer_.Ask(options_.url.ForServer(host), std::move(argv));
    if (!reply.ok()) {
      found = reply.status();
      continue;
    }
    found = ParseClusterSlots(*reply, host.name);
    if (found.ok()) co_return found;
  }
  co_return found;
}

RedisClient& ClusterNodes::At(const RedisHost& host) {
  Node& node = nodes_[host.ToString()];
  node.used = SteadyClock::now();
  if (node.client == nullptr) {
    RedisOptions options = options_;
    options.url = options_.url.ForServer(host);
    node.client = std::make_unique<RedisClient>(executor_, std::move(options));
    if (closed_) node.client->Close();
  }
  return *node.client;
}

const RedisHost* ClusterNodes::Any() {
  if (map_.masters.empty()) return nullptr;
  const std::size_t first = turn_++;
  for (std::size_t i = 0; i < map_.masters.size(); ++i) {
    const RedisHost& host =
        map_.masters[(first + i) % map_.masters.size()].host;
    if (At(host).healthy()) return &host;
  }
  return &map_.masters[first % map_.masters.size()].host;
}

void ClusterNodes::RaiseEpoch() {
  options_.epoch->fetch_add(1, std::memory_order_acq_rel);
}

void ClusterNodes::Move(int slot, const RedisHost& host) {
  WantRefresh();
  if (map_.Move(slot, host)) RaiseEpoch();
}

void ClusterNodes::Apply(SlotMap map) {
  const bool changed = map.Describe(true) != map_.Describe(true);
  map_ = std::move(map);
  std::vector<const RedisClient*> masters;
  for (const ClusterNode& node : map_.masters) {
    masters.push_back(&At(node.host));
  }
  {
    MutexLock lock(mutex_);
    masters_ = std::move(masters);
  }
  if (changed) {
    RaiseEpoch();
    Log(LogLevel::kInfo, "redis cluster has new slots",
        {{"endpoint", options_.url.Endpoint()},
         {"masters", map_.masters.size()}});
  }
  DropOthers();
}

void ClusterNodes::DropOthers() {
  const SteadyClock::time_point now = SteadyClock::now();
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    if (now - it->second.used < kKeepUnused) {
      ++it;
      continue;
    }
    it->second.client->Close();
    leaving_.push_back(std::move(it->second.client));
    it = nodes_.erase(it);
  }
  // Their tasks end in later turns of the event loop.
  std::erase_if(leaving_, [](const auto& client) { return client->done(); });
}

bool ClusterNodes::healthy() const {
  MutexLock lock(mutex_);
  return std::any_of(masters_.begin(), masters_.end(),
                     [](const RedisClient* each) { return each->healthy(); });
}

}  // namespace valetkey::redis
