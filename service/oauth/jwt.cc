// JSON web tokens that prove who we are (RFC 7519, RFC 7515, RFC 7523).

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/oauth/json.h"
#include "service/oauth/request.h"

namespace valetkey::oauth {
namespace {

using ::valetkey::catalog::v1::Jwt;
using ::valetkey::catalog::v1::JWT_ALGORITHM_ES256;
using ::valetkey::catalog::v1::JWT_ALGORITHM_HS256;
using ::valetkey::catalog::v1::JWT_ALGORITHM_RS256;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Context = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

constexpr absl::Duration kDefaultLifetime = absl::Seconds(300);
constexpr int kP256Bytes = 32;

// An encrypted key has no password here: never ask at the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

Key ReadKey(const SecretString& pem) {
  const Bio bio(
      BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  return key;
}

bool IsP256(const EVP_PKEY* key) {
  char name[32] = {};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, name, sizeof name, &size) == 1 &&
         absl::string_view(name) == "prime256v1";
}

// The two numbers side by side in place of ASN.1 (RFC 7518 section 3.4).
std::string RawEcdsa(absl::string_view der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  const Signature signature(
      d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())));
  if (signature == nullptr) return "";
  std::string raw(2 * kP256Bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kP256Bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kP256Bytes,
                   kP256Bytes) < 0) {
    return "";
  }
  return raw;
}

// "" if the key does not serve.
std::string Sign(const Jwt& jwt, const SecretString& secret,
                 absl::string_view data) {
  if (jwt.algorithm() == JWT_ALGORITHM_HS256) {
    return HmacSha256(secret.Reveal(), data);
  }
  const bool es256 = jwt.algorithm() == JWT_ALGORITHM_ES256;
  const Key key = ReadKey(secret);
  if (key == nullptr) return "";
  if (es256 ? !IsP256(key.get())
            : EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return "";
  }
  const Context context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr,
                         key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) != 1) {
    ERR_clear_error();
    return "";
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes, data.size()) != 1) {
    ERR_clear_error();
    return "";
  }
  signature.resize(size);
  return es256 ? RawEcdsa(signature) : signature;
}

absl::string_view AlgorithmName(const Jwt& jwt) {
  switch (jwt.algorithm()) {
    case JWT_ALGORITHM_ES256:
      return "ES256";
    case JWT_ALGORITHM_HS256:
      return "HS256";
    default:
      return "RS256";
  }
}

std::string Claim(absl::string_view name, absl::string_view value) {
  return absl::StrCat("\"", name, "\":\"", JsonEscape(value), "\"");
}

absl::StatusOr<std::string> ExpandOr(absl::string_view text,
                                     absl::string_view fallback,
                                     const Variables& variables) {
  return Expand(text.empty() ? fallback : text, variables);
}

}  // namespace

absl::StatusOr<std::string> SignJwt(const Jwt& jwt, const Variables& variables,
                                    const SecretString& key) {
  VK_ASSIGN_OR_RETURN(const std::string issuer,
                      ExpandOr(jwt.issuer(), "{client_id}", variables));
  VK_ASSIGN_OR_RETURN(const std::string subject,
                      ExpandOr(jwt.subject(), "{client_id}", variables));
  VK_ASSIGN_OR_RETURN(const std::string audience,
                      ExpandOr(jwt.audience(), "{url}", variables));
  VK_ASSIGN_OR_RETURN(const std::string key_id,
                      Expand(jwt.key_id(), variables));
  const absl::Duration lifetime = jwt.has_lifetime()
                                      ? absl::Seconds(jwt.lifetime().seconds())
                                      : kDefaultLifetime;
  const std::int64_t now = absl::ToUnixSeconds(variables.now);

  std::string header = absl::StrCat("{", Claim("alg", AlgorithmName(jwt)), ",",
                                    Claim("typ", "JWT"));
  if (!key_id.empty()) absl::StrAppend(&header, ",", Claim("kid", key_id));
  header += "}";
  const std::string claims = absl::StrCat(
      "{", Claim("iss", issuer), ",", Claim("sub", subject), ",",
      Claim("aud", audience), ",\"iat\":", now,
      ",\"exp\":", now + absl::ToInt64Seconds(lifetime), ",",
      Claim("jti", Base64UrlEncode(Random::System().Bytes(16))), "}");
  const std::string signed_part =
      absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(claims));
  const std::string signature = Sign(jwt, key, signed_part);
  if (signature.empty()) {
    return InvalidField("client_secret",
                        absl::StrCat("a private key in PEM that can sign ",
                                     AlgorithmName(jwt)));
  }
  return absl::StrCat(signed_part, ".", Base64UrlEncode(signature));
}

}  // namespace valetkey::oauth
