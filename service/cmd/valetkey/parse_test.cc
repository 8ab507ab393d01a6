#include "service/cmd/valetkey/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "valetkey/v1/application_service.pb.h"
#include "valetkey/v1/connection_service.pb.h"

namespace valetkey::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ParseDuration, TakesUnitsAndBareSeconds) {
  EXPECT_EQ(*ParseDuration("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("90"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("90d"), absl::Hours(90 * 24));
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text :
       {"", "0", "-5s", "5 minutes", "d", "1.5d", "inf", "5x"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParsePairs, SplitsAtTheFirstEqualsSign) {
  EXPECT_THAT(*ParsePairs({"a=1", "b=x=y", "c="}),
              ElementsAre(Pair("a", "1"), Pair("b", "x=y"), Pair("c", "")));
  EXPECT_FALSE(ParsePairs({"a"}).ok());
  EXPECT_FALSE(ParsePairs({"=1"}).ok());
  EXPECT_FALSE(ParsePairs({"a=1", "a=2"}).ok());
}

TEST(ParseEnum, TakesEveryWayToWriteIt) {
  const auto& type = *v1::Right_descriptor();
  for (const char* text :
       {"read-tokens", "READ_TOKENS", "Read_Tokens", "RIGHT_READ_TOKENS"}) {
    EXPECT_EQ(*ParseEnum(type, "RIGHT_", text), v1::RIGHT_READ_TOKENS) << text;
  }
}

TEST(ParseEnum, NamesWhatThereIs) {
  const auto& type = *v1::Right_descriptor();
  const auto wrong = ParseEnum(type, "RIGHT_", "all");
  EXPECT_THAT(std::string(wrong.status().message()),
              HasSubstr("read_metadata, read_tokens, connect"));
  EXPECT_FALSE(ParseEnum(type, "RIGHT_", "unspecified").ok());
}

TEST(ExpandName, CompletesWhatIsShort) {
  const std::string full = "applications/shop/connections/c-7";
  EXPECT_EQ(*ExpandName("shop", "connections", "c-7"), full);
  EXPECT_EQ(*ExpandName("applications/shop", "connections", "c-7"), full);
  EXPECT_EQ(*ExpandName("shop", "connections", "connections/c-7"), full);
  EXPECT_EQ(*ExpandName("other", "connections", "shop/c-7"), full);
  EXPECT_EQ(*ExpandName("", "connections", full), full);
}

TEST(ExpandName, SaysWhatIsMissing) {
  EXPECT_THAT(
      std::string(ExpandName("", "connections", "c-7").status().message()),
      HasSubstr("--application"));
  EXPECT_FALSE(ExpandName("shop", "connections", "").ok());
  EXPECT_FALSE(ExpandName("shop", "connections", "a/b/c").ok());
}

TEST(ExpandTopName, AddsTheCollectionOnce) {
  EXPECT_EQ(ExpandTopName("catalog", "pinterest"), "catalog/pinterest");
  EXPECT_EQ(ExpandTopName("catalog", "catalog/pinterest"), "catalog/pinterest");
}

TEST(IsLocalAddress, KnowsLoopbackAndUnixSockets) {
  for (const char* address :
       {"127.0.0.1:8800", "127.9.0.1:1", "localhost:8800", "[::1]:8800",
        "unix:/run/valetkey.sock", "dns:///localhost:1", "ipv4:127.0.0.1:1"}) {
    EXPECT_TRUE(IsLocalAddress(address)) << address;
  }
  for (const char* address :
       {"10.0.0.1:8800", "valetkey.example:443", "127.example.com:1",
        "127.0.0.example.com:1", "127.0.0.x:1", "[2001:db8::1]:8800",
        "dns:///valetkey:8800"}) {
    EXPECT_FALSE(IsLocalAddress(address)) << address;
  }
}

}  // namespace
}  // namespace valetkey::cli
