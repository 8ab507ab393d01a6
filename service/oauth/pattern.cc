#include "service/oauth/pattern.h"

#include <re2/re2.h>

#include <cstddef>
#include <cstdint>

namespace valetkey::oauth {
namespace {

constexpr std::size_t kMaxPattern = 200;
// Of the compiled program and its caches: some thousand steps for each
// character of a value. The patterns of real providers need a tenth of it.
constexpr std::int64_t kMaxMemory = 64 * 1024;

RE2::Options Options() {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kMaxMemory);
  return options;
}

re2::StringPiece Piece(absl::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

}  // namespace

bool IsPattern(absl::string_view pattern) {
  return pattern.size() <= kMaxPattern && RE2(Piece(pattern), Options()).ok();
}

bool MatchesPattern(absl::string_view pattern, absl::string_view value) {
  if (pattern.size() > kMaxPattern) return false;
  const RE2 compiled(Piece(pattern), Options());
  return compiled.ok() && RE2::FullMatch(Piece(value), compiled);
}

}  // namespace valetkey::oauth
