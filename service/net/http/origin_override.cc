#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/net/http/curl_http_client.h"

namespace valetkey {
namespace {

absl::Status Malformed(absl::string_view text, absl::string_view why) {
  return InvalidField(
      "origin_override",
      absl::StrCat("ORIGIN=ORIGIN, as in "
                   "https://api.example.com=http://127.0.0.1:4000; \"",
                   text, "\" ", why));
}

}  // namespace

absl::StatusOr<OriginOverride> ParseOriginOverride(absl::string_view text) {
  const std::size_t split = text.find('=');
  if (split == absl::string_view::npos) return Malformed(text, "has no \"=\"");
  const auto from = ParseUrl(text.substr(0, split));
  if (!from.ok()) {
    return Malformed(text, "does not begin with an http or https origin");
  }
  if ((from->path != "" && from->path != "/") || !from->query.empty() ||
      !from->fragment.empty()) {
    return Malformed(text, "has a path on its left side");
  }
  const auto to = ParseUrl(text.substr(split + 1));
  if (!to.ok()) {
    return Malformed(text, "does not end with an http or https origin");
  }
  if (!to->query.empty() || !to->fragment.empty()) {
    return Malformed(text, "has a query or fragment on its right side");
  }
  return OriginOverride{
      from->Origin(), absl::StrCat(to->Origin(), std::string(absl::StripSuffix(
                                                     to->path, "/")))};
}

std::string ApplyOriginOverrides(const std::vector<OriginOverride>& overrides,
                                 const std::string& url) {
  if (overrides.empty()) return url;
  const auto parsed = ParseUrl(url);
  if (!parsed.ok()) return url;
  const std::string origin = parsed->Origin();
  for (const OriginOverride& rule : overrides) {
    if (rule.from != origin) continue;
    std::string result =
        absl::StrCat(rule.to, parsed->path.empty() ? "/" : parsed->path);
    if (!parsed->query.empty()) absl::StrAppend(&result, "?", parsed->query);
    // Consent pages that are routes behind a "#".
    if (!parsed->fragment.empty()) {
      absl::StrAppend(&result, "#", parsed->fragment);
    }
    return result;
  }
  return url;
}

}  // namespace valetkey
