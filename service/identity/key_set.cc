#include "service/identity/key_set.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/identity/strict_json.h"

namespace valetkey::identity {
namespace {

// Shorter ones are broken, longer ones cost too much to check.
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr std::size_t kMaxIdSize = 256;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using OwnedKey = std::unique_ptr<EVP_PKEY, FreePublicKey>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::Status Bad(absl::string_view where, absl::string_view why) {
  return MakeError(Reason::kFieldInvalid, absl::StrCat(where, ": ", why));
}

// A member in base64url; "" if it is not there or not that.
std::string Decoded(const Json& key, const char* name) {
  const std::string* text = FindString(key, name);
  std::string data;
  if (text == nullptr || !Base64UrlDecode(*text, &data)) return "";
  return data;
}

OwnedKey Build(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr ||
      EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                        parameters.get()) != 1) {
    return nullptr;
  }
  return OwnedKey(key);
}

// Whether an EC point lies on its curve. (RSA numbers would be tested for
// primes, at length.)
bool OnCurve(EVP_PKEY* key) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

OwnedKey RsaKey(const Json& json) {
  const std::string n = Decoded(json, "n");
  const std::string e = Decoded(json, "e");
  // The exponent is 65537 as a rule; a large one costs as much as a private
  // key's.
  if (n.empty() || n.size() > kMaxRsaBits / 8 || e.empty() || e.size() > 4) {
    return nullptr;
  }
  const Number modulus(
      BN_bin2bn(Bytes(n), static_cast<int>(n.size()), nullptr));
  const Number exponent(
      BN_bin2bn(Bytes(e), static_cast<int>(e.size()), nullptr));
  if (BN_num_bits(modulus.get()) < kMinRsaBits || !BN_is_odd(modulus.get()) ||
      !BN_is_odd(exponent.get()) || BN_is_one(exponent.get())) {
    return nullptr;
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return Build("RSA", builder.get());
}

OwnedKey EcKey(const Json& json, const char* group, std::size_t size) {
  const std::string x = Decoded(json, "x");
  const std::string y = Decoded(json, "y");
  if (x.size() != size || y.size() != size) return nullptr;
  const std::string point = absl::StrCat("\x04", x, y);  // uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                  group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                   point.data(), point.size());
  OwnedKey key = Build("EC", builder.get());
  return key != nullptr && OnCurve(key.get()) ? std::move(key) : nullptr;
}

OwnedKey EdKey(const Json& json) {
  const std::string x = Decoded(json, "x");
  if (x.size() != 32) return nullptr;
  return OwnedKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                              Bytes(x), x.size()));
}

// Whether the key says that it is for something else than signatures.
bool ForOtherUse(const Json& json) {
  const auto use = json.find("use");
  if (use != json.end() && *use != "sig") return true;
  const auto operations = json.find("key_ops");
  if (operations == json.end()) return false;
  return !operations->is_array() ||
         std::find(operations->begin(), operations->end(), "verify") ==
             operations->end();
}

// Of a type that we use; nullopt for any other.
std::optional<KeyType> TypeOf(const Json& json) {
  const std::string* kty = FindString(json, "kty");
  if (kty == nullptr) return std::nullopt;
  if (*kty == "RSA") return KeyType::kRsa;
  const std::string* crv = FindString(json, "crv");
  if (crv == nullptr) return std::nullopt;
  if (*kty == "EC" && *crv == "P-256") return KeyType::kP256;
  if (*kty == "EC" && *crv == "P-384") return KeyType::kP384;
  if (*kty == "OKP" && *crv == "Ed25519") return KeyType::kEd25519;
  return std::nullopt;
}

OwnedKey MakeKey(KeyType type, const Json& json) {
  switch (type) {
    case KeyType::kRsa:
      return RsaKey(json);
    case KeyType::kP256:
      return EcKey(json, "P-256", 32);
    case KeyType::kP384:
      return EcKey(json, "P-384", 48);
    case KeyType::kEd25519:
      return EdKey(json);
  }
  return nullptr;
}

// Puts the key into the set, unless it is one to leave out.
absl::Status AddKey(const Json& json, absl::string_view where,
                    std::vector<PublicKey>& keys) {
  if (!json.is_object()) return Bad(where, "expected an object");
  const std::optional<KeyType> type = TypeOf(json);
  if (!type.has_value() || ForOtherUse(json)) return absl::OkStatus();
  if (json.contains("d")) {
    return Bad(where,
               "expected a public key, not a private one: whoever can read "
               "this can sign with it, so make a new one");
  }
  PublicKey key;
  key.type = *type;
  if (json.contains("kid")) {
    const std::string* id = FindString(json, "kid");
    if (id == nullptr || id->empty() || id->size() > kMaxIdSize) {
      return Bad(where, "kid: expected 1 to 256 characters");
    }
    key.id = *id;
  }
  if (json.contains("alg")) {
    const std::string* alg = FindString(json, "alg");
    key.algorithm = alg == nullptr ? std::nullopt : AlgorithmFromName(*alg);
    // For an algorithm that we do not use.
    if (!key.algorithm.has_value()) return absl::OkStatus();
    if (InfoOf(*key.algorithm).key != *type) {
      return Bad(where, "alg: expected one that fits kty and crv");
    }
  }
  key.key = MakeKey(*type, json);
  ERR_clear_error();
  if (key.key == nullptr) {
    return Bad(where,
               *type == KeyType::kRsa
                   ? "expected n of 2048 to 8192 bits and a small odd e, in "
                     "base64url"
                   : "expected the coordinates of a point on the curve, in "
                     "base64url");
  }
  keys.push_back(std::move(key));
  return absl::OkStatus();
}

// r and s side by side (RFC 7518 section 3.4) to ASN.1, as OpenSSL wants it;
// "" if the size is wrong.
std::string DerSignature(absl::string_view raw, std::size_t size) {
  if (raw.size() != 2 * size) return "";
  const std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>> signature(
      ECDSA_SIG_new());
  Number r(BN_bin2bn(Bytes(raw), static_cast<int>(size), nullptr));
  Number s(BN_bin2bn(Bytes(raw.substr(size)), static_cast<int>(size), nullptr));
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return "";
  (void)r.release();
  (void)s.release();
  unsigned char* data = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &data);
  if (length <= 0) return "";
  std::string der(reinterpret_cast<char*>(data),
                  static_cast<std::size_t>(length));
  OPENSSL_free(data);
  return der;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const KeySet>> KeySet::Parse(
    absl::string_view text) {
  if (text.size() > kMaxKeySetSize) {
    return Bad("keys", "expected at most 256 KiB");
  }
  const std::optional<Json> json = ParseStrictObject(text);
  if (!json.has_value()) {
    return Bad("keys", "expected a JSON object {\"keys\": [...]}");
  }
  const auto list = json->find("keys");
  if (list == json->end() || !list->is_array() || list->size() > kMaxKeys) {
    return Bad("keys",
               absl::StrCat("expected a list of at most ", kMaxKeys, " keys"));
  }
  auto set = std::make_shared<KeySet>();
  for (std::size_t i = 0; i < list->size(); ++i) {
    VK_RETURN_IF_ERROR(
        AddKey((*list)[i], absl::StrCat("keys[", i, "]"), set->keys_));
  }
  if (set->keys_.empty()) {
    return Bad("keys",
               "expected at least one public key for signatures: RSA, P-256, "
               "P-384 or Ed25519");
  }
  set->digest_ = Sha256(text);
  return set;
}

std::vector<const PublicKey*> KeySet::Find(absl::string_view id,
                                           Algorithm algorithm) const {
  // A set may hold many keys of one id; nobody may make us try them all.
  constexpr std::size_t kMaxTried = 4;
  std::vector<const PublicKey*> found;
  for (const PublicKey& key : keys_) {
    const bool fits =
        key.type == InfoOf(algorithm).key &&
        (!key.algorithm.has_value() || *key.algorithm == algorithm);
    if (!fits || (!id.empty() && key.id != id)) continue;
    if (found.size() < kMaxTried) found.push_back(&key);
  }
  if (id.empty() && found.size() > 1) found.clear();
  return found;
}

bool VerifySignature(const PublicKey& key, Algorithm algorithm,
                     absl::string_view data, absl::string_view signature) {
  const AlgorithmInfo& info = InfoOf(algorithm);
  if (info.key != key.type) return false;
  std::string der;
  if (key.type == KeyType::kP256 || key.type == KeyType::kP384) {
    der = DerSignature(signature, key.type == KeyType::kP256 ? 32 : 48);
    if (der.empty()) return false;
    signature = der;
  }
  const std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>> context(
      EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  bool good =
      EVP_DigestVerifyInit_ex(context.get(), &settings, info.digest, nullptr,
                              nullptr, key.key.get(), nullptr) == 1;
  if (good && info.pss) {
    // As long as the digest, no other (RFC 7518 section 3.5).
    good =
        EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  good =
      good && EVP_DigestVerify(context.get(), Bytes(signature),
                               signature.size(), Bytes(data), data.size()) == 1;
  // Whoever uses OpenSSL next on this thread must not find our errors.
  ERR_clear_error();
  return good;
}

}  // namespace valetkey::identity
