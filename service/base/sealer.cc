#include "service/base/sealer.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

// A sealed value:
//
//   1   version, 1
//   1   size of the key's id, n
//   n   the key's id
//   12  nonce of the wrapping
//   32  the data key, encrypted under the ring's key
//   16  tag of the wrapping
//   12  nonce of the value
//   m   the value, encrypted under the data key
//   16  tag of the value
//
// Both encryptions authenticate the bytes up to the key's id, followed by the
// caller's associated data: the first part tells its own length, so no two
// pairs give the same bytes. Nonces are random; a ring's key should wrap fewer
// than 2^32 values (NIST SP 800-38D, 8.3), a data key encrypts one.

namespace valetkey {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kMaxKeyIdSize = 32;

// What OpenSSL refuses only when out of memory or misused.
void Require(bool ok) {
  if (ok) return;
  std::fputs("OpenSSL failed at AES-256-GCM\n", stderr);
  std::abort();
}

const EVP_CIPHER* Aes256Gcm() {
  // Fetched once: EVP_aes_256_gcm() would look it up at each use.
  static EVP_CIPHER* const cipher =
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  Require(cipher != nullptr);
  return cipher;
}

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const {
    EVP_CIPHER_CTX_free(context);
  }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

const unsigned char* In(absl::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

unsigned char* Out(char* data) {
  return reinterpret_cast<unsigned char*>(data);
}

int Size(absl::string_view data) {
  Require(data.size() < (1u << 30));
  return static_cast<int>(data.size());
}

// A data key that wipes itself.
struct DataKey {
  DataKey() = default;
  DataKey(const DataKey&) = delete;
  DataKey& operator=(const DataKey&) = delete;
  ~DataKey() { WipeMemory(bytes.data(), bytes.size()); }
  absl::string_view view() const { return {bytes.data(), bytes.size()}; }

  std::array<char, kKeySize> bytes;
};

// Appends the ciphertext and its tag.
void Encrypt(absl::string_view key, absl::string_view nonce,
             absl::string_view authenticated, absl::string_view plain,
             std::string* out) {
  const Context context(EVP_CIPHER_CTX_new());
  Require(context != nullptr);
  Require(EVP_EncryptInit_ex(context.get(), Aes256Gcm(), nullptr, In(key),
                             In(nonce)) == 1);
  int size = 0;
  Require(EVP_EncryptUpdate(context.get(), nullptr, &size, In(authenticated),
                            Size(authenticated)) == 1);
  const std::size_t begin = out->size();
  out->resize(begin + plain.size() + kTagSize);
  char* const to = out->data() + begin;
  if (!plain.empty()) {
    Require(EVP_EncryptUpdate(context.get(), Out(to), &size, In(plain),
                              Size(plain)) == 1);
  }
  Require(EVP_EncryptFinal_ex(context.get(), Out(to) + plain.size(), &size) ==
          1);
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                              to + plain.size()) == 1);
}

// Writes the plain text, which is kTagSize shorter than `sealed`. False, with
// nothing worth reading written, if it is not authentic.
// REQUIRES: sealed.size() >= kTagSize.
bool Decrypt(absl::string_view key, absl::string_view nonce,
             absl::string_view authenticated, absl::string_view sealed,
             char* plain) {
  const absl::string_view ciphertext =
      sealed.substr(0, sealed.size() - kTagSize);
  std::array<char, kTagSize> tag;
  std::memcpy(tag.data(), sealed.data() + ciphertext.size(), kTagSize);

  const Context context(EVP_CIPHER_CTX_new());
  Require(context != nullptr);
  Require(EVP_DecryptInit_ex(context.get(), Aes256Gcm(), nullptr, In(key),
                             In(nonce)) == 1);
  int size = 0;
  Require(EVP_DecryptUpdate(context.get(), nullptr, &size, In(authenticated),
                            Size(authenticated)) == 1);
  if (!ciphertext.empty()) {
    Require(EVP_DecryptUpdate(context.get(), Out(plain), &size, In(ciphertext),
                              Size(ciphertext)) == 1);
  }
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize,
                              tag.data()) == 1);
  // GCM adds no last block; it only compares the tag here.
  unsigned char none[kTagSize];
  if (EVP_DecryptFinal_ex(context.get(), none, &size) == 1) return true;
  WipeMemory(plain, ciphertext.size());
  return false;
}

// The parts of a sealed value, as views into it.
struct Parts {
  absl::string_view header;  // up to the key's id
  absl::string_view key_id;
  absl::string_view wrap_nonce;
  absl::string_view wrapped_key;  // with its tag
  absl::string_view nonce;
  absl::string_view value;  // with its tag
};

absl::string_view TakeFront(absl::string_view* text, std::size_t size) {
  const absl::string_view part = text->substr(0, size);
  text->remove_prefix(part.size());
  return part;
}

bool Split(absl::string_view sealed, Parts* parts) {
  if (sealed.size() < 2 || sealed[0] != kVersion) return false;
  const std::size_t id_size = static_cast<unsigned char>(sealed[1]);
  if (id_size == 0 || id_size > kMaxKeyIdSize) return false;
  const std::size_t smallest =
      2 + id_size + kNonceSize + kKeySize + kTagSize + kNonceSize + kTagSize;
  if (sealed.size() < smallest || sealed.size() >= (1u << 30)) return false;
  parts->header = sealed.substr(0, 2 + id_size);
  parts->key_id = sealed.substr(2, id_size);
  absl::string_view rest = sealed.substr(2 + id_size);
  parts->wrap_nonce = TakeFront(&rest, kNonceSize);
  parts->wrapped_key = TakeFront(&rest, kKeySize + kTagSize);
  parts->nonce = TakeFront(&rest, kNonceSize);
  parts->value = rest;
  return true;
}

absl::Status Damaged() {
  return MakeError(Reason::kInternalFault,
                   "a stored secret is damaged or belongs elsewhere");
}

}  // namespace

Sealer::Sealer(Keyring keyring, Random& random)
    : keyring_(std::move(keyring)), random_(random) {
  Require(!keyring_.keys().empty());
}

std::string Sealer::Seal(const SecretString& plain,
                         absl::string_view associated_data) const {
  const KeyringKey& key = keyring_.keys().front();
  std::string sealed;
  sealed.reserve(2 + key.id.size() + 2 * (kNonceSize + kTagSize) + kKeySize +
                 plain.size());
  sealed.push_back(kVersion);
  sealed.push_back(static_cast<char>(key.id.size()));
  sealed.append(key.id);
  const std::string authenticated = absl::StrCat(sealed, associated_data);

  DataKey data_key;
  random_.Fill(data_key.bytes.data(), data_key.bytes.size());
  std::array<char, kNonceSize> bytes;
  const absl::string_view nonce(bytes.data(), bytes.size());
  random_.Fill(bytes.data(), bytes.size());
  sealed.append(bytes.data(), bytes.size());
  Encrypt(key.key.Reveal(), nonce, authenticated, data_key.view(), &sealed);
  random_.Fill(bytes.data(), bytes.size());
  sealed.append(bytes.data(), bytes.size());
  Encrypt(data_key.view(), nonce, authenticated, plain.Reveal(), &sealed);
  return sealed;
}

absl::StatusOr<SecretString> Sealer::Open(
    absl::string_view sealed, absl::string_view associated_data) const {
  Parts parts;
  if (!Split(sealed, &parts)) return Damaged();
  const KeyringKey* key = nullptr;
  for (const KeyringKey& candidate : keyring_.keys()) {
    if (candidate.id == parts.key_id) key = &candidate;
  }
  if (key == nullptr) {
    return MakeError(Reason::kEncryptionKeyMissing,
                     "the keyring lacks the key of a stored secret",
                     {{"key_id", std::string(parts.key_id)}});
  }
  const std::string authenticated = absl::StrCat(parts.header, associated_data);
  DataKey data_key;
  if (!Decrypt(key->key.Reveal(), parts.wrap_nonce, authenticated,
               parts.wrapped_key, data_key.bytes.data())) {
    return Damaged();
  }
  std::string plain(parts.value.size() - kTagSize, '\0');
  if (!Decrypt(data_key.view(), parts.nonce, authenticated, parts.value,
               plain.data())) {
    return Damaged();
  }
  return SecretString::Take(std::move(plain));
}

std::string Sealer::KeyIdOf(absl::string_view sealed) {
  Parts parts;
  return Split(sealed, &parts) ? std::string(parts.key_id) : std::string();
}

const std::string& Sealer::current_key_id() const {
  return keyring_.keys().front().id;
}

}  // namespace valetkey
