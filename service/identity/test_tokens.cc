#include "service/identity/test_tokens.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"

namespace valetkey::identity {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

EVP_PKEY* Generate(KeyType type) {
  switch (type) {
    case KeyType::kRsa:
      return EVP_RSA_gen(2048);
    case KeyType::kP256:
      return EVP_EC_gen("P-256");
    case KeyType::kP384:
      return EVP_EC_gen("P-384");
    case KeyType::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

// A number of the key, as many bytes as `size`, or as it has.
std::string NumberOf(const EVP_PKEY* key, const char* name,
                     std::size_t size = 0) {
  BIGNUM* number = nullptr;
  Require(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  if (size == 0) size = static_cast<std::size_t>(BN_num_bytes(number));
  std::string bytes(size, '\0');
  Require(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                       static_cast<int>(size)) >= 0);
  BN_free(number);
  return Base64UrlEncode(bytes);
}

std::string RawSignature(absl::string_view der, int size) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature =
      d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));
  Require(signature != nullptr);
  std::string raw(static_cast<std::size_t>(2 * size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  Require(BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, size) == size);
  Require(BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + size, size) == size);
  ECDSA_SIG_free(signature);
  return raw;
}

}  // namespace

TestSigner::TestSigner(KeyType type, std::string id)
    : type_(type), id_(std::move(id)), key_(Generate(type)) {
  Require(key_ != nullptr);
}

std::string TestSigner::Jwk(absl::string_view extra) const {
  std::string members;
  switch (type_) {
    case KeyType::kRsa:
      members = absl::StrCat(
          R"("kty":"RSA","n":")", NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N),
          R"(","e":")", NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E), "\"");
      break;
    case KeyType::kP256:
    case KeyType::kP384: {
      const bool small = type_ == KeyType::kP256;
      const std::size_t size = small ? 32 : 48;
      members = absl::StrCat(
          R"("kty":"EC","crv":")", small ? "P-256" : "P-384", R"(","x":")",
          NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, size), R"(","y":")",
          NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, size), "\"");
      break;
    }
    case KeyType::kEd25519: {
      std::string bytes(32, '\0');
      std::size_t size = bytes.size();
      Require(EVP_PKEY_get_raw_public_key(
                  key_.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                  &size) == 1);
      members = absl::StrCat(R"("kty":"OKP","crv":"Ed25519","x":")",
                             Base64UrlEncode(bytes), "\"");
      break;
    }
  }
  return absl::StrCat("{",
                      id_.empty() ? "" : absl::StrCat("\"kid\":\"", id_, "\","),
                      members, extra, "}");
}

std::string TestSigner::Jwks(absl::string_view extra) const {
  return absl::StrCat("{\"keys\":[", Jwk(extra), "]}");
}

std::string TestSigner::PublicPem() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  Require(PEM_write_bio_PUBKEY(bio, key_.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string TestSigner::Signature(Algorithm algorithm,
                                  absl::string_view data) const {
  const AlgorithmInfo& info = InfoOf(algorithm);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* settings = nullptr;
  Require(EVP_DigestSignInit_ex(context, &settings, info.digest, nullptr,
                                nullptr, key_.get(), nullptr) == 1);
  if (info.pss) {
    EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST);
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  Require(EVP_DigestSign(context, nullptr, &size, bytes, data.size()) == 1);
  std::string signature(size, '\0');
  Require(EVP_DigestSign(context,
                         reinterpret_cast<unsigned char*>(signature.data()),
                         &size, bytes, data.size()) == 1);
  signature.resize(size);
  EVP_MD_CTX_free(context);
  if (type_ == KeyType::kP256) signature = RawSignature(signature, 32);
  if (type_ == KeyType::kP384) signature = RawSignature(signature, 48);
  return Base64UrlEncode(signature);
}

std::string TestSigner::SignRaw(Algorithm algorithm, absl::string_view header,
                                absl::string_view claims) const {
  const std::string data = Unsigned(header, claims);
  return absl::StrCat(data, ".", Signature(algorithm, data));
}

std::string TestSigner::Sign(Algorithm algorithm,
                             absl::string_view claims) const {
  return SignRaw(algorithm,
                 absl::StrCat(R"({"alg":")", InfoOf(algorithm).name,
                              R"(","kid":")", id_, R"(","typ":"JWT"})"),
                 claims);
}

std::string Unsigned(absl::string_view header, absl::string_view claims) {
  return absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(claims));
}

}  // namespace valetkey::identity
