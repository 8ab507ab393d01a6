// Listens on channels of Redis (SUBSCRIBE), over a connection of its own that
// comes back by itself. Messages published while it is away are lost: the
// callbacks tell. In a cluster a message reaches all nodes, so it listens at
// any one, and at another if that is lost.

#ifndef VALETKEY_NET_REDIS_REDIS_SUBSCRIBER_H_
#define VALETKEY_NET_REDIS_REDIS_SUBSCRIBER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/async/task.h"
#include "service/async/task_scope.h"
#include "service/net/redis/redis_options.h"

namespace valetkey::redis {

// Called on the executor; they do not wait.
struct SubscriberCallbacks {
  // All channels are subscribed to: the first time, and after each loss.
  std::function<void()> on_subscribed;
  // The subscription ended; always after on_subscribed.
  std::function<void()> on_lost;
  std::function<void(std::string channel, std::string payload)> on_message;
};

class RedisSubscriber {
 public:
  // Starts to connect. REQUIRES: the executor runs on one thread; a channel.
  RedisSubscriber(asio::any_io_executor executor, RedisOptions options,
                  std::vector<std::string> channels,
                  SubscriberCallbacks callbacks);
  // Closes and waits; no callback runs afterwards. REQUIRES: another thread
  // runs the executor.
  ~RedisSubscriber();

  // Whether it is subscribed. Thread-safe.
  bool healthy() const;
  // Any thread.
  void Close();

 private:
  struct State;

  std::shared_ptr<State> state_;
  TaskScope scope_;
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REDIS_SUBSCRIBER_H_
