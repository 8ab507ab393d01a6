#include "service/net/redis/redis_client_pool.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

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

}  // namespace

RedisClientPool::RedisClientPool(ReactorPool& reactors, RedisOptions options)
    : reactors_(reactors), options_(std::move(options)) {
  for (int i = 0; i < reactors_.size(); ++i) {
    clients_.push_back(
        std::make_unique<RedisClient>(reactors_.At(i).executor(), options_));
  }
}

RedisClientPool::~RedisClientPool() {
  for (auto& client : clients_) client->Close();
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

// The client is chosen when the task starts to wait, on the thread where it
// runs, which need not be the one that made it.

Task<absl::StatusOr<RedisReply>> RedisClientPool::Command(
    std::vector<std::string> argv, absl::Time deadline) {
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

bool RedisClientPool::healthy() const {
  if (const RedisClient* client = Here()) return client->healthy();
  return connected() > 0;
}

int RedisClientPool::connected() const {
  int count = 0;
  for (const auto& client : clients_) count += client->healthy() ? 1 : 0;
  return count;
}

}  // namespace valetkey::redis
