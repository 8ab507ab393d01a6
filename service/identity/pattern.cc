// The states that a matcher can be in after each character are kept as a set,
// so that no text makes it try the same thing twice. State i: the first i
// characters of the pattern have been used up; a star stays in its own state
// once it has taken a character.

#include "service/identity/pattern.h"

#include <cstddef>
#include <vector>

namespace valetkey::identity {
namespace {

struct Step {
  char literal = 0;
  bool star = false;
  bool any = false;  // "**"
};

std::vector<Step> StepsOf(absl::string_view pattern) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '*') {
      steps.push_back({.literal = pattern[i]});
      continue;
    }
    const bool any = i + 1 < pattern.size() && pattern[i + 1] == '*';
    if (any) ++i;
    steps.push_back({.star = true, .any = any});
  }
  return steps;
}

}  // namespace

bool Pattern::Matches(absl::string_view text) const {
  const std::vector<Step> steps = StepsOf(text_);
  std::vector<bool> at(steps.size() + 1);
  at[0] = true;
  for (const char c : text) {
    std::vector<bool> next(steps.size() + 1);
    for (std::size_t i = 0; i <= steps.size(); ++i) {
      if (!at[i]) continue;
      // The star that led here takes another one.
      const auto takes = [&](const Step& step) {
        return step.any || separators_.find(c) == separators_.npos;
      };
      if (i > 0 && steps[i - 1].star && takes(steps[i - 1])) next[i] = true;
      if (i == steps.size()) continue;
      const Step& step = steps[i];
      if (step.star ? takes(step) : step.literal == c) next[i + 1] = true;
    }
    at = std::move(next);
  }
  return at[steps.size()];
}

}  // namespace valetkey::identity
