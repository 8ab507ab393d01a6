#include "service/net/redis/redis_subscriber.h"

#include <array>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/status/status.h"
#include "service/base/log.h"
#include "service/net/redis/redis_dialer.h"
#include "service/net/redis/redis_handshake.h"
#include "service/net/redis/redis_transport.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {
namespace {

// A subscription may be silent for hours. PING shows whether the other side is
// still there; without an answer until the next one the connection is closed.
class Heartbeat : public std::enable_shared_from_this<Heartbeat> {
 public:
  Heartbeat(asio::any_io_executor executor,
            std::shared_ptr<RedisTransport> transport, absl::Duration interval)
      : transport_(std::move(transport)),
        interval_(interval),
        timer_(executor) {
    AppendCommand({"PING"}, &ping_);
  }

  void Start() {
    timer_.expires_after(absl::ToChronoNanoseconds(interval_));
    timer_.async_wait(
        [self = shared_from_this()](boost::system::error_code error) {
          if (!error && !self->stopped_) self->OnTick();
        });
  }
  void OnBytes() { heard_ = true; }
  void Stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void OnTick() {
    if (!heard_ || writing_) {
      transport_->Close();
      return;
    }
    heard_ = false;
    writing_ = true;
    transport_->Write(
        asio::buffer(ping_),
        [self = shared_from_this()](boost::system::error_code, std::size_t) {
          self->writing_ = false;
        });
    Start();
  }

  const std::shared_ptr<RedisTransport> transport_;
  const absl::Duration interval_;
  asio::steady_timer timer_;
  std::string ping_;
  bool heard_ = true;
  bool writing_ = false;
  bool stopped_ = false;
};

}  // namespace

struct RedisSubscriber::State {
  State(asio::any_io_executor e, RedisOptions o, std::vector<std::string> c,
        SubscriberCallbacks b)
      : executor(e),
        options(std::move(o)),
        channels(std::move(c)),
        callbacks(std::move(b)),
        dialer(e, options),
        pause(e),
        watch_pause(e) {}

  const asio::any_io_executor executor;
  const RedisOptions options;
  const std::vector<std::string> channels;
  const SubscriberCallbacks callbacks;
  std::atomic<bool> healthy{false};
  // What follows belongs to the executor.
  bool closed = false;
  std::size_t confirmed = 0;  // channels
  RedisDialer dialer;
  std::shared_ptr<RedisTransport> transport;  // while connected
  asio::steady_timer pause;
  asio::steady_timer watch_pause;

  void Close();
  absl::Status OnReply(RedisReply reply);
  // Subscribes once and listens; the reason why that failed or ended.
  Task<absl::Status> Serve();
  Task<absl::Status> Listen(std::shared_ptr<Heartbeat> heartbeat);
  static Task<void> Run(std::shared_ptr<State> self);
  // Drops a connection to a server that is not the right one any more.
  static Task<void> Watch(std::shared_ptr<State> self);
};

void RedisSubscriber::State::Close() {
  closed = true;
  dialer.Close();
  if (transport != nullptr) transport->Close();
  pause.cancel();
  watch_pause.cancel();
}

absl::Status RedisSubscriber::State::OnReply(RedisReply reply) {
  if (reply.is_error()) return ErrorOf(reply);
  if (!reply.is_array() || reply.elements.empty()) {
    return absl::DataLossError("redis: not a message");
  }
  const std::string& kind = reply.elements[0].text;
  if (kind == "message" && reply.elements.size() == 3) {
    callbacks.on_message(std::move(reply.elements[1].text),
                         std::move(reply.elements[2].text));
  } else if (kind == "subscribe" && ++confirmed == channels.size()) {
    healthy = true;
    callbacks.on_subscribed();
  }
  return absl::OkStatus();  // "pong" and what a later version may add
}

Task<absl::Status> RedisSubscriber::State::Listen(
    std::shared_ptr<Heartbeat> heartbeat) {
  RespReader reader(options.limits);
  std::array<char, 16 << 10> buffer;
  while (!closed) {
    absl::StatusOr<std::size_t> size =
        co_await ReadSome(transport, asio::buffer(buffer));
    if (!size.ok()) co_return size.status();
    heartbeat->OnBytes();
    absl::Status status = reader.Feed(absl::string_view(buffer.data(), *size));
    if (!status.ok()) co_return status;
    for (;;) {
      RedisReply reply;
      absl::StatusOr<bool> complete = reader.Next(&reply);
      if (!complete.ok()) co_return complete.status();
      if (!*complete) break;
      status = OnReply(std::move(reply));
      if (!status.ok()) co_return status;
    }
  }
  co_return absl::CancelledError("redis: closed");
}

Task<absl::Status> RedisSubscriber::State::Serve() {
  confirmed = 0;
  const std::string name =
      options.client_name.empty() ? "" : options.client_name + "-subscriber";
  absl::StatusOr<std::shared_ptr<RedisTransport>> made =
      co_await dialer.Dial(name);
  if (!made.ok()) co_return made.status();
  transport = *made;
  if (closed) {
    transport->Close();
    co_return absl::CancelledError("redis: closed");
  }
  std::vector<std::string> subscribe = {"SUBSCRIBE"};
  subscribe.insert(subscribe.end(), channels.begin(), channels.end());
  std::string bytes;
  AppendCommand(subscribe, &bytes);
  absl::Status status = co_await WriteAll(transport, asio::buffer(bytes));
  if (status.ok()) {
    auto heartbeat =
        std::make_shared<Heartbeat>(executor, transport, options.ping_interval);
    heartbeat->Start();
    status = co_await Listen(heartbeat);
    heartbeat->Stop();
  }
  transport->Close();
  transport = nullptr;
  if (healthy.exchange(false)) callbacks.on_lost();
  co_return status;
}

Task<void> RedisSubscriber::State::Run(std::shared_ptr<State> self) {
  Backoff backoff(self->options.min_backoff, self->options.max_backoff,
                  *self->options.random);
  std::string last_message;
  while (!self->closed) {
    absl::Status status = co_await self->Serve();
    if (self->closed) break;
    if (self->confirmed == self->channels.size()) {
      backoff.Reset();
      last_message.clear();
    }
    // One line for each new reason, not for each try.
    if (last_message != status.message()) {
      Log(LogLevel::kWarning, "redis subscription not established or lost",
          {{"endpoint", self->options.url.Endpoint()}, {"error", status}});
      last_message = std::string(status.message());
    }
    self->pause.expires_after(absl::ToChronoNanoseconds(backoff.Next()));
    boost::system::error_code ignored;
    co_await self->pause.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
  }
}

Task<void> RedisSubscriber::State::Watch(std::shared_ptr<State> self) {
  while (!self->closed) {
    self->watch_pause.expires_after(
        absl::ToChronoNanoseconds(self->options.ping_interval));
    boost::system::error_code ignored;
    co_await self->watch_pause.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
    if (self->closed || self->transport == nullptr) continue;
    const std::shared_ptr<RedisTransport> watched = self->transport;
    const absl::Status status = co_await self->dialer.Recheck();
    if (!status.ok()) watched->Close();
  }
}

RedisSubscriber::RedisSubscriber(asio::any_io_executor executor,
                                 RedisOptions options,
                                 std::vector<std::string> channels,
                                 SubscriberCallbacks callbacks)
    : state_(std::make_shared<State>(executor, std::move(options),
                                     std::move(channels),
                                     std::move(callbacks))) {
  // Ended by Close.
  scope_.SpawnUncancelled(executor, "redis subscription", State::Run(state_));
  if (state_->options.url.mode != RedisUrl::Mode::kServer) {
    scope_.SpawnUncancelled(executor, "redis watch", State::Watch(state_));
  }
}

RedisSubscriber::~RedisSubscriber() {
  Close();
  scope_.Close();
  // Looking up a host cannot be interrupted: that may take a while.
  scope_.Join(absl::Minutes(1));
}

bool RedisSubscriber::healthy() const { return state_->healthy; }

void RedisSubscriber::Close() {
  asio::dispatch(state_->executor, [state = state_] { state->Close(); });
}

}  // namespace valetkey::redis
