#include "service/net/http/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

// No certificate chain comes near it; a wrong path may lead to a large file.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(std::FILE* p) const { std::fclose(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

absl::Status Bad(absl::string_view field, absl::string_view file,
                 absl::string_view why) {
  return MakeError(Reason::kFieldInvalid,
                   absl::StrCat(field, ": ", file, ": ", why),
                   {{"field", std::string(field)}});
}

absl::StatusOr<std::string> ReadFile(absl::string_view field,
                                     const std::string& path) {
  if (path.empty()) return Bad(field, "(none)", "a file is needed");
  const Owned<std::FILE> file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return Bad(field, path, std::strerror(errno));
  std::string content(kMaxFileBytes + 1, '\0');
  const std::size_t size =
      std::fread(content.data(), 1, content.size(), file.get());
  if (std::ferror(file.get()) != 0) {
    return Bad(field, path, std::strerror(errno));
  }
  if (size > kMaxFileBytes) return Bad(field, path, "the file is too large");
  std::string result = content.substr(0, size);
  WipeMemory(content.data(), content.size());
  return result;
}

Owned<BIO> MemoryOf(absl::string_view text) {
  return Owned<BIO>(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The first certificate; null if there is none or one that follows is broken.
Owned<X509> ReadCertificates(absl::string_view pem) {
  const Owned<BIO> bio = MemoryOf(pem);
  Owned<X509> first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (first == nullptr) return nullptr;
  while (Owned<X509> next{
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
  }
  // The end shows as "no start line"; all else is a broken entry.
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  return at_end ? std::move(first) : nullptr;
}

absl::Time ExpireTime(const X509* certificate) {
  std::tm time = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return absl::InfinitePast();
  }
  return absl::FromTM(time, absl::UTCTimeZone());
}

std::string StampOf(const std::string& path) {
  struct stat info = {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return "-;";
  return absl::StrCat(info.st_dev, ".", info.st_ino, ".", info.st_size, ".",
                      info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, ";");
}

std::string StampOf(const TlsFiles& files) {
  return absl::StrCat(StampOf(files.certificate_file), StampOf(files.key_file),
                      StampOf(files.client_ca_file));
}

int NoPassphrase(char*, int, int, void*) { return 0; }

absl::StatusOr<TlsMaterial> Load(const TlsFiles& files) {
  TlsMaterial material;
  VK_ASSIGN_OR_RETURN(material.certificate_pem,
                      ReadFile("tls_certificate", files.certificate_file));
  VK_ASSIGN_OR_RETURN(std::string key, ReadFile("tls_key", files.key_file));
  material.key_pem = SecretString::Take(std::move(key));

  const Owned<X509> certificate = ReadCertificates(material.certificate_pem);
  if (certificate == nullptr) {
    return Bad("tls_certificate", files.certificate_file,
               "not a PEM file of certificates");
  }
  material.expire_time = ExpireTime(certificate.get());
  if (material.expire_time <= absl::Now()) {
    return Bad("tls_certificate", files.certificate_file,
               absl::StrCat("the certificate expired at ",
                            absl::FormatTime(material.expire_time,
                                             absl::UTCTimeZone())));
  }
  const Owned<BIO> bio = MemoryOf(material.key_pem.Reveal());
  // Without the callback OpenSSL would ask on the terminal.
  const Owned<EVP_PKEY> private_key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, nullptr));
  if (private_key == nullptr) {
    return Bad("tls_key", files.key_file,
               "not a PEM file of a private key without a passphrase");
  }
  if (X509_check_private_key(certificate.get(), private_key.get()) != 1) {
    return Bad("tls_key", files.key_file,
               absl::StrCat("the key does not belong to the certificate in ",
                            files.certificate_file));
  }
  material.client_certificates = files.client_certificates;
  if (files.client_certificates != ClientCertificates::kIgnored) {
    VK_ASSIGN_OR_RETURN(material.client_ca_pem,
                        ReadFile("tls_client_ca", files.client_ca_file));
    if (ReadCertificates(material.client_ca_pem) == nullptr) {
      return Bad("tls_client_ca", files.client_ca_file,
                 "not a PEM file of certificates");
    }
  }
  return material;
}

}  // namespace

absl::StatusOr<TlsMaterial> LoadTlsFiles(const TlsFiles& files) {
  ERR_clear_error();
  auto result = Load(files);
  // Whoever uses OpenSSL next on this thread must not find our errors.
  ERR_clear_error();
  return result;
}

absl::StatusOr<std::unique_ptr<TlsFileWatcher>> TlsFileWatcher::Open(
    TlsFiles files) {
  // Stamped before reading: a change in between is seen by the next Poll.
  std::string stamp = StampOf(files);
  VK_ASSIGN_OR_RETURN(TlsMaterial material, LoadTlsFiles(files));
  return std::unique_ptr<TlsFileWatcher>(new TlsFileWatcher(
      std::move(files), std::move(stamp), std::move(material)));
}

TlsFileWatcher::TlsFileWatcher(TlsFiles files, std::string stamp,
                               TlsMaterial material)
    : files_(std::move(files)),
      stamp_(std::move(stamp)),
      current_(std::make_shared<const TlsMaterial>(std::move(material))) {}

std::shared_ptr<const TlsMaterial> TlsFileWatcher::current() const {
  MutexLock lock(mutex_);
  return current_;
}

absl::Status TlsFileWatcher::Poll() {
  {
    MutexLock lock(mutex_);
    if (StampOf(files_) == stamp_) return absl::OkStatus();
  }
  return Reload();
}

absl::Status TlsFileWatcher::Reload() {
  std::string stamp = StampOf(files_);
  auto material = LoadTlsFiles(files_);
  MutexLock lock(mutex_);
  stamp_ = std::move(stamp);
  if (!material.ok()) return material.status();
  current_ = std::make_shared<const TlsMaterial>(*std::move(material));
  return absl::OkStatus();
}

}  // namespace valetkey
