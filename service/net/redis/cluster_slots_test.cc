#include "service/net/redis/cluster_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "service/net/redis/incarnation.h"

namespace valetkey::redis {
namespace {

using ::testing::HasSubstr;

TEST(ClusterSlotsTest, SlotsOfKeys) {
  // The specification's own vector: CRC16 of "123456789" is 0x31C3.
  EXPECT_EQ(SlotOfKey("123456789"), 0x31C3);
  EXPECT_EQ(SlotOfKey(""), 0);
  // What CLUSTER KEYSLOT of Redis 7.0 says.
  EXPECT_EQ(SlotOfKey("foo"), 12182);
  EXPECT_EQ(SlotOfKey("somekey"), 11058);
  EXPECT_EQ(SlotOfKey("foo{hash_tag}"), 2515);
}

TEST(ClusterSlotsTest, HashTags) {
  EXPECT_EQ(SlotOfKey("{user1000}.following"), SlotOfKey("user1000"));
  EXPECT_EQ(SlotOfKey("a{b}{c}"), SlotOfKey("b"));
  EXPECT_EQ(SlotOfKey("foo{{bar}}zap"), SlotOfKey("{bar"));
  // Nothing between the braces, or only one of them: the whole key.
  EXPECT_NE(SlotOfKey("foo{}{bar}"), SlotOfKey("bar"));
  EXPECT_NE(SlotOfKey("foo{bar"), SlotOfKey("bar"));
  EXPECT_NE(SlotOfKey("}foo{"), SlotOfKey("foo"));
}

int Slot(std::vector<std::string> argv) {
  auto slot = SlotOfCommand(argv);
  if (!slot.ok()) return -2;
  return slot->value_or(-1);
}

TEST(ClusterSlotsTest, KeysOfCommands) {
  EXPECT_EQ(Slot({"GET", "foo"}), 12182);
  EXPECT_EQ(Slot({"xadd", "foo", "*", "a", "b"}), 12182);
  EXPECT_EQ(Slot({"EVALSHA", "digest", "1", "foo", "a"}), 12182);
  EXPECT_EQ(Slot({"EVAL", "return 1", "2", "foo", "foo"}), 12182);
  EXPECT_EQ(Slot({"EVAL", "return 1", "0"}), -1);
  EXPECT_EQ(Slot({"PING"}), -1);
  EXPECT_EQ(Slot({"INFO", "server"}), -1);
  for (const auto& argv : std::vector<std::vector<std::string>>{
           {}, {"GET"}, {"EVAL", "return 1"}, {"EVAL", "return 1", "1"}}) {
    EXPECT_EQ(Slot(argv), -2);
  }
  const auto unknown = SlotOfCommand({"FROBNICATE", "CANARY"});
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("FROBNICATE"));
  EXPECT_THAT(std::string(unknown.status().message()),
              ::testing::Not(HasSubstr("CANARY")));
}

RedisReply Parsed(const std::string& bytes) {
  RespReader reader;
  RedisReply reply;
  EXPECT_TRUE(reader.Feed(bytes).ok());
  EXPECT_TRUE(reader.Next(&reply).value_or(false)) << bytes;
  return reply;
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(ClusterSlotsTest, ParsesClusterSlots) {
  const std::string bytes =
      "*3\r\n"
      "*4\r\n:0\r\n:100\r\n"
      "*4\r\n" +
      Bulk("10.0.0.1") + ":7000\r\n" + Bulk("id-a") +
      "*0\r\n"
      "*3\r\n" +
      Bulk("10.0.0.4") + ":7003\r\n" + Bulk("id-d") +
      // Redis 4 sends no metadata; a node that does not know its address.
      "*3\r\n:102\r\n:16383\r\n*3\r\n$-1\r\n:7001\r\n" + Bulk("id-b") +
      "*3\r\n:101\r\n:101\r\n"
      "*4\r\n" +
      Bulk("10.0.0.1") + ":7000\r\n" + Bulk("id-a") + "*0\r\n";
  auto map = ParseClusterSlots(Parsed(bytes), "asked");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->masters.size(), 2u);
  ASSERT_EQ(map->replicas.size(), 1u);
  EXPECT_EQ(map->replicas[0].ToString(), "10.0.0.4:7003");
  EXPECT_EQ(map->Owner(101)->host.ToString(), "10.0.0.1:7000");
  EXPECT_EQ(map->Owner(16383)->host.ToString(), "asked:7001");
  EXPECT_EQ(map->Describe(true),
            "0-101 id-a 10.0.0.1:7000\n102-16383 id-b asked:7001\n");

  EXPECT_FALSE(map->Move(101, {"10.0.0.1", 7000}));
  EXPECT_TRUE(map->Move(101, {"asked", 7001}));
  EXPECT_TRUE(map->Move(5, {"new", 1}));
  EXPECT_EQ(map->Describe(false),
            "0-4 id-a\n5-5 \n6-100 id-a\n101-16383 id-b\n");
}

TEST(ClusterSlotsTest, RefusesWhatIsNotClusterSlots) {
  const std::string node = "*2\r\n" + Bulk("h") + ":1\r\n";
  for (const std::string& bytes : std::vector<std::string>{
           "+OK\r\n", "*0\r\n", "*1\r\n+x\r\n",
           "*1\r\n*3\r\n:0\r\n:16384\r\n" + node,
           "*1\r\n*3\r\n:-1\r\n:1\r\n" + node,
           "*1\r\n*3\r\n:5\r\n:4\r\n" + node,
           "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n" + Bulk("h"),
           "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n" + Bulk("h") + ":70000\r\n",
           "*1\r\n*2\r\n:0\r\n:1\r\n",
           "-ERR This instance has cluster support disabled\r\n"}) {
    EXPECT_FALSE(ParseClusterSlots(Parsed(bytes), "asked").ok()) << bytes;
  }
}

TEST(ClusterSlotsTest, ParsesRedirections) {
  auto moved = ParseRedirection(Parsed("-MOVED 3999 127.0.0.1:6381\r\n"));
  ASSERT_TRUE(moved.has_value());
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->host.ToString(), "127.0.0.1:6381");
  auto ask = ParseRedirection(Parsed("-ASK 1 2001:db8::1:6381\r\n"));
  ASSERT_TRUE(ask.has_value());
  EXPECT_TRUE(ask->ask);
  EXPECT_EQ(ask->host.name, "2001:db8::1");
  EXPECT_EQ(ask->host.port, 6381);
  // Where the node knows no name for the other: the one that was asked.
  for (const char* bytes : {"-MOVED 1 :6381\r\n", "-MOVED 1 ?:6381\r\n"}) {
    auto same = ParseRedirection(Parsed(bytes));
    ASSERT_TRUE(same.has_value());
    EXPECT_EQ(same->host.name, "");
  }
  for (const char* bytes :
       {"+MOVED 1 h:1\r\n", "-MOVED\r\n", "-MOVED 1\r\n", "-MOVED x h:1\r\n",
        "-MOVED 16384 h:1\r\n", "-MOVED 1 h\r\n", "-MOVED 1 h:0\r\n",
        "-MOVED 1 h:x\r\n", "-ERR MOVED 1 h:1\r\n"}) {
    EXPECT_FALSE(ParseRedirection(Parsed(bytes)).has_value()) << bytes;
  }
}

TEST(IncarnationTest, IsMadeOfWhatChanges) {
  RedisReply server, replication, cluster;
  server.type = replication.type = cluster.type = RedisReply::Type::kString;
  server.text = "# Server\r\nrun_id:aaaa\r\nrun_id_x:no\r\n";
  replication.text = "role:master\r\nmaster_replid:bbbb\r\n";
  cluster.text = "cluster_state:ok\r\ncluster_my_epoch:7\r\n";
  using Mode = RedisUrl::Mode;
  EXPECT_EQ(*IdentityOf(Mode::kServer, {server, replication}), "aaaa bbbb");
  EXPECT_EQ(*IdentityOf(Mode::kSentinel, {server, replication}), "aaaa bbbb");
  EXPECT_EQ(*IdentityOf(Mode::kCluster, {server, replication, cluster}),
            "aaaa bbbb 7");
  EXPECT_FALSE(IdentityOf(Mode::kCluster, {server, replication}).ok());
  EXPECT_FALSE(IdentityOf(Mode::kServer, {replication, replication}).ok());
  cluster.text = "cluster_state:fail\r\ncluster_my_epoch:7\r\n";
  EXPECT_EQ(IdentityOf(Mode::kCluster, {server, replication, cluster})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  replication.text = "role:slave\r\nmaster_replid:bbbb\r\n";
  EXPECT_TRUE(IdentityOf(Mode::kServer, {server, replication}).ok());
  EXPECT_FALSE(IdentityOf(Mode::kSentinel, {server, replication}).ok());
  server.type = RedisReply::Type::kError;
  server.text = "NOPERM this user has no permissions";
  EXPECT_EQ(IdentityOf(Mode::kServer, {server, replication}).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace valetkey::redis
