#include "service/identity/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/identity/strict_json.h"

namespace valetkey::identity {
namespace {

constexpr std::size_t kMaxKeyIdSize = 256;
constexpr std::size_t kMaxSubjectSize = 2048;

absl::Status Malformed() {
  return CallerInvalid("malformed",
                       "expected a signed JWT in compact form, three parts in "
                       "base64url");
}

// A NumericDate (RFC 7519 section 2), whole or not.
std::optional<absl::Time> DateOf(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  // What lies beyond is no date, and would not fit.
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e11) {
    return std::nullopt;
  }
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

bool HasAudience(const Json& claims, const std::vector<std::string>& wanted) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  const auto is_wanted = [&wanted](const Json& audience) {
    return audience.is_string() &&
           std::find(wanted.begin(), wanted.end(),
                     audience.get_ref<const std::string&>()) != wanted.end();
  };
  if (!found->is_array()) return is_wanted(*found);
  return std::any_of(found->begin(), found->end(), is_wanted);
}

absl::Status ReadHeader(absl::string_view text, Jwt& jwt) {
  const std::optional<Json> header = ParseStrictObject(text);
  if (!header.has_value()) return Malformed();
  const std::string* alg = FindString(*header, "alg");
  const std::optional<Algorithm> algorithm =
      alg == nullptr ? std::nullopt : AlgorithmFromName(*alg);
  if (!algorithm.has_value()) {
    return CallerInvalid("algorithm",
                         "the JWT is signed with an algorithm that is not "
                         "accepted: use RS256, ES256 or the like");
  }
  jwt.algorithm = *algorithm;
  // What a token declares critical and we do not know would go unheeded.
  if (header->contains("crit") || header->contains("b64")) return Malformed();
  if (header->contains("kid")) {
    const std::string* id = FindString(*header, "kid");
    if (id == nullptr || id->empty() || id->size() > kMaxKeyIdSize) {
      return Malformed();
    }
    jwt.key_id = *id;
  }
  return absl::OkStatus();
}

std::string TextClaim(const Jwt& jwt, const char* name) {
  const std::string* text = FindString(*jwt.claims, name);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

absl::Status CallerInvalid(absl::string_view cause, absl::string_view message) {
  return MakeError(Reason::kCallerInvalid, message,
                   {{"cause", std::string(cause)}});
}

std::string Jwt::issuer() const { return TextClaim(*this, "iss"); }
std::string Jwt::subject() const { return TextClaim(*this, "sub"); }

absl::StatusOr<Jwt> ParseJwt(absl::string_view token, std::size_t max_size) {
  if (token.size() > max_size) {
    return CallerInvalid("malformed", absl::StrCat("expected a JWT of at most ",
                                                   max_size / 1024, " KiB"));
  }
  const std::size_t first = token.find('.');
  const std::size_t second =
      first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return Malformed();
  }
  std::string header;
  std::string claims;
  std::string signature;
  Jwt jwt;
  if (!Base64UrlDecode(token.substr(0, first), &header) ||
      !Base64UrlDecode(token.substr(first + 1, second - first - 1), &claims) ||
      !Base64UrlDecode(token.substr(second + 1), &signature)) {
    return Malformed();
  }
  VK_RETURN_IF_ERROR(ReadHeader(header, jwt));
  std::optional<Json> object = ParseStrictObject(claims);
  if (!object.has_value()) return Malformed();
  jwt.claims = std::make_shared<const Json>(*std::move(object));
  jwt.signed_part = SecretString(token.substr(0, second));
  jwt.signature = SecretString::Take(std::move(signature));
  return jwt;
}

absl::Status CheckSignature(const Jwt& jwt, const KeySet& keys) {
  const std::vector<const PublicKey*> candidates =
      keys.Find(jwt.key_id, jwt.algorithm);
  if (candidates.empty()) {
    return CallerInvalid("key",
                         "the JWT is signed with a key that its issuer does "
                         "not publish");
  }
  for (const PublicKey* key : candidates) {
    if (VerifySignature(*key, jwt.algorithm, jwt.signed_part.Reveal(),
                        jwt.signature.Reveal())) {
      return absl::OkStatus();
    }
  }
  return CallerInvalid("signature", "the JWT's signature is wrong");
}

absl::Status CheckClaims(const Jwt& jwt, const JwtExpectations& expected,
                         absl::Time now) {
  const Json& claims = *jwt.claims;
  if (!expected.algorithms.empty() &&
      std::find(expected.algorithms.begin(), expected.algorithms.end(),
                jwt.algorithm) == expected.algorithms.end()) {
    return CallerInvalid("algorithm",
                         "the JWT is signed with an algorithm that is not "
                         "accepted of this issuer");
  }
  if (jwt.issuer() != expected.issuer) {
    return CallerInvalid("issuer", "the JWT's iss is not an accepted issuer");
  }
  if (!HasAudience(claims, expected.audiences)) {
    return CallerInvalid("audience",
                         "the JWT's aud does not name this server: ask for "
                         "a token with the audience that its operator set");
  }
  const std::optional<absl::Time> expiry = DateOf(claims, "exp");
  if (!expiry.has_value()) {
    return CallerInvalid("expired",
                         "the JWT has no exp, or none that is a "
                         "date");
  }
  if (now >= *expiry + expected.clock_skew) {
    return CallerInvalid("expired", "the JWT has expired: send a newer one");
  }
  for (const char* name : {"nbf", "iat"}) {
    if (!claims.contains(name)) continue;
    const std::optional<absl::Time> date = DateOf(claims, name);
    if (!date.has_value() || now < *date - expected.clock_skew) {
      return CallerInvalid("not_yet_valid",
                           absl::StrCat("the JWT's ", name,
                                        " lies in the future: compare the "
                                        "clocks"));
    }
  }
  const std::string subject = jwt.subject();
  if (subject.empty() || subject.size() > kMaxSubjectSize) {
    return CallerInvalid("subject",
                         "the JWT has no sub, or one that is too "
                         "long");
  }
  return absl::OkStatus();
}

absl::Time AcceptedUntil(const Jwt& jwt, absl::Duration clock_skew) {
  const std::optional<absl::Time> expiry = DateOf(*jwt.claims, "exp");
  return expiry.has_value() ? *expiry + clock_skew : absl::InfinitePast();
}

}  // namespace valetkey::identity
