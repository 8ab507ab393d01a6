// Cookies in a request (RFC 6265). Pure functions.

#ifndef VALETKEY_WEB_COOKIES_H_
#define VALETKEY_WEB_COOKIES_H_

#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/base/http_message.h"

namespace valetkey::web {

// All of them, as name and value, in their order (section 5.4).
std::vector<std::pair<absl::string_view, absl::string_view>> CookiesIn(
    const HttpHeaders& headers);

// The values of all cookies of that name. Of two, one may have been planted by
// a sibling domain.
std::vector<absl::string_view> CookieValues(const HttpHeaders& headers,
                                            absl::string_view name);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_COOKIES_H_
