#include "service/web/same_origin.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace valetkey::web {

bool IsFromOurPages(const ServerRequest& request,
                    absl::string_view public_origin) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (const std::string* site = request.headers.Find("sec-fetch-site")) {
    // "none": a person typed the address or opened a bookmark.
    return *site == "same-origin" || (reads && *site == "none");
  }
  const std::string* const origin = request.headers.Find("origin");
  if (origin == nullptr) return reads;
  if (absl::EqualsIgnoreCase(*origin, public_origin)) return true;
  const std::string* const host = request.headers.Find("host");
  return host != nullptr && !host->empty() &&
         absl::EqualsIgnoreCase(
             *origin,
             absl::StrCat(request.tls ? "https://" : "http://", *host));
}

}  // namespace valetkey::web
