#include "service/net/redis/resp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace valetkey::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Type = RedisReply::Type;

std::string FormatWithHiredis(const std::vector<std::string>& argv) {
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : argv) {
    pointers.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  char* bytes = nullptr;
  const int size = redisFormatCommandArgv(&bytes, static_cast<int>(argv.size()),
                                          pointers.data(), sizes.data());
  std::string formatted(bytes, static_cast<std::size_t>(size));
  redisFreeCommand(bytes);
  return formatted;
}

TEST(RespTest, CommandsAreWhatHiredisMakesOfThem) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> argv(1 + random() % 6);
    for (std::string& argument : argv) {
      argument.resize(random() % 30);
      for (char& c : argument) c = static_cast<char>(random());
    }
    std::string bytes = "before";
    AppendCommand(argv, &bytes);
    EXPECT_EQ(bytes, "before" + FormatWithHiredis(argv));
  }
}

// One of each, and arrays in arrays.
constexpr char kStream[] =
    "+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n$0\r\n\r\n*-1\r\n"
    "*0\r\n*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n$-1\r\n+z\r\n";

void ExpectStream(const std::vector<RedisReply>& replies) {
  ASSERT_EQ(replies.size(), 9u);
  EXPECT_TRUE(replies[0].is_string());
  EXPECT_EQ(replies[0].text, "OK");
  EXPECT_TRUE(replies[1].is_error());
  EXPECT_EQ(replies[1].text, "ERR no");
  EXPECT_TRUE(replies[2].is_integer());
  EXPECT_EQ(replies[2].integer, -42);
  EXPECT_EQ(replies[3].text, "he\r\no");
  EXPECT_TRUE(replies[4].is_nil());
  EXPECT_TRUE(replies[5].is_string());
  EXPECT_EQ(replies[5].text, "");
  EXPECT_TRUE(replies[6].is_nil());
  EXPECT_TRUE(replies[7].is_array());
  EXPECT_TRUE(replies[7].elements.empty());
  const RedisReply& nested = replies[8];
  ASSERT_EQ(nested.elements.size(), 3u);
  EXPECT_EQ(nested.elements[0].integer, 1);
  ASSERT_EQ(nested.elements[1].elements.size(), 2u);
  EXPECT_EQ(nested.elements[1].elements[0].text, "a");
  ASSERT_EQ(nested.elements[1].elements[1].elements.size(), 1u);
  EXPECT_TRUE(nested.elements[1].elements[1].elements[0].is_nil());
  EXPECT_EQ(nested.elements[2].text, "z");
}

TEST(RespTest, ReadsRepliesCutAnywhere) {
  const std::string stream(kStream, sizeof(kStream) - 1);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    SCOPED_TRACE(piece);
    RespReader reader;
    std::vector<RedisReply> replies;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(reader.Feed(stream.substr(at, piece)).ok());
      for (;;) {
        RedisReply reply;
        auto complete = reader.Next(&reply);
        ASSERT_TRUE(complete.ok()) << complete.status();
        if (!*complete) break;
        replies.push_back(std::move(reply));
      }
    }
    ExpectStream(replies);
  }
}

// What Next says of these bytes.
absl::Status ReadAll(const std::string& bytes, RespLimits limits = {}) {
  RespReader reader(limits);
  if (absl::Status status = reader.Feed(bytes); !status.ok()) return status;
  for (;;) {
    RedisReply reply;
    auto complete = reader.Next(&reply);
    if (!complete.ok()) return complete.status();
    if (!*complete) return absl::OkStatus();
  }
}

TEST(RespTest, MalformedIsAnError) {
  for (const char* bytes :
       {"garbage\r\n", "$-2\r\n", "$abc\r\n", "*-2\r\n", ":1x\r\n", ":\r\n",
        "$99999999999999999999\r\n", "*99999999999999999999\r\n"}) {
    EXPECT_EQ(ReadAll(bytes).code(), absl::StatusCode::kDataLoss) << bytes;
  }
}

TEST(RespTest, DeepNestingIsAnError) {
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "*1\r\n";
  EXPECT_EQ(ReadAll(deep + ":1\r\n").code(), absl::StatusCode::kDataLoss);
}

TEST(RespTest, SizeIsBounded) {
  const RespLimits limits = {.max_reply_bytes = 100, .max_elements = 10};
  EXPECT_TRUE(ReadAll("$90\r\n" + std::string(90, 'x') + "\r\n", limits).ok());
  // Complete, and while it still comes in.
  EXPECT_FALSE(
      ReadAll("$101\r\n" + std::string(101, 'x') + "\r\n", limits).ok());
  EXPECT_FALSE(ReadAll("$1000\r\n" + std::string(200, 'x'), limits).ok());
  EXPECT_FALSE(ReadAll("+" + std::string(200, 'x'), limits).ok());
  // In sum over the elements.
  std::string array = "*3\r\n";
  for (int i = 0; i < 3; ++i)
    array += "$40\r\n" + std::string(40, 'x') + "\r\n";
  EXPECT_FALSE(ReadAll(array, limits).ok());
  // By what an array announces.
  EXPECT_FALSE(ReadAll("*11\r\n", limits).ok());
  EXPECT_FALSE(ReadAll("*2147483647\r\n").ok());
  // Many small ones are no large one.
  std::string many;
  for (int i = 0; i < 100; ++i) many += "*2\r\n$1\r\na\r\n:1\r\n";
  EXPECT_TRUE(ReadAll(many, limits).ok());
}

RedisReply Error(std::string text) {
  RedisReply reply;
  reply.type = Type::kError;
  reply.text = std::move(text);
  return reply;
}

TEST(RespTest, ErrorsBecomeStatuses) {
  EXPECT_TRUE(ErrorOf(RedisReply()).ok());
  EXPECT_EQ(ErrorOf(Error("LOADING wait")).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorOf(Error("READONLY x")).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorOf(Error("WRONGPASS x")).code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ErrorOf(Error("NOPERM x")).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrorOf(Error("ERR x")).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrorCode(Error("NOSCRIPT No matching")), "NOSCRIPT");
  EXPECT_EQ(ErrorCode(Error("ODD")), "ODD");
  const std::string message(
      ErrorOf(Error("ERR unknown command 'AUTH', with args beginning with: "
                    "'CANARY'"))
          .message());
  EXPECT_THAT(message, HasSubstr("unknown command"));
  EXPECT_THAT(message, Not(HasSubstr("CANARY")));
}

}  // namespace
}  // namespace valetkey::redis
