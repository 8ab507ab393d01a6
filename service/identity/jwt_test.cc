// Honest tokens of every algorithm, and what forgers try.

#include "service/identity/jwt.h"

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
using ::testing::Not;

constexpr std::int64_t kNow = 1'800'000'000;

const TestSigner& Rsa() {
  static const auto& signer = *new TestSigner(KeyType::kRsa);
  return signer;
}

// Claims that pass, with members replaced or added at the end.
std::string Claims(absl::string_view more = "") {
  return absl::StrCat(
      R"({"iss":"https://issuer.example","sub":"system:serviceaccount:shop:web",)",
      R"("aud":["valetkey"],"exp":)", kNow + 60, R"(,"iat":)", kNow - 60, more,
      "}");
}
std::string Header(absl::string_view alg, absl::string_view more = "") {
  return absl::StrCat(R"({"alg":")", alg, R"(","kid":"k1")", more, "}");
}

// The cause that a token is refused for; "" if it is accepted.
std::string CauseOf(const absl::Status& status) {
  if (status.ok()) return "";
  EXPECT_EQ(ReasonOf(status), Reason::kCallerInvalid) << status;
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "cause") return value;
  }
  return "(none)";
}

std::string Check(absl::string_view token, const std::string& jwks,
                  absl::Time now = absl::FromUnixSeconds(kNow),
                  std::vector<Algorithm> algorithms = {}) {
  const auto jwt = ParseJwt(token);
  if (!jwt.ok()) return CauseOf(jwt.status());
  const auto keys = KeySet::Parse(jwks);
  EXPECT_TRUE(keys.ok()) << keys.status();
  const absl::Status signature = CheckSignature(*jwt, **keys);
  if (!signature.ok()) return CauseOf(signature);
  JwtExpectations expected;
  expected.issuer = "https://issuer.example";
  expected.audiences = {"valetkey", "other"};
  expected.algorithms = std::move(algorithms);
  return CauseOf(CheckClaims(*jwt, expected, now));
}
std::string CheckRsa(absl::string_view claims, std::int64_t now = kNow) {
  return Check(Rsa().Sign(Algorithm::kRs256, claims), Rsa().Jwks(),
               absl::FromUnixSeconds(now));
}

TEST(JwtTest, EveryAlgorithmIsAcceptedWithItsKeyAndNoOther) {
  const TestSigner rsa(KeyType::kRsa), p256(KeyType::kP256),
      p384(KeyType::kP384), ed(KeyType::kEd25519);
  const auto of = [&](KeyType type) -> const TestSigner& {
    switch (type) {
      case KeyType::kRsa:
        return rsa;
      case KeyType::kP256:
        return p256;
      case KeyType::kP384:
        return p384;
      default:
        return ed;
    }
  };
  for (const AlgorithmInfo& info : Algorithms()) {
    SCOPED_TRACE(info.name);
    const TestSigner& signer = of(info.key);
    const std::string token = signer.Sign(info.algorithm, Claims());
    EXPECT_EQ(Check(token, signer.Jwks()), "");
    const TestSigner stranger(info.key);
    EXPECT_EQ(Check(token, stranger.Jwks()), "signature");
    for (const TestSigner* other : {&rsa, &p256, &p384, &ed}) {
      if (other == &signer) continue;
      EXPECT_EQ(Check(token, other->Jwks()), "key");
    }
    // The key says what it is for.
    EXPECT_EQ(
        Check(token, signer.Jwks(absl::StrCat(R"(,"alg":")", info.name, "\""))),
        "");
    std::string broken = token;
    broken[broken.size() / 2] = broken[broken.size() / 2] == 'A' ? 'B' : 'A';
    EXPECT_NE(Check(broken, signer.Jwks()), "");
  }
}

TEST(JwtTest, AKeyForOneAlgorithmServesNoOther) {
  const std::string token = Rsa().Sign(Algorithm::kRs256, Claims());
  EXPECT_EQ(Check(token, Rsa().Jwks(R"(,"alg":"PS256")")), "key");
  EXPECT_EQ(Check(token, Rsa().Jwks(R"(,"alg":"RS512")")), "key");
}

TEST(JwtTest, AnIssuerMayBeHeldToAlgorithms) {
  const std::string token = Rsa().Sign(Algorithm::kRs256, Claims());
  const absl::Time now = absl::FromUnixSeconds(kNow);
  EXPECT_EQ(Check(token, Rsa().Jwks(), now, {Algorithm::kRs256}), "");
  EXPECT_EQ(Check(token, Rsa().Jwks(), now, {Algorithm::kEs256}), "algorithm");
}

TEST(JwtTest, NoneIsNoAlgorithm) {
  for (const char* alg : {"none", "None", "NONE", "nOnE", ""}) {
    EXPECT_EQ(
        Check(absl::StrCat(Unsigned(Header(alg), Claims()), "."), Rsa().Jwks()),
        "algorithm")
        << alg;
  }
}

TEST(JwtTest, ThePublicKeyIsNoSharedSecret) {
  for (const char* alg : {"HS256", "HS384", "HS512"}) {
    const std::string data = Unsigned(Header(alg), Claims());
    for (const std::string& secret :
         {Rsa().PublicPem(), Rsa().Jwk(), std::string()}) {
      const std::string token =
          absl::StrCat(data, ".", Base64UrlEncode(HmacSha256(secret, data)));
      EXPECT_EQ(Check(token, Rsa().Jwks()), "algorithm");
    }
  }
  // Nor under the name of an algorithm that is accepted.
  const std::string data = Unsigned(Header("RS256"), Claims());
  EXPECT_EQ(
      Check(absl::StrCat(data, ".",
                         Base64UrlEncode(HmacSha256(Rsa().PublicPem(), data))),
            Rsa().Jwks()),
      "signature");
}

TEST(JwtTest, AnAlgorithmIsNotTakenForAnother) {
  // Signed by RS256, but called PS256 and RS512.
  for (const char* alg : {"PS256", "RS512", "RS384"}) {
    EXPECT_EQ(Check(Rsa().SignRaw(Algorithm::kRs256, Header(alg), Claims()),
                    Rsa().Jwks()),
              "signature");
  }
  const TestSigner p256(KeyType::kP256);
  EXPECT_EQ(Check(p256.SignRaw(Algorithm::kEs256, Header("ES384"), Claims()),
                  p256.Jwks()),
            "key");
}

TEST(JwtTest, EcSignaturesHaveTheRightSizeAndAreNotZero) {
  const TestSigner p256(KeyType::kP256);
  const std::string data = Unsigned(Header("ES256"), Claims());
  for (const std::size_t size : {0, 1, 63, 64, 65, 70, 72, 96, 128}) {
    EXPECT_EQ(
        Check(absl::StrCat(data, ".", Base64UrlEncode(std::string(size, '\0'))),
              p256.Jwks()),
        "signature")
        << size;
  }
}

TEST(JwtTest, TheKeyIsFoundByItsId) {
  const TestSigner one(KeyType::kRsa, "one"), two(KeyType::kRsa, "two");
  const std::string both =
      absl::StrCat("{\"keys\":[", one.Jwk(), ",", two.Jwk(), "]}");
  EXPECT_EQ(Check(two.Sign(Algorithm::kRs256, Claims()), both), "");
  // The id of another key, of none, and none at all with two to choose from.
  const auto with = [&](absl::string_view header) {
    return Check(two.SignRaw(Algorithm::kRs256, header, Claims()), both);
  };
  EXPECT_EQ(with(R"({"alg":"RS256","kid":"one"})"), "signature");
  EXPECT_EQ(with(R"({"alg":"RS256","kid":"three"})"), "key");
  EXPECT_EQ(with(R"({"alg":"RS256"})"), "key");
  EXPECT_EQ(with(R"({"alg":"RS256","kid":""})"), "malformed");
  EXPECT_EQ(with(R"({"alg":"RS256","kid":7})"), "malformed");
  EXPECT_EQ(with(absl::StrCat(R"({"alg":"RS256","kid":")",
                              std::string(300, 'x'), "\"}")),
            "malformed");
  EXPECT_EQ(
      Check(two.SignRaw(Algorithm::kRs256, R"({"alg":"RS256"})", Claims()),
            two.Jwks()),
      "");
}

TEST(JwtTest, KeysInTheTokenItselfAreNotUsed) {
  const TestSigner forger(KeyType::kRsa);
  EXPECT_EQ(Check(forger.SignRaw(
                      Algorithm::kRs256,
                      Header("RS256",
                             absl::StrCat(R"(,"jwk":)", forger.Jwk(),
                                          R"(,"jku":"https://evil.example")")),
                      Claims()),
                  Rsa().Jwks()),
            "signature");
}

TEST(JwtTest, MalformedTokensAreRefused) {
  const std::string good = Rsa().Sign(Algorithm::kRs256, Claims());
  const std::size_t dot = good.find('.');
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("..."),
        std::string("a.b.c"), good + ".", good.substr(0, dot), "." + good,
        good + "=", good + " ", absl::StrReplaceAll(good, {{".", ".."}}),
        // Five parts: an encrypted one.
        good + ".a.b", std::string("@@@.###.$$$"),
        absl::StrCat(Base64UrlEncode("[]"), good.substr(dot)),
        absl::StrCat(Base64UrlEncode("{"), good.substr(dot)),
        absl::StrCat(Base64UrlEncode("{} {}"), good.substr(dot)),
        absl::StrCat(Base64UrlEncode("\xff\xfe"), good.substr(dot))}) {
    const std::string cause = Check(token, Rsa().Jwks());
    EXPECT_TRUE(cause == "malformed" || cause == "algorithm") << cause;
  }
  EXPECT_EQ(Check(good, Rsa().Jwks()), "");
}

TEST(JwtTest, HugeTokensAreRefusedUnread) {
  const std::string huge = Rsa().Sign(
      Algorithm::kRs256,
      Claims(absl::StrCat(R"(,"x":")", std::string(kMaxTokenSize, 'x'), "\"")));
  EXPECT_EQ(Check(huge, Rsa().Jwks()), "malformed");
  EXPECT_EQ(Check(std::string(10 << 20, '.'), Rsa().Jwks()), "malformed");
  // Deep rather than long.
  EXPECT_EQ(CheckRsa(Claims(absl::StrCat(R"(,"x":)", std::string(50, '['),
                                         std::string(50, ']')))),
            "malformed");
}

TEST(JwtTest, DuplicateNamesAreRefused) {
  EXPECT_EQ(CheckRsa(Claims(R"(,"sub":"admin")")), "malformed");
  // The same name, written otherwise.
  EXPECT_EQ(CheckRsa(Claims(R"(,"s\u0075b":"admin")")), "malformed");
  EXPECT_EQ(CheckRsa(Claims(R"(,"a":{"b":1,"b":2})")), "malformed");
  EXPECT_EQ(CheckRsa(Claims(R"(,"a":[{"b":1},{"b":2}],"b":3)")), "");
  EXPECT_EQ(Check(Rsa().SignRaw(Algorithm::kRs256,
                                R"({"alg":"none","alg":"RS256","kid":"k1"})",
                                Claims()),
                  Rsa().Jwks()),
            "malformed");
}

TEST(JwtTest, WhatIsCriticalAndUnknownIsRefused) {
  for (const char* more :
       {R"(,"crit":["b64"],"b64":false)", R"(,"crit":[])", R"(,"b64":true)"}) {
    EXPECT_EQ(
        Check(Rsa().SignRaw(Algorithm::kRs256, Header("RS256", more), Claims()),
              Rsa().Jwks()),
        "malformed");
  }
}

TEST(JwtTest, ExpiryIsExactToTheSecondAroundTheSkew) {
  EXPECT_EQ(CheckRsa(Claims(), kNow + 60 + 29), "");
  EXPECT_EQ(CheckRsa(Claims(), kNow + 60 + 30), "expired");
  EXPECT_EQ(CheckRsa(Claims(), kNow + 60 + 31), "expired");
  const auto jwt = ParseJwt(Rsa().Sign(Algorithm::kRs256, Claims()));
  ASSERT_TRUE(jwt.ok());
  EXPECT_EQ(AcceptedUntil(*jwt, absl::Seconds(30)),
            absl::FromUnixSeconds(kNow + 90));
}

TEST(JwtTest, DatesMustBeThereAndBeDates) {
  const auto with_exp = [](absl::string_view exp) {
    return CheckRsa(absl::StrCat(
        R"({"iss":"https://issuer.example","sub":"s","aud":"valetkey")", exp,
        "}"));
  };
  EXPECT_EQ(with_exp(absl::StrCat(R"(,"exp":)", kNow + 1)), "");
  EXPECT_EQ(with_exp(absl::StrCat(R"(,"exp":)", kNow + 1, ".5")), "");
  for (const char* exp :
       {"", R"(,"exp":"1900000000")", R"(,"exp":null)", R"(,"exp":-1)",
        R"(,"exp":1e300)", R"(,"exp":[1900000000])", R"(,"exp":true)"}) {
    EXPECT_EQ(with_exp(exp), "expired") << exp;
  }
  EXPECT_EQ(with_exp(R"(,"exp":1e999)"), "malformed");
}

TEST(JwtTest, NotBeforeAndIssuedAtLieInThePast) {
  const auto with_nbf = [](std::int64_t time) {
    return CheckRsa(Claims(absl::StrCat(R"(,"nbf":)", time)));
  };
  EXPECT_EQ(with_nbf(kNow + 30), "");
  EXPECT_EQ(with_nbf(kNow + 31), "not_yet_valid");
  EXPECT_EQ(CheckRsa(Claims(), kNow - 60 - 30), "");
  EXPECT_EQ(CheckRsa(Claims(), kNow - 60 - 31), "not_yet_valid");
  EXPECT_EQ(CheckRsa(Claims(R"(,"nbf":"soon")")), "not_yet_valid");
}

TEST(JwtTest, TheAudienceIsAStringOrAList) {
  const auto with = [](absl::string_view aud) {
    return CheckRsa(
        absl::StrCat(R"({"iss":"https://issuer.example","sub":"s","exp":)",
                     kNow + 1, aud, "}"));
  };
  EXPECT_EQ(with(R"(,"aud":"valetkey")"), "");
  EXPECT_EQ(with(R"(,"aud":["x","other"])"), "");
  for (const char* aud :
       {"", R"(,"aud":"vault")", R"(,"aud":[])", R"(,"aud":["Valetkey"])",
        R"(,"aud":[["valetkey"]])", R"(,"aud":{"valetkey":1})",
        R"(,"aud":null)", R"(,"aud":"valetkey ")"}) {
    EXPECT_EQ(with(aud), "audience") << aud;
  }
}

TEST(JwtTest, IssuerAndSubjectAreStrings) {
  const auto with = [](absl::string_view names) {
    return CheckRsa(
        absl::StrCat(R"({"aud":"valetkey","exp":)", kNow + 1, ",", names, "}"));
  };
  EXPECT_EQ(with(R"("iss":"https://issuer.example","sub":"s")"), "");
  EXPECT_EQ(with(R"("iss":"https://issuer.example/","sub":"s")"), "issuer");
  EXPECT_EQ(with(R"("iss":["https://issuer.example"],"sub":"s")"), "issuer");
  EXPECT_EQ(with(R"("sub":"s")"), "issuer");
  EXPECT_EQ(with(R"("iss":"https://issuer.example")"), "subject");
  EXPECT_EQ(with(R"("iss":"https://issuer.example","sub":"")"), "subject");
  EXPECT_EQ(with(R"("iss":"https://issuer.example","sub":7)"), "subject");
}

TEST(JwtTest, ErrorsHoldNoPartOfTheToken) {
  const auto jwt = ParseJwt("canary-a.canary-b.canary-c.canary-d");
  EXPECT_THAT(jwt.status().ToString(), Not(HasSubstr("canary")));
  const auto parsed = ParseJwt(
      Rsa().Sign(Algorithm::kRs256, R"({"iss":"canary","sub":"canary"})"));
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(CheckClaims(*parsed, {}, absl::Now()).ToString(),
              Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace valetkey::identity
