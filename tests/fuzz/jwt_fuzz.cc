// What a caller shows and what an issuer publishes: tokens, key sets, names in
// certificates, policies and their patterns.
//
// The first byte chooses what the rest is. For tokens the rest is the header,
// a NUL, the claims, a NUL and the signature, which are encoded here, or a
// token as it is.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/identity/certificate.h"
#include "service/identity/jwt.h"
#include "service/identity/key_set.h"
#include "service/identity/policy.h"

namespace {

using namespace valetkey;            // NOLINT
using namespace valetkey::identity;  // NOLINT

void Require(bool condition) {
  if (!condition) std::abort();
}

// RFC 7515 appendix A.3: its private key is public, but no input finds it.
constexpr char kKeys[] =
    R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k1",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

void TryToken(absl::string_view token) {
  static const auto& keys =
      *new std::shared_ptr<const KeySet>(*KeySet::Parse(kKeys));
  const auto jwt = ParseJwt(token);
  if (!jwt.ok()) {
    Require(ReasonOf(jwt.status()) == Reason::kCallerInvalid);
    return;
  }
  Require(token.size() <= kMaxTokenSize);
  // Nobody here has signed it.
  Require(!CheckSignature(*jwt, *keys).ok());
  JwtExpectations expected;
  expected.issuer = "i";
  expected.audiences = {"a"};
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  if (CheckClaims(*jwt, expected, now).ok()) {
    Require(jwt->issuer() == "i" && !jwt->subject().empty());
    const absl::Time until = AcceptedUntil(*jwt, expected.clock_skew);
    Require(until > now && until < absl::InfiniteFuture());
  }
  (void)ClaimTexts(*jwt->claims, "kubernetes.io.namespace");
}

void TryParts(absl::string_view rest) {
  const std::size_t first = rest.find('\0');
  if (first == rest.npos) return;
  const std::size_t second = rest.find('\0', first + 1);
  if (second == rest.npos) return;
  TryToken(
      absl::StrCat(Base64UrlEncode(rest.substr(0, first)), ".",
                   Base64UrlEncode(rest.substr(first + 1, second - first - 1)),
                   ".", Base64UrlEncode(rest.substr(second + 1))));
}

void TryKeys(absl::string_view text) {
  const auto keys = KeySet::Parse(text);
  if (!keys.ok()) {
    Require(ReasonOf(keys.status()) == Reason::kFieldInvalid);
    return;
  }
  Require((*keys)->size() >= 1 && (*keys)->size() <= kMaxKeys);
  for (const PublicKey& key : (*keys)->keys()) {
    for (const AlgorithmInfo& info : Algorithms()) {
      // Not signed by anybody, whatever the key.
      Require(
          !VerifySignature(key, info.algorithm, "data", std::string(64, 1)));
    }
  }
}

void TryPolicy(absl::string_view text) {
  const auto policy = Policy::Parse("p", text);
  if (!policy.ok()) return;
  CertificateNames names;
  names.spiffe_id = "spiffe://example.org/ns/shop/sa/web";
  names.dns_names = {"web.example.org"};
  const Rule* rule = (*policy)->Match(names);
  const auto verdicts = (*policy)->Explain(names);
  Require(!verdicts.empty());
  Require((rule != nullptr) == verdicts.back().why_not.empty());
  for (const Issuer& issuer : (*policy)->issuers()) {
    Require(!issuer.expected.audiences.empty());
    Require(issuer.keys.file.empty() != issuer.keys.url.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  switch (data[0] % 5) {
    case 0:
      TryParts(rest);
      break;
    case 1:
      TryToken(rest);
      break;
    case 2:
      TryKeys(rest);
      break;
    case 3:
      TryPolicy(rest);
      break;
    default: {
      const auto names = ReadCertificateNames(rest);
      if (names.ok() && !names->spiffe_id.empty()) {
        Require(IsSpiffeId(names->spiffe_id));
      }
    }
  }
  return 0;
}
