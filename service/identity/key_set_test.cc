#include "service/identity/key_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/identity/test_tokens.h"

namespace valetkey::identity {
namespace {

using ::testing::HasSubstr;

std::string Keys(const std::string& key) {
  return absl::StrCat("{\"keys\":[", key, "]}");
}
std::string ErrorOf(const std::string& text) {
  const auto keys = KeySet::Parse(text);
  if (keys.ok()) return "";
  EXPECT_EQ(ReasonOf(keys.status()), Reason::kFieldInvalid);
  return std::string(keys.status().message());
}
std::string RsaJwk(const std::string& modulus, const std::string& exponent) {
  return absl::StrCat(R"({"kty":"RSA","n":")", Base64UrlEncode(modulus),
                      R"(","e":")", Base64UrlEncode(exponent), "\"}");
}

TEST(KeySetTest, WhatIsNoKeySetIsRefused) {
  for (const char* text :
       {"", "[]", "{}", "null", "{\"keys\":{}}", "{\"keys\":[]}",
        "{\"keys\":[7]}", "{\"keys\":[],\"keys\":[]}", "\xff", "{\"keys\":["}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("keys")) << text;
  }
  EXPECT_THAT(ErrorOf(std::string(kMaxKeySetSize + 1, ' ')),
              HasSubstr("256 KiB"));
  std::string many = "{\"keys\":[{}";
  for (std::size_t i = 0; i < kMaxKeys; ++i) many += ",{}";
  EXPECT_THAT(ErrorOf(many + "]}"), HasSubstr("at most 100"));
}

TEST(KeySetTest, OtherKeysAreLeftOut) {
  const TestSigner good(KeyType::kP256);
  const std::string text = absl::StrCat(
      R"({"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k1"},)",
      R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"},{"kty":"new"},{},)",
      good.Jwk(R"(,"use":"enc")"), ",", good.Jwk(R"(,"key_ops":["sign"])"), ",",
      good.Jwk(R"(,"alg":"ES512")"), ",",
      good.Jwk(R"(,"use":"sig","key_ops":["verify"])"), "]}");
  const auto keys = KeySet::Parse(text);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ((*keys)->size(), 1u);
  EXPECT_THAT(ErrorOf(Keys(R"({"kty":"oct","k":"c2VjcmV0"})")),
              HasSubstr("at least one public key"));
}

TEST(KeySetTest, APrivateKeyIsRefused) {
  const TestSigner signer(KeyType::kP256);
  const std::string error = ErrorOf(Keys(signer.Jwk(R"(,"d":"c2VjcmV0")")));
  EXPECT_THAT(error, HasSubstr("keys[0]"));
  EXPECT_THAT(error, HasSubstr("private"));
}

TEST(KeySetTest, RsaKeysAreNeitherSmallNorHuge) {
  const std::string exponent("\x01\x00\x01", 3);
  std::string modulus(256, '\xff');
  EXPECT_EQ(ErrorOf(Keys(RsaJwk(modulus, exponent))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(std::string(128, '\xff'), exponent))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(std::string(1025, '\xff'), exponent))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(modulus, "\x01"))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(modulus, "\x02"))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(modulus, std::string(5, '\xff')))), "");
  EXPECT_NE(ErrorOf(Keys(RsaJwk(modulus, ""))), "");
  modulus.back() = '\xfe';
  EXPECT_NE(ErrorOf(Keys(RsaJwk(modulus, exponent))), "");
}

TEST(KeySetTest, PointsLieOnTheirCurve) {
  const std::string x = Base64UrlEncode(std::string(32, '\x01'));
  EXPECT_THAT(ErrorOf(Keys(absl::StrCat(R"({"kty":"EC","crv":"P-256","x":")", x,
                                        R"(","y":")", x, "\"}"))),
              HasSubstr("point on the curve"));
  const TestSigner p384(KeyType::kP384);
  EXPECT_NE(
      ErrorOf(Keys(absl::StrReplaceAll(p384.Jwk(), {{"P-384", "P-256"}}))), "");
  EXPECT_NE(ErrorOf(Keys(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})")), "");
}

TEST(KeySetTest, IdAndAlgorithmAreChecked) {
  const TestSigner signer(KeyType::kP256, "");
  EXPECT_THAT(ErrorOf(Keys(signer.Jwk(R"(,"kid":"")"))), HasSubstr("kid"));
  EXPECT_THAT(ErrorOf(Keys(signer.Jwk(R"(,"kid":1)"))), HasSubstr("kid"));
  EXPECT_THAT(ErrorOf(Keys(signer.Jwk(R"(,"alg":"RS256")"))), HasSubstr("alg"));
}

TEST(KeySetTest, OfManyKeysWithOneIdFewAreTried) {
  std::string text = "{\"keys\":[";
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", TestSigner(KeyType::kP256).Jwk());
  }
  const auto keys = KeySet::Parse(text + "]}");
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ((*keys)->Find("k1", Algorithm::kEs256).size(), 4u);
  EXPECT_TRUE((*keys)->Find("k1", Algorithm::kEs384).empty());
  EXPECT_TRUE((*keys)->Find("", Algorithm::kEs256).empty());
}

}  // namespace
}  // namespace valetkey::identity
