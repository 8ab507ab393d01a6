#include "service/net/http/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace valetkey {
namespace {

void Require(bool condition) {
  if (condition) return;
  ERR_print_errors_fp(stderr);
  std::abort();
}

template <class F>
std::string Pem(F write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  Require(bio != nullptr && write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

void AddExtension(X509* certificate, X509* issuer, int nid,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(const std::string& name, EVP_PKEY* key, X509* issuer,
                     absl::Duration lifetime) {
  static long serial = 1000;
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -48 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate),
                  static_cast<long>(absl::ToInt64Seconds(lifetime)));
  X509_NAME* const subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(
      certificate, issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(certificate, key);
  return certificate;
}

}  // namespace

struct TestAuthority::Parts {
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
};

TestAuthority::TestAuthority(const std::string& name)
    : parts_(std::make_unique<Parts>()) {
  parts_->key = EVP_EC_gen("P-256");
  Require(parts_->key != nullptr);
  parts_->certificate =
      NewCertificate(name, parts_->key, nullptr, absl::Hours(24));
  AddExtension(parts_->certificate, parts_->certificate, NID_basic_constraints,
               "critical,CA:TRUE");
  AddExtension(parts_->certificate, parts_->certificate, NID_key_usage,
               "critical,keyCertSign,cRLSign");
  Require(X509_sign(parts_->certificate, parts_->key, EVP_sha256()) > 0);
  pem_ = Pem([this](BIO* bio) {
    return PEM_write_bio_X509(bio, parts_->certificate);
  });
}

TestAuthority::~TestAuthority() {
  X509_free(parts_->certificate);
  EVP_PKEY_free(parts_->key);
}

TestCertificate TestAuthority::Issue(const std::string& common_name,
                                     const std::string& san,
                                     absl::Duration lifetime) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  Require(key != nullptr);
  X509* const certificate =
      NewCertificate(common_name, key, parts_->certificate, lifetime);
  if (!san.empty()) {
    AddExtension(certificate, parts_->certificate, NID_subject_alt_name, san);
  }
  Require(X509_sign(certificate, parts_->key, EVP_sha256()) > 0);
  TestCertificate result;
  result.certificate_pem =
      Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  result.key_pem = Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr,
                                    nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return result;
}

TestFolder::TestFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "valetkey-test-XXXXXX")
          .string();
  Require(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::Write(const std::string& name,
                              const std::string& content) const {
  const std::string path = Path(name);
  std::ofstream(path + ".new", std::ios::binary) << content;
  std::filesystem::rename(path + ".new", path);
  return path;
}

}  // namespace valetkey
