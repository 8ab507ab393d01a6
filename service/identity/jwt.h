// JSON Web Tokens that callers show (RFC 7519, in the compact form of RFC
// 7515), read and checked after RFC 8725.
//
//   VK_ASSIGN_OR_RETURN(const Jwt jwt, ParseJwt(token));  // proves nothing yet
//   ... the issuer that jwt.issuer() names, its keys ...
//   VK_RETURN_IF_ERROR(CheckSignature(jwt, keys));
//   VK_RETURN_IF_ERROR(CheckClaims(jwt, expectations, now));
//
// All errors are CALLER_INVALID with {"cause": ...} and no part of the token.
// Pure functions, thread-safe.

#ifndef VALETKEY_IDENTITY_JWT_H_
#define VALETKEY_IDENTITY_JWT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "service/base/secret.h"
#include "service/identity/algorithm.h"
#include "service/identity/key_set.h"

namespace valetkey::identity {

// No token of a workload comes near it.
inline constexpr std::size_t kMaxTokenSize = 8 * 1024;

struct Jwt {
  Algorithm algorithm = Algorithm::kRs256;
  std::string key_id;  // "" if it names none
  std::shared_ptr<const nlohmann::json> claims;
  // Together they would be the token again.
  SecretString signed_part;
  SecretString signature;

  std::string issuer() const;   // "" if it is no string
  std::string subject() const;  // the same
};

struct JwtExpectations {
  std::string issuer;
  std::vector<std::string> audiences;
  std::vector<Algorithm> algorithms;  // empty: all
  absl::Duration clock_skew = absl::Seconds(30);
};

absl::StatusOr<Jwt> ParseJwt(absl::string_view token,
                             std::size_t max_size = kMaxTokenSize);

// Whether one of the set's keys has signed it. Asks nothing of the claims.
absl::Status CheckSignature(const Jwt& jwt, const KeySet& keys);

// iss, aud, sub, exp, nbf and iat, and that the algorithm is allowed. `exp` is
// required: a token without an end could never be taken back.
absl::Status CheckClaims(const Jwt& jwt, const JwtExpectations& expected,
                         absl::Time now);

// When CheckClaims begins to refuse it; the infinite past if it has no `exp`.
absl::Time AcceptedUntil(const Jwt& jwt, absl::Duration clock_skew);

// CALLER_INVALID; the cause is a word for programs.
absl::Status CallerInvalid(absl::string_view cause, absl::string_view message);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_JWT_H_
