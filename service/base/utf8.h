// What is UTF-8. Pure functions.

#ifndef VALETKEY_BASE_UTF8_H_
#define VALETKEY_BASE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace valetkey {

// Well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong.
bool IsUtf8(absl::string_view text);

// The longest beginning of at most `max` bytes that cuts no character.
// REQUIRES: the text is UTF-8.
absl::string_view CutUtf8(absl::string_view text, std::size_t max);

// The text if it is UTF-8, else with a "?" for each byte that is not ASCII: for
// people, from those who cut text where they like.
std::string ReadableUtf8(absl::string_view text);

}  // namespace valetkey

#endif  // VALETKEY_BASE_UTF8_H_
