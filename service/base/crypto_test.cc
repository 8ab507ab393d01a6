#include "service/base/crypto.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace valetkey {
namespace {

TEST(CryptoTest, Sha256) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto digest = Sha256Digest("abc");
  EXPECT_EQ(std::string(digest.begin(), digest.end()), Sha256("abc"));
}

TEST(CryptoTest, HmacSha256) {
  // RFC 4231, test cases 1, 2 and 6.
  EXPECT_EQ(HexEncode(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(
                std::string(131, '\xaa'),
                "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HexEncode(HmacSha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(CryptoTest, Base64UrlKnownAnswers) {
  // RFC 4648 section 10 without padding; RFC 7636 appendix A.
  const struct {
    std::string data;
    const char* text;
  } kCases[] = {
      {"", ""},
      {"f", "Zg"},
      {"fo", "Zm8"},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg"},
      {"fooba", "Zm9vYmE"},
      {"foobar", "Zm9vYmFy"},
      {"\xff\xef\xbe", "_---"},
      {"\xfb\xff", "-_8"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Base64UrlEncode(c.data), c.text);
    std::string data;
    EXPECT_TRUE(Base64UrlDecode(c.text, &data)) << c.text;
    EXPECT_EQ(data, c.data);
  }
  EXPECT_EQ(
      Base64UrlEncode(Sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")),
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(CryptoTest, Base64UrlRefuses) {
  // The last two have bits set beyond the data.
  for (const char* text : {"A", "AAAAA", "Zg==", "Zm9v\n", "a+b/", "Zm 8",
                           "Zm9\xff", "Zh", "Zm9"}) {
    std::string data = "old";
    EXPECT_FALSE(Base64UrlDecode(text, &data)) << text;
    EXPECT_EQ(data, "");
  }
}

TEST(CryptoTest, Base64UrlRoundTrips) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    std::string data(random() % 70, '\0');
    for (char& c : data) c = static_cast<char>(random());
    std::string back;
    ASSERT_TRUE(Base64UrlDecode(Base64UrlEncode(data), &back));
    ASSERT_EQ(back, data);
  }
}

TEST(CryptoTest, ConstantTimeEquals) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
  EXPECT_FALSE(ConstantTimeEquals("", "a"));
}

}  // namespace
}  // namespace valetkey
