// The patterns that inputs of a definition are matched against: regular
// expressions of RE2, which takes time in proportion to the value and memory
// within a bound, whatever the pattern. A definition may come from somebody
// who may not stop the server (CheckDefinition), so one that backtracks or
// recurses, as std::regex does, will not do. Pure functions.

#ifndef VALETKEY_OAUTH_PATTERN_H_
#define VALETKEY_OAUTH_PATTERN_H_

#include "absl/strings/string_view.h"

namespace valetkey::oauth {

// Whether it is a regular expression of RE2's syntax, at most 200 bytes long
// and, with its repetitions written out, not large.
bool IsPattern(absl::string_view pattern);

// Whether the whole value matches; false if it is no pattern.
bool MatchesPattern(absl::string_view pattern, absl::string_view value);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_PATTERN_H_
