// Keys and signed tokens for tests.

#ifndef VALETKEY_IDENTITY_TEST_TOKENS_H_
#define VALETKEY_IDENTITY_TEST_TOKENS_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "service/identity/algorithm.h"
#include "service/identity/key_set.h"

namespace valetkey::identity {

// A key pair. RSA keys have 2048 bits.
class TestSigner {
 public:
  explicit TestSigner(KeyType type, std::string id = "k1");

  const std::string& id() const { return id_; }
  // The public key as a JWK; `extra` are further members, as in ",\"use\":1".
  std::string Jwk(absl::string_view extra = "") const;
  // {"keys": [this one]}.
  std::string Jwks(absl::string_view extra = "") const;
  // The public key in PEM, as whoever tries HS256 with it would take it.
  std::string PublicPem() const;

  // Base64url of r and s, or of what RSA and Ed25519 make.
  std::string Signature(Algorithm algorithm, absl::string_view data) const;
  // A token with the usual header.
  std::string Sign(Algorithm algorithm, absl::string_view claims) const;
  // One with any header.
  std::string SignRaw(Algorithm algorithm, absl::string_view header,
                      absl::string_view claims) const;

 private:
  KeyType type_;
  std::string id_;
  std::unique_ptr<EVP_PKEY, FreePublicKey> key_;
};

// header.claims, each in base64url.
std::string Unsigned(absl::string_view header, absl::string_view claims);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_TEST_TOKENS_H_
