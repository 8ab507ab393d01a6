// Who a client certificate says its bearer is. Whether an authority that we
// trust has signed it is for TLS to tell, before anything here is asked.
// Pure functions, thread-safe.

#ifndef VALETKEY_IDENTITY_CERTIFICATE_H_
#define VALETKEY_IDENTITY_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey::identity {

// Names that hold anything but printable ASCII (a NUL to cut them short, say)
// are left out.
struct CertificateNames {
  // The only URI, if it is a SPIFFE ID (SPIFFE's X509-SVID standard, section
  // 2); else "".
  std::string spiffe_id;
  std::vector<std::string> dns_names;  // in lower case
  std::string common_name;             // "" unless there is exactly one
  absl::Time not_before;
  absl::Time not_after;
};

// The first certificate of the text; CALLER_INVALID if there is none.
absl::StatusOr<CertificateNames> ReadCertificateNames(absl::string_view pem);

// spiffe://trust-domain/path, as the SPIFFE ID standard writes it: without
// empty or dot segments, port, query or percent signs.
bool IsSpiffeId(absl::string_view id);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_CERTIFICATE_H_
