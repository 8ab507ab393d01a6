// RedisClientPool and RedisSubscriber against a real redis-server.

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/mutex.h"
#include "service/net/redis/redis_client_pool.h"
#include "service/net/redis/redis_subscriber.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::redis {
namespace {

class RealRedisPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
    auto server = RedisServer::Start({});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    options_.url = *ParseRedisUrl(server_->UnixUrl());
    options_.max_backoff = absl::Milliseconds(200);
  }

  std::unique_ptr<RedisServer> server_;
  RedisOptions options_;
  ReactorPool reactors_{3};
};

// 0 if every value came back, on the executor it was asked from.
Task<int> EchoMany(RedisClientPool& pool, Reactor* home, int id) {
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string value = absl::StrCat(id, "/", i);
    std::vector<std::string> argv = {"ECHO", value};
    auto reply = co_await pool.Command(std::move(argv), In(absl::Seconds(20)));
    if (!reply.ok() || reply->text != value) ++wrong;
    if (!home->InThread()) ++wrong;
    std::vector<std::vector<std::string>> pair = {{"ECHO", "a"},
                                                  {"ECHO", value}};
    auto both = co_await pool.Pipeline(std::move(pair), In(absl::Seconds(20)));
    if (!both.ok() || (*both)[1].text != value) ++wrong;
    if (!home->InThread()) ++wrong;
  }
  co_return wrong;
}

TEST_F(RealRedisPoolTest, ServesEveryReactorAndEveryOtherThread) {
  ReactorPool outside(2);  // not the pool's
  RedisClientPool pool(reactors_, options_);
  ASSERT_TRUE(Eventually([&] { return pool.connected() == 3; }));
  std::vector<std::future<int>> results;
  for (int i = 0; i < 3; ++i) {
    Reactor& reactor = reactors_.At(i);
    results.push_back(asio::co_spawn(
        reactor.executor(), EchoMany(pool, &reactor, i), asio::use_future));
  }
  for (int i = 3; i < 6; ++i) {
    Reactor& reactor = outside.At(i % 2);
    results.push_back(asio::co_spawn(
        reactor.executor(), EchoMany(pool, &reactor, i), asio::use_future));
  }
  for (auto& result : results) EXPECT_EQ(result.get(), 0);
  EXPECT_TRUE(pool.healthy());
}

// What a subscriber said, in order.
class Record {
 public:
  SubscriberCallbacks Callbacks() {
    SubscriberCallbacks callbacks;
    callbacks.on_subscribed = [this] { Add("subscribed"); };
    callbacks.on_lost = [this] { Add("lost"); };
    callbacks.on_message = [this](std::string channel, std::string payload) {
      Add(absl::StrCat(channel, "=", payload));
    };
    return callbacks;
  }
  bool Is(const std::vector<std::string>& expected) {
    return Eventually([&] {
      MutexLock lock(mutex_);
      return said_ == expected;
    });
  }
  std::vector<std::string> said() {
    MutexLock lock(mutex_);
    return said_;
  }

 private:
  void Add(std::string what) {
    MutexLock lock(mutex_);
    said_.push_back(std::move(what));
  }

  Mutex mutex_;
  std::vector<std::string> said_ VK_GUARDED_BY(mutex_);
};

TEST_F(RealRedisPoolTest, SubscriberHearsAndTellsOfGaps) {
  Record record;
  RedisSubscriber subscriber(reactors_.At(0).executor(), options_, {"a", "b"},
                             record.Callbacks());
  ASSERT_TRUE(record.Is({"subscribed"}));
  EXPECT_TRUE(subscriber.healthy());
  ASSERT_TRUE(server_->Cli({"PUBLISH", "a", "one"}).ok());
  ASSERT_TRUE(server_->Cli({"PUBLISH", "b", "two"}).ok());
  ASSERT_TRUE(server_->Cli({"PUBLISH", "c", "three"}).ok());
  ASSERT_TRUE(record.Is({"subscribed", "a=one", "b=two"}));
  server_->Kill();
  ASSERT_TRUE(record.Is({"subscribed", "a=one", "b=two", "lost"}));
  EXPECT_FALSE(subscriber.healthy());
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(
      record.Is({"subscribed", "a=one", "b=two", "lost", "subscribed"}));
  ASSERT_TRUE(server_->Cli({"PUBLISH", "a", "four"}).ok());
  EXPECT_TRUE(record.Is(
      {"subscribed", "a=one", "b=two", "lost", "subscribed", "a=four"}))
      << ::testing::PrintToString(record.said());
}

TEST_F(RealRedisPoolTest, SubscriberNoticesASilentServer) {
  options_.ping_interval = absl::Milliseconds(100);
  options_.connect_timeout = absl::Milliseconds(300);
  Record record;
  RedisSubscriber subscriber(reactors_.At(0).executor(), options_, {"a"},
                             record.Callbacks());
  ASSERT_TRUE(record.Is({"subscribed"}));
  // Several heartbeats pass while all is well.
  absl::SleepFor(absl::Milliseconds(500));
  ASSERT_EQ(record.said(), std::vector<std::string>{"subscribed"});
  server_->Pause();
  ASSERT_TRUE(record.Is({"subscribed", "lost"}));
  server_->Resume();
  EXPECT_TRUE(record.Is({"subscribed", "lost", "subscribed"}));
}

}  // namespace
}  // namespace valetkey::redis
