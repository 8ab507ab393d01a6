// What is UTF-8. Pure functions.

#ifndef VALETKEY_BASE_UTF8_H_
#define VALETKEY_BASE_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace valetkey {

// Well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong.
bool IsUtf8(absl::string_view text);

// The longest beginning of at most `max` bytes that cuts no character.
// REQUIRES: the text is UTF-8.
absl::string_view CutUtf8(absl::string_view text, std::size_t max);

}  // namespace valetkey

#endif  // VALETKEY_BASE_UTF8_H_
