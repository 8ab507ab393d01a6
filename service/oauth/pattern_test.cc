#include "service/oauth/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace valetkey::oauth {
namespace {

TEST(Pattern, MatchesTheWholeValue) {
  EXPECT_TRUE(MatchesPattern("[a-z]+(-[a-z]+)?", "acme-eu"));
  EXPECT_FALSE(MatchesPattern("[a-z]+", "acme.evil"));
  EXPECT_FALSE(MatchesPattern("[a-z]+", "acme\n"));
  EXPECT_TRUE(MatchesPattern("a|ab", "ab"));
  EXPECT_FALSE(MatchesPattern("a|ab", "abc"));
}

TEST(Pattern, KnowsWhatIsNone) {
  EXPECT_TRUE(IsPattern("[a-z0-9]{1,63}"));
  for (const char* const wrong : {"(", "[", "a**", "\\", "(?=a)", "(a)\\1"}) {
    EXPECT_FALSE(IsPattern(wrong)) << wrong;
    EXPECT_FALSE(MatchesPattern(wrong, "a")) << wrong;
  }
  EXPECT_TRUE(IsPattern(std::string(200, 'a')));
  EXPECT_FALSE(IsPattern(std::string(201, 'a')));
  EXPECT_FALSE(MatchesPattern(std::string(201, 'a'), std::string(201, 'a')));
}

// With an engine that backtracks or recurses these take ages or the stack.
TEST(Pattern, HostileOnesCostLittle) {
  const std::string value = std::string(255, 'a') + "!";
  for (const char* const pattern :
       {"(a+)+", "(a|a)*", "(a*)*", "(((a*)*)*)*", "(.*)(.*)(.*)(.*)(.*)b",
        "(a|aa)+", "((a?){0,30}){0,30}"}) {
    EXPECT_TRUE(IsPattern(pattern)) << pattern;
    EXPECT_FALSE(MatchesPattern(pattern, value)) << pattern;
  }
  // Refused for what they would become.
  for (const char* const pattern :
       {"((a{1000}){1000}){1000}", "((((a{99}){99}){99}){99}){99}",
        "(x{0,1000}){0,1000}"}) {
    EXPECT_FALSE(IsPattern(pattern)) << pattern;
  }
  const std::string deep = std::string(99, '(') + "a" + std::string(99, ')');
  EXPECT_TRUE(MatchesPattern(deep, "a"));
}

}  // namespace
}  // namespace valetkey::oauth
