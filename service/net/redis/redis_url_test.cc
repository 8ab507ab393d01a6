#include "service/net/redis/redis_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace valetkey::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Transport = RedisUrl::Transport;

TEST(RedisUrlTest, Tcp) {
  auto url = ParseRedisUrl("redis://cache.internal");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->transport, Transport::kTcp);
  EXPECT_EQ(url->host, "cache.internal");
  EXPECT_EQ(url->port, 6379);
  EXPECT_EQ(url->database, 0);
  EXPECT_FALSE(url->has_password);
  EXPECT_EQ(url->Endpoint(), "redis://cache.internal:6379/0");
}

TEST(RedisUrlTest, UserPasswordPortDatabase) {
  auto url = ParseRedisUrl("redis://alice:p%40ss+word@10.0.0.1:7000/12");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->user, "alice");
  EXPECT_EQ(url->password.Reveal(), "p@ss+word");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->database, 12);
  EXPECT_EQ(url->Endpoint(), "redis://10.0.0.1:7000/12");
}

TEST(RedisUrlTest, PasswordAlone) {
  auto url = ParseRedisUrl("redis://:secret@[::1]:7000");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->user, "");
  EXPECT_EQ(url->password.Reveal(), "secret");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->Endpoint(), "redis://[::1]:7000/0");
}

TEST(RedisUrlTest, Tls) {
  auto url = ParseRedisUrl(
      "REDISS://h:1?ca=/a/ca.pem&cert=/a/c.pem&key=/a/k.pem&server_name=x.y");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->transport, Transport::kTls);
  EXPECT_EQ(url->ca, "/a/ca.pem");
  EXPECT_EQ(url->certificate, "/a/c.pem");
  EXPECT_EQ(url->key, "/a/k.pem");
  EXPECT_EQ(url->server_name, "x.y");
}

TEST(RedisUrlTest, UnixSocket) {
  for (const char* scheme : {"unix", "redis+unix"}) {
    auto url =
        ParseRedisUrl(std::string(scheme) +
                      ":///run/my%20redis.sock?db=3&user=bob&password=s%26t");
    ASSERT_TRUE(url.ok()) << url.status();
    EXPECT_EQ(url->transport, Transport::kUnix);
    EXPECT_EQ(url->path, "/run/my redis.sock");
    EXPECT_EQ(url->database, 3);
    EXPECT_EQ(url->user, "bob");
    EXPECT_EQ(url->password.Reveal(), "s&t");
    EXPECT_THAT(url->Endpoint(), Not(HasSubstr("s&t")));
  }
  // An empty parameter is none.
  auto url = ParseRedisUrl("unix:///r.sock?db=0&user=&password=");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_FALSE(url->has_password);
}

TEST(RedisUrlTest, PasswordFile) {
  std::string path = "/tmp/vk-redis-password-XXXXXX";
  close(mkstemp(path.data()));
  std::ofstream(path) << "from file\r\n";
  auto url = ParseRedisUrl("redis://alice@h?password_file=" + path);
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->password.Reveal(), "from file");
  EXPECT_EQ(url->user, "alice");

  std::ofstream(path, std::ios::trunc) << "\n";
  EXPECT_THAT(
      std::string(
          ParseRedisUrl("redis://h?password_file=" + path).status().message()),
      HasSubstr("password_file is empty"));
  unlink(path.c_str());
  EXPECT_THAT(
      std::string(
          ParseRedisUrl("redis://h?password_file=" + path).status().message()),
      HasSubstr("password_file cannot be read"));
}

TEST(RedisUrlTest, Sentinel) {
  auto url = ParseRedisUrl(
      "redis+sentinel://alice:s1@a,b:1,[::1]:2/my%2Dmaster/3"
      "?sentinel_user=bob&sentinel_password=s2");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->mode, RedisUrl::Mode::kSentinel);
  EXPECT_EQ(url->transport, Transport::kTcp);
  EXPECT_EQ(url->master_name, "my-master");
  EXPECT_EQ(url->database, 3);
  EXPECT_EQ(url->Endpoint(),
            "redis+sentinel://a:26379,b:1,[::1]:2/my-master/3");
  const RedisUrl sentinel = url->ForSentinel(url->hosts[1]);
  EXPECT_EQ(sentinel.user, "bob");
  EXPECT_EQ(sentinel.password.Reveal(), "s2");
  EXPECT_EQ(sentinel.Endpoint(), "redis://b:1/0");
  const RedisUrl server = url->ForServer({"10.0.0.1", 6379});
  EXPECT_EQ(server.mode, RedisUrl::Mode::kServer);
  EXPECT_EQ(server.user, "alice");
  EXPECT_EQ(server.password.Reveal(), "s1");
  EXPECT_EQ(server.Endpoint(), "redis://10.0.0.1:6379/3");
  EXPECT_FALSE(server.has_sentinel_password);
  EXPECT_TRUE(server.sentinel_password.empty());

  // The server's password is not the sentinels'.
  url = ParseRedisUrl("rediss+sentinel://:s1@a/m?ca=/ca.pem&db=2");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->database, 2);
  EXPECT_FALSE(url->ForSentinel(url->hosts[0]).has_password);
  EXPECT_EQ(url->ForSentinel(url->hosts[0]).ca, "/ca.pem");
  EXPECT_EQ(url->ForSentinel(url->hosts[0]).transport, Transport::kTls);
}

TEST(RedisUrlTest, Cluster) {
  auto url = ParseRedisUrl("rediss+cluster://:s@a,b:7000/0?server_name=n");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->mode, RedisUrl::Mode::kCluster);
  EXPECT_EQ(url->Endpoint(), "rediss+cluster://a:6379,b:7000");
  const RedisUrl node = url->ForServer(url->hosts[1]);
  EXPECT_EQ(node.Endpoint(), "rediss://b:7000/0");
  EXPECT_EQ(node.server_name, "n");
  EXPECT_EQ(node.password.Reveal(), "s");
}

struct BadUrl {
  const char* text;
  const char* part;
};

TEST(RedisUrlTest, ErrorsNameThePartAndNeverEchoTheInput) {
  const BadUrl cases[] = {
      {"", "expected redis://"},
      {"CANARY", "expected redis://"},
      {"http://CANARY@h", "scheme"},
      {"redis://", "host is missing"},
      {"redis://:CANARY@", "host is missing"},
      {"redis://CANARY@h", "user without a password"},
      {"redis://:CANARY@h:port", "port"},
      {"redis://:CANARY@h:0", "port"},
      {"redis://:CANARY@h:65536", "port"},
      {"redis://:CANARY@h:+1", "port"},
      {"redis://:CANARY@h:", "port"},
      {"redis://:CANARY@h/CANARY", "database"},
      {"redis://:CANARY@h/-1", "database"},
      {"redis://:CANARY@h/70000", "database"},
      {"redis://:CANARY%@h", "password is not percent-encoded"},
      {"redis://:CANARY%00@h", "password is not percent-encoded"},
      {"redis://CANARY%g0:x@h", "user is not percent-encoded"},
      {"redis://:CANARY@[::1", "bracket"},
      {"redis://:CANARY@[::1]x", "port"},
      {"redis://:x@h?CANARY", "="},
      {"redis://:x@h?CANARY=1", "unknown query parameter"},
      {"redis://:x@h?ca=CANARY", "unknown query parameter"},
      {"redis://:x@h?db=CANARY", "db"},
      {"redis://:CAN#ARY@h", "fragment"},
      {"rediss://h?cert=CANARY", "cert and key"},
      {"unix://CANARY/x", "slash"},
      {"unix://", "path is missing"},
      {"unix:///", "path is missing"},
      {"redis://h?password_file=/CANARY", "password_file"},
      {"redis+sentinel://:CANARY@h", "name of the master is missing"},
      {"redis+sentinel://:CANARY@h//0", "name of the master is missing"},
      {"redis+sentinel://:CANARY@h/CANARY%", "name of the master is not"},
      {"redis+sentinel://:CANARY@h/m/CANARY", "behind the master's name"},
      {"redis+sentinel://:CANARY@h,/m", "host is missing"},
      {"redis+sentinel://:CANARY@h,i:CANARY/m", "port"},
      {"redis+sentinel://h/m?sentinel_user=CANARY", "sentinel_password"},
      {"redis+sentinel://h/m?sentinel_password_file=/CANARY",
       "sentinel_password_file cannot be read"},
      {"redis+sentinel://h/m?ca=CANARY", "sentinel_password_file"},
      {"redis+cluster://:CANARY@h/1", "no database but 0"},
      {"redis+cluster://:CANARY@h?db=1", "no database but 0"},
      {"redis+cluster://:CANARY@h/CANARY", "database"},
      {"redis+cluster://h?sentinel_user=CANARY", "unknown query parameter"},
      {"unix+sentinel://CANARY", "scheme"},
      {"redis+unix+cluster://CANARY", "scheme"},
      {"redis+CANARY://h", "scheme"},
  };
  for (const BadUrl& bad : cases) {
    auto url = ParseRedisUrl(bad.text);
    ASSERT_FALSE(url.ok()) << bad.text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(url.status().message());
    EXPECT_THAT(message, HasSubstr(bad.part)) << bad.text;
    EXPECT_THAT(message, Not(HasSubstr("CAN"))) << bad.text;
  }
}

}  // namespace
}  // namespace valetkey::redis
