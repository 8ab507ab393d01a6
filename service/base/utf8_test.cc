#include "service/base/utf8.h"

#include <gtest/gtest.h>

namespace valetkey {
namespace {

TEST(Utf8, Table) {
  for (const char* good : {"", "plain", "\x7f", "\u00e9", "\u20ac",
                           "\U0001F600", "\ud7ff", "\ue000", "\U0010FFFF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  EXPECT_TRUE(IsUtf8(absl::string_view("a\0b", 3)));
  for (const char* bad :
       {"\x80", "\xbf", "\xc3", "\xc3(", "\xe2\x82", "\xf0\x9f\x98", "\xff",
        "\xfe", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "ok \xc3"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(Utf8, MakesTextReadable) {
  EXPECT_EQ(ReadableUtf8("a\xc3\xa9"), "a\xc3\xa9");
  EXPECT_EQ(ReadableUtf8("a\xc3: \xc3\xa9"), "a?: ??");
  EXPECT_EQ(ReadableUtf8(""), "");
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(CutUtf8("abc", 3), "abc");
  EXPECT_EQ(CutUtf8("abc", 2), "ab");
  EXPECT_EQ(CutUtf8("a\xc3\xa9z", 3), "a\xc3\xa9");
  EXPECT_EQ(CutUtf8("a\xc3\xa9z", 2), "a");
  EXPECT_EQ(CutUtf8("\xf0\x9f\x98\x80", 3), "");
}

}  // namespace
}  // namespace valetkey
