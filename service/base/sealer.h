// Encryption of secrets at rest: AES-256-GCM, envelope, under a keyring.
//
// A sealed value is self-describing: a version byte, the id of the key that
// wrapped it, the wrapped data key, a nonce and the ciphertext with its tag.
// Each value has a fresh data key. It is bound to where it is kept by
// associated data, "connections/c-7#refresh_token" say, so that a value copied
// to another row does not open. Many keys of the ring open; the first seals.
//
// The keyring file is text, one key a line, the newest first:
//
//   # comment
//   k-2026-11-23 <43 characters base64url: 32 bytes>
//
// Thread-safe: the ring is read-only after loading.

#ifndef VALETKEY_BASE_SEALER_H_
#define VALETKEY_BASE_SEALER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/clock.h"
#include "service/base/secret.h"

namespace valetkey {

struct KeyringKey {
  std::string id;    // 1 to 32 characters [A-Za-z0-9._-]
  SecretString key;  // 32 bytes
};

class Keyring {
 public:
  // Errors name the line and what is wrong with it, never the key.
  static absl::StatusOr<Keyring> Parse(absl::string_view text);
  // Reads a file; refuses one that others than its owner may read. One that
  // root owns (a mounted secret) may be readable by its group.
  static absl::StatusOr<Keyring> Load(const std::string& path);
  // Makes a ring of one fresh key and writes it to a new file of mode 0600,
  // synced to disk with its folder. ALREADY_EXISTS if there is one.
  static absl::StatusOr<Keyring> Create(const std::string& path, Random& random,
                                        absl::Time now);

  const std::vector<KeyringKey>& keys() const { return keys_; }

 private:
  std::vector<KeyringKey> keys_;
};

class Sealer {
 public:
  // REQUIRES: the ring has a key; random outlives the sealer.
  Sealer(Keyring keyring, Random& random);

  // Seals under the ring's first key.
  std::string Seal(const SecretString& plain,
                   absl::string_view associated_data) const;
  // ENCRYPTION_KEY_MISSING if the ring lacks the key; INTERNAL_FAULT if the
  // value is damaged or belongs elsewhere.
  absl::StatusOr<SecretString> Open(absl::string_view sealed,
                                    absl::string_view associated_data) const;

  // The id of the key that a sealed value was wrapped with; "" if damaged.
  static std::string KeyIdOf(absl::string_view sealed);
  // The id of the key that seals.
  const std::string& current_key_id() const;

 private:
  Keyring keyring_;
  Random& random_;
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_SEALER_H_
