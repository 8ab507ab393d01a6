// Patterns of a policy's rules, after the manner of a shell's: "*" for one or
// more characters within a part of a name, "**" for one or more of any.
// Immutable, thread-safe.

#ifndef VALETKEY_IDENTITY_PATTERN_H_
#define VALETKEY_IDENTITY_PATTERN_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace valetkey::identity {

class Pattern {
 public:
  // `separators` are what "*" does not stand for.
  Pattern(std::string text, std::string separators)
      : text_(std::move(text)), separators_(std::move(separators)) {}

  // In time proportional to the product of the sizes at worst.
  bool Matches(absl::string_view text) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string separators_;
};

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_PATTERN_H_
