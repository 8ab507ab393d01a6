#include "service/identity/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "service/identity/jwt.h"

namespace valetkey::identity {
namespace {

constexpr absl::string_view kSpiffe = "spiffe://";

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

// "" if it holds anything but printable ASCII without blanks.
std::string Printable(const ASN1_STRING* text) {
  const absl::string_view view(
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
      static_cast<std::size_t>(ASN1_STRING_length(text)));
  for (const char c : view) {
    if (!absl::ascii_isgraph(c)) return "";
  }
  return std::string(view);
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

void ReadAlternativeNames(const X509* certificate, CertificateNames& names) {
  const Names list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (list == nullptr) return;
  int uris = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_DNS) {
      const std::string text = Printable(name->d.dNSName);
      if (!text.empty()) names.dns_names.push_back(absl::AsciiStrToLower(text));
    } else if (name->type == GEN_URI) {
      ++uris;
      names.spiffe_id = Printable(name->d.uniformResourceIdentifier);
    }
  }
  if (uris != 1 || !IsSpiffeId(names.spiffe_id)) names.spiffe_id.clear();
}

std::string CommonName(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 ||
      X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) {
    return "";
  }
  return Printable(
      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
}

bool IsTrustDomain(absl::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '.' || c == '-' || c == '_';
         });
}

bool IsPathSegment(absl::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

bool IsSpiffeId(absl::string_view id) {
  if (id.size() > 2048 || !absl::StartsWith(id, kSpiffe)) return false;
  std::vector<absl::string_view> parts =
      absl::StrSplit(id.substr(kSpiffe.size()), '/');
  // A trust domain alone is no workload.
  return parts.size() >= 2 && IsTrustDomain(parts[0]) &&
         std::all_of(parts.begin() + 1, parts.end(), IsPathSegment);
}

absl::StatusOr<CertificateNames> ReadCertificateNames(absl::string_view pem) {
  const std::unique_ptr<BIO, Deleter<BIO_free>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  // Whoever uses OpenSSL next on this thread must not find our errors.
  ERR_clear_error();
  if (certificate == nullptr) {
    return CallerInvalid("certificate", "the client certificate is not X.509");
  }
  CertificateNames names;
  ReadAlternativeNames(certificate.get(), names);
  names.common_name = CommonName(certificate.get());
  names.not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  names.not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  ERR_clear_error();
  return names;
}

}  // namespace valetkey::identity
