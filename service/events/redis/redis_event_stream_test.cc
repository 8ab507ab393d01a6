#include "service/events/redis/redis_event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/async/reactor.h"
#include "service/net/redis/testing/redis_server.h"
#include "service/net/redis/testing/redis_topology.h"
#include "service/net/redis/testing/run.h"

namespace valetkey::events {
namespace {

using redis::Eventually;
using redis::In;
using redis::RedisServer;
using ::testing::ElementsAreArray;

class RealRedisEventStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "redis-server is not installed";
    }
    auto server = RedisServer::Start({});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    redis::RedisOptions options;
    options.url = *redis::ParseRedisUrl(server_->TcpUrl());
    options.max_backoff = absl::Milliseconds(200);
    pool_ = std::make_unique<redis::RedisClientPool>(reactors_, options);
    ASSERT_TRUE(Eventually([&] { return pool_->healthy(); }));
  }

  absl::Status Append(RedisEventStream& stream,
                      std::vector<store::Event> events) {
    return redis::RunOn(
        reactors_.At(0).executor(),
        stream.Append(std::move(events), In(absl::Seconds(20))));
  }
  // What redis-cli prints, in lines; the stream's ids left out.
  std::vector<std::string> Lines(const std::vector<std::string>& command) {
    auto output = server_->Cli(command);
    EXPECT_TRUE(output.ok()) << output.status();
    std::vector<std::string> lines;
    for (auto line : absl::StrSplit(output.value_or(""), '\n')) {
      const std::vector<std::string> id = absl::StrSplit(line, '-');
      std::int64_t ms, number;
      if (id.size() == 2 && absl::SimpleAtoi(id[0], &ms) &&
          absl::SimpleAtoi(id[1], &number)) {
        continue;
      }
      lines.push_back(std::string(line));
    }
    lines.pop_back();  // behind the last line break
    return lines;
  }

  ReactorPool reactors_{1};
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<redis::RedisClientPool> pool_;
};

store::Event Numbered(int sequence) {
  store::Event event;
  event.sequence = sequence;
  event.connection = "applications/a/connections/c";
  return event;
}

TEST_F(RealRedisEventStreamTest, IsReadableWithXrange) {
  RedisEventStream stream(*pool_, {});
  store::Event event;
  event.sequence = 41;
  event.time = absl::FromUnixMillis(1700000000250);
  event.type = store::EventType::kRefreshed;
  event.application = "applications/shop";
  event.connection = "applications/shop/connections/c-7";
  event.provider = "applications/shop/providers/pinterest";
  event.subject = "user 12";
  event.labels = {{"team", "ads"}, {"tier", "gold \"x\""}};
  event.generation = 3;
  event.state = store::ConnectionState::kActive;
  event.expire_time = absl::FromUnixSeconds(1700003600);
  store::Event second = Numbered(42);
  second.time = absl::FromUnixSeconds(1700000001);
  second.type = store::EventType::kReauthorizationRequired;
  second.state = store::ConnectionState::kReauthorizationRequired;
  second.reason = "REAUTHORIZATION_REQUIRED";
  ASSERT_TRUE(Append(stream, {event, second}).ok());

  EXPECT_THAT(Lines({"XRANGE", "valetkey:events", "-", "+"}),
              ElementsAreArray(std::vector<std::string>{
                  "sequence",    "41",
                  "time",        "2023-11-14T22:13:20.25Z",
                  "type",        "REFRESHED",
                  "connection",  "applications/shop/connections/c-7",
                  "provider",    "applications/shop/providers/pinterest",
                  "subject",     "user 12",
                  "generation",  "3",
                  "state",       "ACTIVE",
                  "expire_time", "2023-11-14T23:13:20Z",
                  "label:team",  "ads",
                  "label:tier",  "gold \"x\"",
                  "sequence",    "42",
                  "time",        "2023-11-14T22:13:21Z",
                  "type",        "REAUTHORIZATION_REQUIRED",
                  "connection",  "applications/a/connections/c",
                  "provider",    "",
                  "subject",     "",
                  "generation",  "0",
                  "state",       "REAUTHORIZATION_REQUIRED",
                  "reason",      "REAUTHORIZATION_REQUIRED"}));
}

TEST_F(RealRedisEventStreamTest, KeepsOrderAndAboutTheNewest) {
  RedisEventStream stream(*pool_, {.prefix = "other", .max_length = 500});
  ASSERT_TRUE(Append(stream, {}).ok());
  std::vector<store::Event> events;
  for (int i = 1; i <= 3000; ++i) events.push_back(Numbered(i));
  ASSERT_TRUE(Append(stream, events).ok());
  const int length = std::stoi(Lines({"XLEN", "other:events"})[0]);
  EXPECT_GE(length, 500);
  EXPECT_LT(length, 800);
  std::vector<std::string> sequences, expected;
  const auto lines = Lines({"XRANGE", "other:events", "-", "+"});
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    if (lines[i] == "sequence") sequences.push_back(lines[i + 1]);
  }
  for (int i = 3000 - length + 1; i <= 3000; ++i) {
    expected.push_back(absl::StrCat(i));
  }
  EXPECT_THAT(sequences, ElementsAreArray(expected));
}

TEST_F(RealRedisEventStreamTest, SaysWhenItCannotAppend) {
  RedisEventStream stream(*pool_, {});
  ASSERT_TRUE(server_->Cli({"SET", "valetkey:events", "not a stream"}).ok());
  EXPECT_EQ(Append(stream, {Numbered(1)}).code(), absl::StatusCode::kInternal);
  server_->Kill();
  EXPECT_EQ(Append(stream, {Numbered(1)}).code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(Eventually([&] { return pool_->healthy(); }));
  EXPECT_TRUE(Append(stream, {Numbered(1)}).ok());
}

TEST(RealClusterEventStreamTest, AppendsInOrder) {
  if (!RedisServer::Installed()) {
    GTEST_SKIP() << "redis-server is not installed";
  }
  auto cluster = redis::ClusterSetup::Start({});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  redis::RedisOptions options;
  options.url = *redis::ParseRedisUrl((*cluster)->Url());
  ReactorPool reactors(2);
  redis::RedisClientPool pool(reactors, options);
  ASSERT_TRUE(Eventually([&] { return pool.healthy(); }));
  RedisEventStream stream(pool, {});
  std::vector<store::Event> events;
  for (int i = 1; i <= 2000; ++i) events.push_back(Numbered(i));
  // From outside the pool, and from within.
  Reactor outside(9);
  for (auto executor : {outside.executor(), reactors.At(1).executor()}) {
    const absl::Status status =
        redis::RunOn(executor, stream.Append(events, In(absl::Seconds(20))));
    ASSERT_TRUE(status.ok()) << status;
  }
  // One of the masters has the stream; the others only say where it is.
  std::string entries;
  for (int i = 0; i < 3; ++i) {
    std::string output =
        (*cluster)->Cli(i, {"XRANGE", "valetkey:events", "-", "+"});
    if (output.size() > entries.size()) entries = std::move(output);
  }
  std::vector<std::string> sequences;
  const std::vector<std::string> lines = absl::StrSplit(entries, '\n');
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    if (lines[i] == "sequence") sequences.push_back(lines[i + 1]);
  }
  ASSERT_EQ(sequences.size(), 4000u);
  for (int i = 0; i < 4000; ++i) {
    ASSERT_EQ(sequences[static_cast<std::size_t>(i)],
              absl::StrCat(i % 2000 + 1));
  }
}

}  // namespace
}  // namespace valetkey::events
