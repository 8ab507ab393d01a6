// How a JWT may be signed: the list that there is, and what fits a key.

#ifndef VALETKEY_IDENTITY_ALGORITHM_H_
#define VALETKEY_IDENTITY_ALGORITHM_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace valetkey::identity {

enum class KeyType { kRsa, kP256, kP384, kEd25519 };

// The numbers of the policy's Algorithm.
enum class Algorithm {
  kRs256 = 1,
  kRs384 = 2,
  kRs512 = 3,
  kPs256 = 4,
  kPs384 = 5,
  kPs512 = 6,
  kEs256 = 7,
  kEs384 = 8,
  kEdDsa = 9,
};

struct AlgorithmInfo {
  Algorithm algorithm;
  const char* name;  // as `alg` writes it
  KeyType key;       // the only type that it is used with
  bool pss;
  const char* digest;  // OpenSSL's name; nullptr where there is none
};

// All of them. `none` and the HMACs are not there, so that no token can make
// a verifier use a public key as a shared secret (RFC 8725 section 3.1).
absl::Span<const AlgorithmInfo> Algorithms();

// REQUIRES: one of the above.
const AlgorithmInfo& InfoOf(Algorithm algorithm);

// nullopt for anything else than the names above.
std::optional<Algorithm> AlgorithmFromName(absl::string_view name);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_ALGORITHM_H_
