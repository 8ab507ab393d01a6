// An issuer's public keys: a JSON Web Key Set (RFC 7517), and signatures
// checked with it.
//
// Keys of other kinds than we use, and those that are not for signatures, are
// left out, as RFC 7517 section 5 asks. A set that holds a private key is
// refused: who published it has lost it. Immutable, thread-safe.

#ifndef VALETKEY_IDENTITY_KEY_SET_H_
#define VALETKEY_IDENTITY_KEY_SET_H_

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/identity/algorithm.h"

namespace valetkey::identity {

inline constexpr std::size_t kMaxKeySetSize = 256 * 1024;
inline constexpr std::size_t kMaxKeys = 100;

struct FreePublicKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct PublicKey {
  std::string id;  // `kid`; "" if it has none
  KeyType type = KeyType::kRsa;
  std::optional<Algorithm> algorithm;  // `alg`: the only one that it is for
  std::unique_ptr<EVP_PKEY, FreePublicKey> key;
};

class KeySet {
 public:
  // FIELD_INVALID with what is wrong, and with which key.
  static absl::StatusOr<std::shared_ptr<const KeySet>> Parse(
      absl::string_view text);

  // The keys that may have made such a signature: those of that id that fit
  // the algorithm; without an id the only one that fits, if it is the only
  // one. None: it is not known here.
  std::vector<const PublicKey*> Find(absl::string_view id,
                                     Algorithm algorithm) const;

  std::size_t size() const { return keys_.size(); }
  const std::vector<PublicKey>& keys() const { return keys_; }
  // Two sets of the same text are the same.
  const std::string& digest() const { return digest_; }

 private:
  std::vector<PublicKey> keys_;
  std::string digest_;
};

// Whether `signature` is `key`'s of `data`. False also for a key that does not
// fit the algorithm.
bool VerifySignature(const PublicKey& key, Algorithm algorithm,
                     absl::string_view data, absl::string_view signature);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_KEY_SET_H_
