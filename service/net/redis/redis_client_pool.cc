#include "service/net/redis/redis_client_pool.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "service/net/redis/incarnation.h"

namespace valetkey::redis {
namespace {

// A handler that runs the given one on its own executor.
template <class Result, class Handler>
auto ComeBack(Handler handler) {
  const asio::any_io_executor home = asio::get_associated_executor(handler);
  return [home, handler = std::move(handler)](Result result) mutable {
    asio::post(home, [handler = std::move(handler),
                      result = std::move(result)]() mutable {
      handler(std::move(result));
    });
  };
}

// Gives what a task makes to a handler.
template <class Result>
Task<void> Give(Task<Result> task, absl::AnyInvocable<void(Result)> handler) {
  handler(co_await std::move(task));
}

// Runs a task on an executor and resumes on the caller's. REQUIRES: the scope
// is not closed.
template <class Result>
Task<Result> RunThere(TaskScope& scope, asio::any_io_executor there,
                      Task<Result> task) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(
      [&scope, there, task = std::move(task)](auto handler) mutable {
        scope.SpawnUncancelled(
            there, "redis command for another thread",
            Give<Result>(std::move(task),
                         ComeBack<Result>(std::move(handler))));
      },
      asio::use_awaitable);
}

RedisOptions WithEpoch(RedisOptions options,
                       std::shared_ptr<std::atomic<std::uint64_t>> epoch) {
  options.epoch = std::move(epoch);
  return options;
}

// What an incarnation is read with again, when connections come and go.
constexpr int kAttempts = 3;

}  // namespace

RedisClientPool::RedisClientPool(ReactorPool& reactors, RedisOptions options)
    : reactors_(reactors),
      epoch_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      options_(WithEpoch(std::move(options), epoch_)) {
  for (int i = 0; i < reactors_.size(); ++i) {
    const asio::any_io_executor executor = reactors_.At(i).executor();
    if (options_.url.mode == RedisUrl::Mode::kCluster) {
      clusters_.push_back(std::make_unique<ClusterClient>(executor, options_));
    } else {
      clients_.push_back(std::make_unique<RedisClient>(executor, options_));
    }
  }
}

RedisClientPool::~RedisClientPool() {
  for (auto& client : clients_) client->Close();
  for (auto& cluster : clusters_) cluster->Close();
  scope_.Close();
  scope_.Join(absl::Minutes(1));
}

RedisClient* RedisClientPool::Here() const {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (reactors_.At(static_cast<int>(i)).InThread()) return clients_[i].get();
  }
  return nullptr;
}

RedisClient& RedisClientPool::Any() {
  const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    RedisClient& client = *clients_[(first + i) % clients_.size()];
    if (client.healthy()) return client;
  }
  return *clients_[first % clients_.size()];
}

bool RedisClientPool::HealthyAt(int index) const {
  const auto i = static_cast<std::size_t>(index);
  return clusters_.empty() ? clients_[i]->healthy() : clusters_[i]->healthy();
}

int RedisClientPool::HereOrAny() {
  for (int i = 0; i < reactors_.size(); ++i) {
    if (reactors_.At(i).InThread()) return i;
  }
  const int size = reactors_.size();
  const int first =
      static_cast<int>(next_.fetch_add(1, std::memory_order_relaxed) %
                       static_cast<unsigned>(size));
  for (int i = 0; i < size; ++i) {
    if (HealthyAt((first + i) % size)) return (first + i) % size;
  }
  return first;
}

// The client is chosen when the task starts to wait, on the thread where it
// runs, which need not be the one that made it.

Task<absl::StatusOr<RedisReply>> RedisClientPool::Command(
    std::vector<std::string> argv, absl::Time deadline) {
  if (!clusters_.empty()) return ClusterCommand(std::move(argv), deadline);
  using Result = absl::StatusOr<RedisReply>;
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(
      [this, argv = std::move(argv), deadline](auto handler) mutable {
        if (RedisClient* client = Here()) {
          asio::cancellation_slot slot =
              asio::get_associated_cancellation_slot(handler);
          client->Send(argv, deadline, ReplyHandler(std::move(handler)), slot);
          return;
        }
        RedisClient& client = Any();
        asio::post(client.executor(),
                   [&client, argv = std::move(argv), deadline,
                    back = ReplyHandler(
                        ComeBack<Result>(std::move(handler)))]() mutable {
                     client.Send(argv, deadline, std::move(back));
                   });
      },
      asio::use_awaitable);
}

Task<absl::StatusOr<std::vector<RedisReply>>> RedisClientPool::Pipeline(
    std::vector<std::vector<std::string>> commands, absl::Time deadline) {
  if (!clusters_.empty()) return ClusterPipeline(std::move(commands), deadline);
  using Result = absl::StatusOr<std::vector<RedisReply>>;
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(
      [this, commands = std::move(commands), deadline](auto handler) mutable {
        if (RedisClient* client = Here()) {
          client->SendAll(commands, deadline, BatchHandler(std::move(handler)));
          return;
        }
        RedisClient& client = Any();
        asio::post(client.executor(),
                   [&client, commands = std::move(commands), deadline,
                    back = BatchHandler(
                        ComeBack<Result>(std::move(handler)))]() mutable {
                     client.SendAll(commands, deadline, std::move(back));
                   });
      },
      asio::use_awaitable);
}

Task<absl::StatusOr<std::vector<RedisReply>>> RedisClientPool::ClusterPipeline(
    std::vector<std::vector<std::string>> commands, absl::Time deadline) {
  const int index = HereOrAny();
  ClusterClient& cluster = *clusters_[static_cast<std::size_t>(index)];
  if (reactors_.At(index).InThread()) {
    co_return co_await cluster.Pipeline(std::move(commands), deadline);
  }
  co_return co_await RunThere(scope_, cluster.executor(),
                              cluster.Pipeline(std::move(commands), deadline));
}

Task<absl::StatusOr<RedisReply>> RedisClientPool::ClusterCommand(
    std::vector<std::string> argv, absl::Time deadline) {
  std::vector<std::vector<std::string>> commands;
  commands.push_back(std::move(argv));
  auto replies = co_await ClusterPipeline(std::move(commands), deadline);
  if (!replies.ok()) co_return replies.status();
  co_return std::move(replies->front());
}

Task<absl::StatusOr<std::string>> RedisClientPool::IdentifyAt(
    int index, absl::Time deadline) {
  const auto i = static_cast<std::size_t>(index);
  if (!clusters_.empty()) co_return co_await clusters_[i]->Identify(deadline);
  auto replies = co_await clients_[i]->Pipeline(
      IdentityCommands(options_.url.mode), deadline);
  if (!replies.ok()) co_return replies.status();
  co_return IdentityOf(options_.url.mode, *replies);
}

Task<absl::StatusOr<std::string>> RedisClientPool::Identify(
    int index, absl::Time deadline) {
  if (reactors_.At(index).InThread()) {
    co_return co_await IdentifyAt(index, deadline);
  }
  co_return co_await RunThere(scope_, reactors_.At(index).executor(),
                              IdentifyAt(index, deadline));
}

Task<absl::StatusOr<RedisClientPool::Incarnation>>
RedisClientPool::FindIncarnation(absl::Time deadline) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Incarnation found;
    found.epoch = epoch();
    // Connections that were there at the last look lead to the same processes
    // still: one of them tells enough.
    const bool all = agreed_.load(std::memory_order_acquire) != found.epoch;
    const int chosen = HereOrAny();
    for (int i = 0; i < reactors_.size(); ++i) {
      if (i != chosen && !(all && HealthyAt(i))) continue;
      absl::StatusOr<std::string> id = co_await Identify(i, deadline);
      if (!id.ok()) co_return id.status();
      if (!found.id.empty() && found.id != *id) {
        co_return absl::UnavailableError(
            "redis: connections lead to different servers");
      }
      found.id = *std::move(id);
    }
    if (epoch() != found.epoch) continue;
    agreed_.store(found.epoch, std::memory_order_release);
    co_return found;
  }
  co_return absl::UnavailableError("redis: connections come and go");
}

bool RedisClientPool::healthy() const {
  for (int i = 0; i < reactors_.size(); ++i) {
    if (reactors_.At(i).InThread()) return HealthyAt(i);
  }
  return connected() > 0;
}

int RedisClientPool::connected() const {
  int count = 0;
  for (int i = 0; i < reactors_.size(); ++i) count += HealthyAt(i) ? 1 : 0;
  return count;
}

}  // namespace valetkey::redis
