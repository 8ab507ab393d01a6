#include "service/net/redis/reply_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace valetkey::redis {
namespace {

using std::chrono::seconds;
using TimePoint = ReplyQueue::TimePoint;

const TimePoint kStart = TimePoint() + seconds(1000);

ReplyHandler Count(int* calls) {
  return [calls](absl::StatusOr<RedisReply>) { ++*calls; };
}

TEST(ReplyQueueTest, AWaiterThatGaveUpKeepsItsPlace) {
  ReplyQueue queue;
  int first = 0, second = 0;
  queue.Push(Count(&first), kStart + seconds(1), kStart);
  queue.Push(Count(&second), kStart + seconds(9), kStart);
  auto expired = queue.Expire(kStart + seconds(1));
  ASSERT_EQ(expired.size(), 1u);
  expired[0](RedisReply());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_FALSE(queue.Pop(kStart));
  queue.Pop(kStart)(RedisReply());
  EXPECT_EQ(second, 1);
}

TEST(ReplyQueueTest, SilenceCountsFromTheLastReply) {
  ReplyQueue queue;
  EXPECT_EQ(queue.Silence(kStart), seconds(0));
  queue.Push(nullptr, TimePoint::max(), kStart);
  queue.Push(nullptr, TimePoint::max(), kStart);
  EXPECT_EQ(queue.Silence(kStart + seconds(5)), seconds(5));
  queue.Pop(kStart + seconds(4));
  EXPECT_EQ(queue.Silence(kStart + seconds(5)), seconds(1));
  queue.Pop(kStart + seconds(5));
  EXPECT_EQ(queue.Silence(kStart + seconds(9)), seconds(0));
  // Rest is no silence.
  queue.Push(nullptr, TimePoint::max(), kStart + seconds(100));
  EXPECT_EQ(queue.Silence(kStart + seconds(101)), seconds(1));
}

// Random operations against a map from id to what has become of it.
TEST(ReplyQueueTest, EachHandlerIsHandedOutOnceAndInOrder) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  ReplyQueue queue;
  TimePoint now = kStart;
  std::map<std::uint64_t, TimePoint> waiting;  // ids that must still be told
  std::map<std::uint64_t, int> told;
  std::uint64_t last_id = 0, next_reply = 1;
  for (int step = 0; step < 20000; ++step) {
    now += std::chrono::milliseconds(random() % 3);
    switch (random() % 5) {
      case 0:
      case 1: {
        const TimePoint deadline =
            now + std::chrono::milliseconds(random() % 50);
        const std::uint64_t expected = last_id + 1;
        last_id = queue.Push(
            [&told, expected](absl::StatusOr<RedisReply>) { ++told[expected]; },
            deadline, now);
        ASSERT_EQ(last_id, expected);
        waiting[last_id] = deadline;
        break;
      }
      case 2: {
        if (queue.empty()) break;
        ReplyHandler handler = queue.Pop(now);
        ASSERT_EQ(static_cast<bool>(handler), waiting.erase(next_reply) == 1);
        if (handler) {
          handler(RedisReply());
          ASSERT_EQ(told[next_reply], 1);
        }
        ++next_reply;
        break;
      }
      case 3: {
        const std::uint64_t id = random() % (last_id + 2);
        ReplyHandler handler = queue.Abandon(id);
        ASSERT_EQ(static_cast<bool>(handler), waiting.erase(id) == 1);
        if (handler) handler(RedisReply());
        break;
      }
      case 4: {
        for (ReplyHandler& handler : queue.Expire(now)) handler(RedisReply());
        for (auto it = waiting.begin(); it != waiting.end();) {
          if (it->second <= now) {
            ASSERT_EQ(told[it->first], 1);
            it = waiting.erase(it);
          } else {
            ASSERT_LE(queue.next_deadline(), it->second);
            ++it;
          }
        }
        break;
      }
    }
    ASSERT_EQ(queue.size(), last_id + 1 - next_reply);
  }
  EXPECT_EQ(queue.TakeAll().size(), waiting.size());
  EXPECT_TRUE(queue.empty());
  for (const auto& [id, count] : told) EXPECT_EQ(count, 1) << id;
}

}  // namespace
}  // namespace valetkey::redis
