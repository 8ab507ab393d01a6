#include "service/base/secret.h"

#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/base/log.h"

namespace valetkey {
namespace {

template <class T>
concept Printable =
    requires(std::ostream& out, const T& value) { out << value; };
template <class T>
concept Comparable = requires(const T& a, const T& b) { a == b; };
template <class T>
concept StrCatable = requires(const T& value) { absl::StrCat(value); };

static_assert(Printable<std::string> && !Printable<SecretString>);
static_assert(Comparable<std::string> && !Comparable<SecretString>);
static_assert(StrCatable<std::string> && !StrCatable<SecretString>);
static_assert(std::is_convertible_v<std::string, LogValue>);
static_assert(!std::is_constructible_v<LogValue, SecretString>);
static_assert(!std::is_convertible_v<SecretString, std::string>);
static_assert(!std::is_convertible_v<SecretString, absl::string_view>);
static_assert(!std::is_convertible_v<std::string, SecretString>);

TEST(SecretTest, HoldsWhatItWasGiven) {
  const std::string value("a\0b", 3);
  const SecretString secret{absl::string_view(value)};
  EXPECT_EQ(secret.Reveal(), value);
  EXPECT_EQ(secret.size(), 3u);
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(SecretString().empty());
  EXPECT_EQ(std::string(SecretString("").Reveal()), "");
}

TEST(SecretTest, TakeWipesItsSource) {
  for (const std::size_t size : {3u, 200u}) {
    std::string source(size, 's');
    const char* const memory = source.data();
    const SecretString secret = SecretString::Take(std::move(source));
    EXPECT_EQ(secret.Reveal(), std::string(size, 's'));
    // The string still owns the buffer; only its size is zero.
    ASSERT_EQ(source.data(), memory);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(source.empty());
    source.resize(size);
    EXPECT_EQ(source, std::string(size, '\0'));
  }
}

TEST(SecretTest, CopiesAreApart) {
  SecretString a("alpha");
  SecretString b = a;
  a = SecretString("beta");
  EXPECT_EQ(b.Reveal(), "alpha");
  EXPECT_EQ(a.Reveal(), "beta");
  b = a;
  EXPECT_EQ(b.Reveal(), "beta");
  EXPECT_NE(b.Reveal().data(), a.Reveal().data());
  const SecretString& same = b;
  b = same;
  EXPECT_EQ(b.Reveal(), "beta");
}

TEST(SecretTest, MovesLeaveNothing) {
  SecretString a("alpha");
  SecretString b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(b.Reveal(), "alpha");
  SecretString c("gamma");
  c = std::move(b);
  EXPECT_EQ(c.Reveal(), "alpha");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SecretTest, Equals) {
  EXPECT_TRUE(SecretString("a").Equals(SecretString("a")));
  EXPECT_TRUE(SecretString().Equals(SecretString()));
  EXPECT_FALSE(SecretString("a").Equals(SecretString("b")));
  EXPECT_FALSE(SecretString("a").Equals(SecretString("ab")));
  EXPECT_FALSE(SecretString("a").Equals(SecretString()));
}

TEST(SecretTest, WipeMemory) {
  std::string buffer = "secret";
  WipeMemory(buffer.data(), buffer.size());
  EXPECT_EQ(buffer, std::string(6, '\0'));
  WipeMemory(nullptr, 0);
}

}  // namespace
}  // namespace valetkey
