// Whether a browser sent a request from one of our own pages. A cookie goes
// along with what other sites make a browser send; this is what tells them
// apart, besides SameSite. Pure functions.

#ifndef VALETKEY_WEB_SAME_ORIGIN_H_
#define VALETKEY_WEB_SAME_ORIGIN_H_

#include "absl/strings/string_view.h"
#include "service/net/http/http_server.h"

namespace valetkey::web {

// Browsers alone set the headers that this looks at; no script can:
// Sec-Fetch-Site (W3C Fetch Metadata), and Origin where that is not sent, as
// by older browsers and without https. Our own origins are `public_origin`
// ("https://tokens.example.com") and the one that the request was sent to.
//
// A request with neither header passes if it only reads (GET, HEAD): its
// answer is kept from other origins by the browser.
bool IsFromOurPages(const ServerRequest& request,
                    absl::string_view public_origin);

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_SAME_ORIGIN_H_
