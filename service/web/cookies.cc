#include "service/web/cookies.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace valetkey::web {

std::vector<std::pair<absl::string_view, absl::string_view>> CookiesIn(
    const HttpHeaders& headers) {
  std::vector<std::pair<absl::string_view, absl::string_view>> cookies;
  for (const auto& [field, text] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(field, "cookie")) continue;
    for (absl::string_view pair : absl::StrSplit(text, ';')) {
      const std::size_t equals = pair.find('=');
      if (equals == absl::string_view::npos) continue;
      cookies.emplace_back(absl::StripAsciiWhitespace(pair.substr(0, equals)),
                           absl::StripAsciiWhitespace(pair.substr(equals + 1)));
    }
  }
  return cookies;
}

std::vector<absl::string_view> CookieValues(const HttpHeaders& headers,
                                            absl::string_view name) {
  std::vector<absl::string_view> values;
  for (const auto& [given, value] : CookiesIn(headers)) {
    if (given == name) values.push_back(value);
  }
  return values;
}

}  // namespace valetkey::web
