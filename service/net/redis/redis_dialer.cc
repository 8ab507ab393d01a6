#include "service/net/redis/redis_dialer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "service/net/redis/cluster_slots.h"
#include "service/net/redis/redis_handshake.h"

namespace valetkey::redis {
namespace {

using Transport = std::shared_ptr<RedisTransport>;

// Ends a connection when it goes out of scope, or after a time.
class TimeLimit {
 public:
  TimeLimit(asio::any_io_executor executor, Transport transport,
            absl::Duration timeout)
      : transport_(std::move(transport)), timer_(executor) {
    timer_.expires_after(absl::ToChronoNanoseconds(timeout));
    timer_.async_wait([transport = transport_](boost::system::error_code e) {
      if (!e) transport->Close();
    });
  }
  ~TimeLimit() {
    timer_.cancel();
    transport_->Close();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  const Transport transport_;
  asio::steady_timer timer_;
};

Task<absl::StatusOr<RedisReply>> Exchange(Transport transport,
                                          std::vector<std::string> argv,
                                          RespLimits limits) {
  std::string bytes;
  AppendCommand(argv, &bytes);
  absl::Status status = co_await WriteAll(transport, asio::buffer(bytes));
  if (!status.ok()) co_return status;
  RespReader reader(limits);
  std::array<char, 16 << 10> buffer;
  RedisReply reply;
  for (;;) {
    absl::StatusOr<bool> complete = reader.Next(&reply);
    if (!complete.ok()) co_return complete.status();
    if (*complete) co_return reply;
    absl::StatusOr<std::size_t> size =
        co_await ReadSome(transport, asio::buffer(buffer));
    if (!size.ok()) co_return size.status();
    status = reader.Feed(absl::string_view(buffer.data(), *size));
    if (!status.ok()) co_return status;
  }
}

std::vector<std::string> Argv(std::initializer_list<const char*> words) {
  return {words.begin(), words.end()};
}

}  // namespace

RedisDialer::RedisDialer(asio::any_io_executor executor,
                         const RedisOptions& options)
    : executor_(executor), options_(options) {
  if (options_.url.mode == RedisUrl::Mode::kSentinel) {
    sentinels_ = options_.url.hosts;
  }
}

std::string RedisDialer::server() const {
  return server_.name.empty() ? "" : server_.ToString();
}

void RedisDialer::Close() {
  closed_ = true;
  for (const auto& weak : open_) {
    if (Transport transport = weak.lock()) transport->Close();
  }
}

Task<absl::StatusOr<Transport>> RedisDialer::Open(RedisUrl url,
                                                  std::string client_name,
                                                  absl::Duration timeout,
                                                  bool master_only) {
  if (closed_) co_return absl::UnavailableError("redis: closed");
  absl::StatusOr<Transport> transport = NewRedisTransport(executor_, url);
  if (!transport.ok()) co_return transport.status();
  std::erase_if(open_, [](const auto& weak) { return weak.expired(); });
  open_.push_back(*transport);
  absl::Status status = co_await Establish(
      *transport, url, std::move(client_name), timeout, master_only);
  if (status.ok() && closed_) {
    (*transport)->Close();
    status = absl::UnavailableError("redis: closed");
  }
  if (!status.ok()) co_return status;
  co_return *std::move(transport);
}

Task<absl::StatusOr<RedisReply>> RedisDialer::Ask(
    RedisUrl url, std::vector<std::string> argv) {
  absl::StatusOr<Transport> transport = co_await Open(
      std::move(url), options_.client_name,
      std::min(options_.connect_timeout, options_.discovery_timeout),
      /*master_only=*/false);
  if (!transport.ok()) co_return transport.status();
  const TimeLimit limit(executor_, *transport, options_.discovery_timeout);
  co_return co_await Exchange(*transport, std::move(argv), options_.limits);
}

Task<absl::StatusOr<RedisHost>> RedisDialer::AskSentinel(RedisHost sentinel) {
  std::vector<std::string> question =
      Argv({"SENTINEL", "get-master-addr-by-name"});
  question.push_back(options_.url.master_name);
  absl::StatusOr<RedisReply> reply =
      co_await Ask(options_.url.ForSentinel(sentinel), std::move(question));
  if (!reply.ok()) {
    co_return absl::UnavailableError(
        absl::StrCat("a sentinel: ", reply.status().message()));
  }
  if (reply->is_error()) co_return ErrorOf(*reply);
  RedisHost master;
  if (!reply->is_array() || reply->elements.size() != 2 ||
      !absl::SimpleAtoi(reply->elements[1].text, &master.port)) {
    co_return absl::UnavailableError(
        "redis: a sentinel knows no master of that name");
  }
  master.name = std::move(reply->elements[0].text);
  co_return master;
}

Task<absl::StatusOr<RedisHost>> RedisDialer::FindMaster() {
  absl::StatusOr<RedisHost> master =
      absl::UnavailableError("redis: there is no sentinel");
  // A copy: another question may change the order meanwhile.
  const std::vector<RedisHost> sentinels = sentinels_;
  for (const RedisHost& sentinel : sentinels) {
    if (closed_) co_return absl::UnavailableError("redis: closed");
    master = co_await AskSentinel(sentinel);
    if (!master.ok()) continue;
    const auto it = std::find(sentinels_.begin(), sentinels_.end(), sentinel);
    std::rotate(sentinels_.begin(), it, it + 1);
    break;
  }
  co_return master;
}

Task<absl::Status> RedisDialer::AskNode(RedisHost node) {
  const RedisUrl url = options_.url.ForServer(node);
  absl::StatusOr<RedisReply> info =
      co_await Ask(url, Argv({"CLUSTER", "INFO"}));
  if (!info.ok()) co_return info.status();
  if (info->is_error()) co_return ErrorOf(*info);
  if (!absl::StrContains(info->text, "cluster_state:ok")) {
    co_return absl::FailedPreconditionError(
        "redis: the node has lost its cluster");
  }
  absl::StatusOr<RedisReply> slots =
      co_await Ask(url, Argv({"CLUSTER", "SLOTS"}));
  if (!slots.ok() || slots->is_error()) co_return absl::OkStatus();
  absl::StatusOr<SlotMap> map = ParseClusterSlots(*slots, node.name);
  if (map.ok()) {
    learned_ = map->replicas;
    for (const ClusterNode& each : map->masters) learned_.push_back(each.host);
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Transport>> RedisDialer::Dial(std::string client_name) {
  const RedisUrl& url = options_.url;
  if (url.mode == RedisUrl::Mode::kServer) {
    server_ = {.name = url.host, .port = url.port};
    co_return co_await Open(url, std::move(client_name),
                            options_.connect_timeout, /*master_only=*/false);
  }
  RedisHost server;
  if (url.mode == RedisUrl::Mode::kSentinel) {
    absl::StatusOr<RedisHost> master = co_await FindMaster();
    if (!master.ok()) co_return master.status();
    server = *std::move(master);
  } else {
    const std::size_t turn = turn_++ % (url.hosts.size() + learned_.size());
    server = turn < url.hosts.size() ? url.hosts[turn]
                                     : learned_[turn - url.hosts.size()];
    absl::Status status = co_await AskNode(server);
    if (!status.ok()) co_return status;
  }
  server_ = server;
  co_return co_await Open(
      url.ForServer(server), std::move(client_name),
      std::min(options_.connect_timeout, options_.discovery_timeout),
      /*master_only=*/url.mode == RedisUrl::Mode::kSentinel);
}

Task<absl::Status> RedisDialer::Recheck() {
  switch (options_.url.mode) {
    case RedisUrl::Mode::kServer:
      break;
    case RedisUrl::Mode::kSentinel: {
      // One alone may be cut off from the rest, together with an old master.
      const std::vector<RedisHost> sentinels = sentinels_;
      std::size_t others = 0;
      for (const RedisHost& sentinel : sentinels) {
        const absl::StatusOr<RedisHost> master = co_await AskSentinel(sentinel);
        if (master.ok() && *master != server_) ++others;
      }
      if (2 * others > sentinels.size()) {
        co_return absl::UnavailableError(
            "redis: the sentinels name another master");
      }
      break;
    }
    case RedisUrl::Mode::kCluster: {
      absl::Status status = co_await AskNode(server_);
      if (status.code() == absl::StatusCode::kFailedPrecondition) {
        co_return status;
      }
      break;
    }
  }
  co_return absl::OkStatus();
}

}  // namespace valetkey::redis
