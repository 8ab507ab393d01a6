// The few primitives that ValetKey needs, over OpenSSL. All are thread-safe.

#ifndef VALETKEY_BASE_CRYPTO_H_
#define VALETKEY_BASE_CRYPTO_H_

#include <array>
#include <string>

#include "absl/strings/string_view.h"

namespace valetkey {

// 32 bytes of SHA-256.
std::string Sha256(absl::string_view data);
// The same without an allocation, for the hot path.
std::array<unsigned char, 32> Sha256Digest(absl::string_view data);
// 32 bytes of HMAC-SHA-256 (RFC 2104).
std::string HmacSha256(absl::string_view key, absl::string_view data);

// base64url without padding (RFC 4648 section 5).
std::string Base64UrlEncode(absl::string_view data);
// False if it is not base64url; padding is refused.
bool Base64UrlDecode(absl::string_view text, std::string* data);

// Lower-case hexadecimal.
std::string HexEncode(absl::string_view data);

// Compares in time that depends on the lengths alone.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace valetkey

#endif  // VALETKEY_BASE_CRYPTO_H_
