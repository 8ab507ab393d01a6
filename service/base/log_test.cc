#include "service/base/log.h"

#include <cctype>
#include <cstddef>
#include <random>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// A strict reader of JSON objects whose values are strings, numbers and
// booleans (RFC 8259): enough to be the oracle for a log line.
class JsonReader {
 public:
  explicit JsonReader(absl::string_view text) : text_(text) {}

  bool ReadFlatObject() {
    if (!Take('{')) return false;
    do {
      if (!String() || !Take(':') || !Value()) return false;
    } while (Take(','));
    return Take('}') && text_.empty();
  }

 private:
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Value() {
    for (const absl::string_view word : {"true", "false"}) {
      if (text_.substr(0, word.size()) == word) {
        text_.remove_prefix(word.size());
        return true;
      }
    }
    if (!text_.empty() && text_.front() == '"') return String();
    static const std::regex number(
        "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
    std::smatch match;
    const std::string rest(text_);
    if (!std::regex_search(rest, match, number)) return false;
    text_.remove_prefix(match[0].length());
    return true;
  }
  bool String() {
    if (!Take('"')) return false;
    while (!text_.empty()) {
      const auto c = static_cast<unsigned char>(text_.front());
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c != '\\') continue;
      if (text_.empty()) return false;
      const char kind = text_.front();
      text_.remove_prefix(1);
      if (kind == 'u') {
        for (int i = 0; i < 4; ++i) {
          if (text_.empty() ||
              !std::isxdigit(static_cast<unsigned char>(text_.front()))) {
            return false;
          }
          text_.remove_prefix(1);
        }
      } else if (absl::string_view("\"\\/bfnrt").find(kind) ==
                 absl::string_view::npos) {
        return false;
      }
    }
    return false;
  }

  absl::string_view text_;
};

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    SetLogSink([this](absl::string_view line) { lines_.emplace_back(line); });
  }
  ~LogTest() override {
    SetLogSink(nullptr);
    InitLog({});
  }
  // What follows the time and the level.
  std::string Last() const { return lines_.back().substr(31); }

  std::vector<std::string> lines_;
};

TEST_F(LogTest, Text) {
  InitLog({});
  Log(LogLevel::kInfo, "tokens refreshed",
      {{"connection", "applications/a/connections/c"},
       {"generation", 7},
       {"fresh", true},
       {"note", "two words"},
       {"none", ""},
       {"eq", "a=b"}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_TRUE(std::regex_match(
      lines_[0].substr(0, 31),
      std::regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z INFO  ")))
      << lines_[0];
  EXPECT_EQ(Last(),
            "tokens refreshed connection=applications/a/connections/c "
            "generation=7 fresh=true note=\"two words\" none=\"\" eq=\"a=b\"");
  Log(LogLevel::kWarning, {"r-1", "", ""}, "late");
  EXPECT_THAT(lines_.back(), HasSubstr("Z WARN  late request_id=r-1"));
  Log(LogLevel::kError, {"", "t", "s"}, "bad");
  EXPECT_THAT(lines_.back(), EndsWith("Z ERROR bad trace_id=t span_id=s"));
}

TEST_F(LogTest, Json) {
  InitLog({LogFormat::kJson, LogLevel::kDebug});
  Log(LogLevel::kDebug, {"r-1", "4bf9", "00f0"}, "quote \" me",
      {{"count", 3}, {"ok", false}, {"text", "3"}});
  const std::string& line = lines_.back();
  EXPECT_TRUE(JsonReader(line).ReadFlatObject()) << line;
  EXPECT_THAT(line, EndsWith("\"level\":\"debug\",\"message\":\"quote \\\" "
                             "me\",\"count\":3,\"ok\":false,\"text\":\"3\","
                             "\"request_id\":\"r-1\",\"trace_id\":\"4bf9\","
                             "\"span_id\":\"00f0\"}"));
}

TEST_F(LogTest, LevelsDrop) {
  InitLog({LogFormat::kText, LogLevel::kWarning});
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_TRUE(LogEnabled(LogLevel::kWarning));
  Log(LogLevel::kInfo, "quiet");
  EXPECT_TRUE(lines_.empty());
  Log(LogLevel::kError, "loud");
  EXPECT_EQ(lines_.size(), 1u);
}

TEST_F(LogTest, Values) {
  const auto text = [](const LogValue& value) { return value.text(); };
  EXPECT_EQ(text(absl::Milliseconds(1500)), "1.5");
  EXPECT_TRUE(LogValue(absl::Seconds(1)).raw());
  EXPECT_EQ(text(absl::InfiniteDuration()), "infinite");
  EXPECT_FALSE(LogValue(absl::InfiniteDuration()).raw());
  EXPECT_EQ(text(absl::FromUnixMillis(1795459200123)),
            "2026-11-23T18:40:00.123Z");
  EXPECT_EQ(text(absl::InfiniteFuture()), "never");
  EXPECT_EQ(text(std::size_t{18446744073709551615u}), "18446744073709551615");
  EXPECT_EQ(text(std::int64_t{-5}), "-5");
  EXPECT_EQ(text(absl::OkStatus()), "OK");
  EXPECT_EQ(text(absl::NotFoundError("gone")), "NOT_FOUND: gone");
  EXPECT_EQ(text(MakeError(Reason::kWatchLagged, "too slow")),
            "WATCH_LAGGED: too slow");
}

TEST_F(LogTest, NothingBreaksALine) {
  const struct {
    std::string value;
    const char* text;
    const char* json;
  } kCases[] = {
      {"a\nb", R"("a\nb")", R"("a\nb")"},
      {"\r\t\\\"", R"("\r\t\\\"")", R"("\r\t\\\"")"},
      {std::string("\0\x1b[31m\x7f", 7), R"("\u0000\u001b[31m\u007f")",
       R"("\u0000\u001b[31m\u007f")"},
      {"\xc2\x9b", R"("\u009b")", R"("\u009b")"},      // C1: CSI
      {"\xe2\x80\xae", R"("\u202e")", R"("\u202e")"},  // bidi override
      {"\xe2\x80\xa8", R"("\u2028")", R"("\u2028")"},  // line separator
      {"\xff", R"("\xff")", "\"\xef\xbf\xbd\""},       // never in UTF-8
      {"\xc3", R"("\xc3")", "\"\xef\xbf\xbd\""},       // cut short
      {"\xc0\xaf", R"("\xc0\xaf")",
       "\"\xef\xbf\xbd\xef\xbf\xbd\""},  // overlong
      {"\xed\xa0\x80", R"("\xed\xa0\x80")",
       "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},  // surrogate
      {"\xc3\xa4\xf0\x9f\x94\x91", "\"\xc3\xa4\xf0\x9f\x94\x91\"",
       "\"\xc3\xa4\xf0\x9f\x94\x91\""},  // fine as they are
  };
  for (const auto& c : kCases) {
    InitLog({LogFormat::kText, LogLevel::kInfo});
    Log(LogLevel::kInfo, "m", {{"k", c.value}});
    EXPECT_EQ(Last(), std::string("m k=") + c.text);
    InitLog({LogFormat::kJson, LogLevel::kInfo});
    Log(LogLevel::kInfo, "m", {{"k", c.value}});
    EXPECT_THAT(lines_.back(), EndsWith(std::string("\"k\":") + c.json + "}"));
  }
}

TEST_F(LogTest, RandomBytesStayOneValidLine) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string value(random() % 20, '\0');
    for (char& c : value) c = static_cast<char>(random());
    InitLog({LogFormat::kJson, LogLevel::kInfo});
    Log(LogLevel::kInfo, {value, value, value}, value, {{"k", value}});
    ASSERT_TRUE(JsonReader(lines_.back()).ReadFlatObject()) << lines_.back();
    InitLog({LogFormat::kText, LogLevel::kInfo});
    Log(LogLevel::kInfo, value, {{"k", value}});
    for (const char c : lines_.back()) {
      ASSERT_GE(static_cast<unsigned char>(c), 0x20) << lines_.back();
      ASSERT_NE(c, 0x7f);
    }
  }
}

TEST_F(LogTest, ManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 50; ++j) Log(LogLevel::kInfo, "x", {{"j", j}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines_.size(), 200u);
}

}  // namespace
}  // namespace valetkey
