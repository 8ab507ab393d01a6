// An authority and certificates for tests of TLS, made anew each time.

#ifndef VALETKEY_NET_REDIS_TESTING_CERTIFICATES_H_
#define VALETKEY_NET_REDIS_TESTING_CERTIFICATES_H_

#include <string>

#include "absl/status/status.h"

namespace valetkey::redis {

// Writes ca.pem, server.pem and server.key (for localhost and 127.0.0.1),
// client.pem and client.key into the folder, valid for a day.
absl::Status WriteCertificates(const std::string& folder);

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_TESTING_CERTIFICATES_H_
