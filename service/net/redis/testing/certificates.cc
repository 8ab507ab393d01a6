#include "service/net/redis/testing/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"

namespace valetkey::redis {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

struct Identity {
  Key key{nullptr, EVP_PKEY_free};
  Certificate certificate{nullptr, X509_free};
};

bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value), X509_EXTENSION_free);
  return extension != nullptr &&
         X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Signed by the issuer, or by itself if there is none.
bool Make(const std::string& name, const Identity* issuer,
          const char* alternative_names, long serial, Identity* made) {
  made->key.reset(EVP_EC_gen("P-256"));
  made->certificate.reset(X509_new());
  X509* certificate = made->certificate.get();
  if (made->key == nullptr || certificate == nullptr) return false;
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, made->key.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const Identity* signer = issuer == nullptr ? made : issuer;
  X509_set_issuer_name(certificate,
                       X509_get_subject_name(signer->certificate.get()));
  if (issuer == nullptr &&
      !AddExtension(certificate, certificate, NID_basic_constraints,
                    "critical,CA:TRUE")) {
    return false;
  }
  if (alternative_names != nullptr &&
      !AddExtension(certificate, signer->certificate.get(),
                    NID_subject_alt_name, alternative_names)) {
    return false;
  }
  return X509_sign(certificate, signer->key.get(), EVP_sha256()) > 0;
}

bool Write(const Identity& identity, const std::string& stem) {
  using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;
  File certificate(std::fopen((stem + ".pem").c_str(), "w"), std::fclose);
  File key(std::fopen((stem + ".key").c_str(), "w"), std::fclose);
  return certificate != nullptr && key != nullptr &&
         PEM_write_X509(certificate.get(), identity.certificate.get()) == 1 &&
         PEM_write_PrivateKey(key.get(), identity.key.get(), nullptr, nullptr,
                              0, nullptr, nullptr) == 1;
}

}  // namespace

absl::Status WriteCertificates(const std::string& folder) {
  Identity ca, server, client;
  if (!Make("ValetKey test authority", nullptr, nullptr, 1, &ca) ||
      !Make("localhost", &ca, "DNS:localhost,IP:127.0.0.1", 2, &server) ||
      !Make("valetkey", &ca, nullptr, 3, &client) ||
      !Write(ca, absl::StrCat(folder, "/ca")) ||
      !Write(server, absl::StrCat(folder, "/server")) ||
      !Write(client, absl::StrCat(folder, "/client"))) {
    return absl::InternalError("the certificates cannot be made");
  }
  return absl::OkStatus();
}

}  // namespace valetkey::redis
