#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/events/event_hub.h"

namespace valetkey::events {
namespace {

constexpr char kStore[] = "0123456789abcdef";

TEST(Cursor, ComesBack) {
  for (std::int64_t sequence :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{255},
        std::int64_t{1} << 40, std::numeric_limits<std::int64_t>::max()}) {
    const std::string cursor = EncodeCursor(kStore, sequence);
    auto decoded = DecodeCursor(kStore, cursor);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, sequence);
  }
}

// Clients keep cursors: what is written today must be read by later versions.
TEST(Cursor, KeepsItsForm) {
  EXPECT_EQ(EncodeCursor(kStore, 7).size(), 28u);
  std::string data;
  ASSERT_TRUE(Base64UrlDecode(EncodeCursor(kStore, 0x0102), &data));
  EXPECT_EQ(data.substr(0, 1), "\x01");
  EXPECT_EQ(data.substr(1, 8), Sha256(kStore).substr(0, 8));
  EXPECT_EQ(data.substr(9, 8), std::string("\0\0\0\0\0\0\1\2", 8));
  EXPECT_EQ(data.substr(17), Sha256(data.substr(0, 17)).substr(0, 4));
}

TEST(Cursor, OfAnotherStoreIsRefused) {
  auto decoded = DecodeCursor("fedcba9876543210", EncodeCursor(kStore, 5));
  EXPECT_EQ(ReasonOf(decoded.status()), Reason::kCursorInvalid);
  EXPECT_NE(decoded.status().message().find("another store"),
            std::string::npos);
}

TEST(Cursor, DamageIsSeen) {
  const std::string cursor = EncodeCursor(kStore, 123456);
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    for (char replacement : {'A', 'z', '-', '=', ' ', '\0'}) {
      if (cursor[i] == replacement) continue;
      std::string damaged = cursor;
      damaged[i] = replacement;
      EXPECT_EQ(ReasonOf(DecodeCursor(kStore, damaged).status()),
                Reason::kCursorInvalid)
          << i;
    }
    EXPECT_FALSE(DecodeCursor(kStore, cursor.substr(0, i)).ok());
  }
  EXPECT_FALSE(DecodeCursor(kStore, cursor + "A").ok());
  EXPECT_FALSE(DecodeCursor(kStore, std::string(100'000, 'A')).ok());
}

TEST(Cursor, ANegativeSequenceIsRefused) {
  EXPECT_FALSE(DecodeCursor(kStore, EncodeCursor(kStore, -1)).ok());
}

TEST(Cursor, OfAnotherVersionIsRefused) {
  std::string data;
  ASSERT_TRUE(Base64UrlDecode(EncodeCursor(kStore, 7), &data));
  data[0] = 2;
  data.replace(17, 4, Sha256(data.substr(0, 17)).substr(0, 4));
  auto decoded = DecodeCursor(kStore, Base64UrlEncode(data));
  EXPECT_NE(decoded.status().message().find("version"), std::string::npos);
}

}  // namespace
}  // namespace valetkey::events
