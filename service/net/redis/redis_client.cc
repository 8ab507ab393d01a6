#include "service/net/redis/redis_client.h"

#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/status/status.h"
#include "service/base/log.h"
#include "service/net/redis/redis_dialer.h"
#include "service/net/redis/redis_handshake.h"
#include "service/net/redis/redis_link.h"
#include "service/net/redis/redis_transport.h"

namespace valetkey::redis {
namespace {

// A connection that ends sooner does not count as recovery: the next pause is
// longer.
constexpr absl::Duration kSteady = absl::Seconds(1);

ReplyQueue::TimePoint SteadyDeadline(absl::Time deadline) {
  const absl::Duration left = deadline - absl::Now();
  // Far deadlines do not fit into nanoseconds.
  if (left > absl::Hours(24 * 365)) return ReplyQueue::TimePoint::max();
  return ReplyQueue::Clock::now() + absl::ToChronoNanoseconds(left);
}

// The replies to a batch, until the last is there.
struct Batch {
  std::vector<RedisReply> replies;
  std::size_t missing = 0;
  BatchHandler handler;  // empty once it has run

  void Set(std::size_t index, absl::StatusOr<RedisReply> reply) {
    if (!handler) return;
    if (!reply.ok()) {
      std::exchange(handler, nullptr)(reply.status());
      return;
    }
    replies[index] = *std::move(reply);
    if (--missing == 0) std::exchange(handler, nullptr)(std::move(replies));
  }
};

}  // namespace

struct RedisClient::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor e, RedisOptions o)
      : executor(e),
        options(std::move(o)),
        tried(std::make_shared<Promise<bool>>(e)),
        dialer(e, options),
        pause(e),
        watch_pause(e) {}

  const asio::any_io_executor executor;
  const RedisOptions options;
  std::atomic<bool> healthy{false};
  std::atomic<std::int64_t> connects{0};
  // What follows belongs to the executor.
  const std::shared_ptr<Promise<bool>> tried;
  bool closed = false;
  RedisDialer dialer;
  std::shared_ptr<RedisLink> link;  // only while connected
  asio::steady_timer pause;
  asio::steady_timer watch_pause;

  absl::Status Admit(std::size_t count, absl::Time deadline) const;
  void Close();
  // Connects once; the reason why that failed or ended.
  Task<absl::Status> Serve();
  static Task<void> Run(std::shared_ptr<State> self);
  // Drops a connection to a server that is not the right one any more.
  static Task<void> Watch(std::shared_ptr<State> self);
  void NoteTried() {
    if (!tried->is_set()) tried->Set(true);
  }
};

absl::Status RedisClient::State::Admit(std::size_t count,
                                       absl::Time deadline) const {
  if (link == nullptr) return absl::UnavailableError("redis: not connected");
  if (deadline <= absl::Now()) {
    return absl::DeadlineExceededError("redis: no time left");
  }
  return link->Admit(count);
}

void RedisClient::State::Close() {
  closed = true;
  healthy = false;
  dialer.Close();
  if (link != nullptr) link->Fail(absl::UnavailableError("redis: closed"));
  pause.cancel();
  watch_pause.cancel();
  NoteTried();
}

Task<absl::Status> RedisClient::State::Serve() {
  absl::StatusOr<std::shared_ptr<RedisTransport>> transport =
      co_await dialer.Dial(options.client_name);
  if (!transport.ok()) co_return transport.status();
  if (closed) {
    (*transport)->Close();
    co_return absl::UnavailableError("redis: closed");
  }
  if (options.epoch != nullptr) {
    options.epoch->fetch_add(1, std::memory_order_acq_rel);
  }
  link = std::make_shared<RedisLink>(executor, *std::move(transport), options);
  link->Start();
  healthy = true;
  ++connects;
  NoteTried();
  Log(LogLevel::kInfo, "redis connected",
      {{"endpoint", options.url.Endpoint()}, {"server", dialer.server()}});
  std::shared_ptr<Promise<absl::Status>> lost = link->lost();
  while (!lost->is_set()) {
    co_await WaitFor(lost, absl::InfiniteDuration());
  }
  healthy = false;
  link = nullptr;
  co_return lost->value();
}

Task<void> RedisClient::State::Run(std::shared_ptr<State> self) {
  Backoff backoff(self->options.min_backoff, self->options.max_backoff,
                  *self->options.random);
  std::string last_message;
  while (!self->closed) {
    const std::int64_t connects_before = self->connects;
    const absl::Time start = absl::Now();
    absl::Status status = co_await self->Serve();
    if (self->closed) break;
    self->NoteTried();
    const bool was_connected = self->connects != connects_before;
    if (was_connected && absl::Now() - start > kSteady) backoff.Reset();
    // One line for each new reason, not for each try.
    if (was_connected || last_message != status.message()) {
      Log(LogLevel::kWarning,
          was_connected ? "redis connection lost" : "redis not reachable",
          {{"endpoint", self->options.url.Endpoint()}, {"error", status}});
      last_message = std::string(status.message());
    }
    self->pause.expires_after(absl::ToChronoNanoseconds(backoff.Next()));
    boost::system::error_code ignored;
    co_await self->pause.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
  }
}

Task<void> RedisClient::State::Watch(std::shared_ptr<State> self) {
  while (!self->closed) {
    self->watch_pause.expires_after(
        absl::ToChronoNanoseconds(self->options.ping_interval));
    boost::system::error_code ignored;
    co_await self->watch_pause.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
    if (self->closed || self->link == nullptr) continue;
    const std::shared_ptr<RedisLink> watched = self->link;
    const absl::Status status = co_await self->dialer.Recheck();
    if (!status.ok()) watched->Fail(absl::UnavailableError(status.message()));
  }
}

RedisClient::RedisClient(asio::any_io_executor executor, RedisOptions options)
    : state_(std::make_shared<State>(executor, std::move(options))) {
  // Ended by Close, which also fails the commands under way.
  scope_.SpawnUncancelled(executor, "redis connection", State::Run(state_));
  if (state_->options.url.mode != RedisUrl::Mode::kServer) {
    scope_.SpawnUncancelled(executor, "redis watch", State::Watch(state_));
  }
}

RedisClient::~RedisClient() {
  Close();
  scope_.Close();
  // Looking up a host cannot be interrupted: that may take a while.
  scope_.Join(absl::Minutes(1));
}

void RedisClient::Close() {
  asio::dispatch(state_->executor, [state = state_] { state->Close(); });
}

void RedisClient::Send(const std::vector<std::string>& argv,
                       absl::Time deadline, ReplyHandler handler,
                       asio::cancellation_slot slot) {
  if (absl::Status status = state_->Admit(1, deadline); !status.ok()) {
    asio::post(state_->executor, [handler = std::move(handler),
                                  status = std::move(status)]() mutable {
      handler(std::move(status));
    });
    return;
  }
  const std::uint64_t id =
      state_->link->Send(argv, SteadyDeadline(deadline), std::move(handler));
  if (slot.is_connected()) {
    slot.assign([link = std::weak_ptr<RedisLink>(state_->link),
                 id](asio::cancellation_type) {
      if (auto alive = link.lock()) alive->Cancel(id);
    });
  }
}

void RedisClient::SendAll(const std::vector<std::vector<std::string>>& commands,
                          absl::Time deadline, BatchHandler handler) {
  absl::Status status = state_->Admit(commands.size(), deadline);
  if (!status.ok() || commands.empty()) {
    asio::post(state_->executor, [handler = std::move(handler),
                                  status = std::move(status)]() mutable {
      if (status.ok()) {
        handler(std::vector<RedisReply>());
      } else {
        handler(std::move(status));
      }
    });
    return;
  }
  auto batch = std::make_shared<Batch>();
  batch->replies.resize(commands.size());
  batch->missing = commands.size();
  batch->handler = std::move(handler);
  const ReplyQueue::TimePoint steady = SteadyDeadline(deadline);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    state_->link->Send(commands[i], steady,
                       [batch, i](absl::StatusOr<RedisReply> reply) {
                         batch->Set(i, std::move(reply));
                       });
  }
}

Task<absl::StatusOr<RedisReply>> RedisClient::Command(
    std::vector<std::string> argv, absl::Time deadline) {
  return asio::async_initiate<const asio::use_awaitable_t<>,
                              void(absl::StatusOr<RedisReply>)>(
      [this, argv = std::move(argv), deadline](auto handler) {
        asio::cancellation_slot slot =
            asio::get_associated_cancellation_slot(handler);
        Send(argv, deadline, ReplyHandler(std::move(handler)), slot);
      },
      asio::use_awaitable);
}

Task<absl::StatusOr<std::vector<RedisReply>>> RedisClient::Pipeline(
    std::vector<std::vector<std::string>> commands, absl::Time deadline) {
  return asio::async_initiate<const asio::use_awaitable_t<>,
                              void(absl::StatusOr<std::vector<RedisReply>>)>(
      [this, commands = std::move(commands), deadline](auto handler) {
        SendAll(commands, deadline, BatchHandler(std::move(handler)));
      },
      asio::use_awaitable);
}

bool RedisClient::healthy() const { return state_->healthy; }
std::int64_t RedisClient::connects() const { return state_->connects; }
std::shared_ptr<Promise<bool>> RedisClient::tried() const {
  return state_->tried;
}
asio::any_io_executor RedisClient::executor() const { return state_->executor; }

}  // namespace valetkey::redis
