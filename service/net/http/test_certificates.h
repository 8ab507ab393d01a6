// Throw-away certificates for tests of TLS.

#ifndef VALETKEY_NET_HTTP_TEST_CERTIFICATES_H_
#define VALETKEY_NET_HTTP_TEST_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace valetkey {

struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

// An authority that signs P-256 certificates.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "Test CA");
  ~TestAuthority();
  const std::string& pem() const { return pem_; }
  // `san` in OpenSSL's form: "DNS:localhost,IP:127.0.0.1". A negative
  // lifetime makes a certificate that has expired.
  TestCertificate Issue(const std::string& common_name, const std::string& san,
                        absl::Duration lifetime = absl::Hours(1));

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::string pem_;
};

// A folder of its own, removed with all it holds.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  // Replaces the file at once, as a careful operator would.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_TEST_CERTIFICATES_H_
