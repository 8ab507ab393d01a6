// URLs and forms (RFC 3986; the WHATWG's application/x-www-form-urlencoded).
// Pure functions.

#ifndef VALETKEY_BASE_URL_H_
#define VALETKEY_BASE_URL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey {

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

struct Url {
  std::string scheme;    // lower case
  std::string host;      // lower case, without brackets for IPv6
  int port = 0;          // 0: the scheme's default
  std::string path;      // as written, "" or beginning with "/"
  std::string query;     // as written, without "?"
  std::string fragment;  // as written, without "#"

  // "https://api.pinterest.com", with the port if it is not the default.
  std::string Origin() const;
  bool IsLoopback() const;  // localhost, 127.0.0.0/8, ::1
};

// Only http and https, with a host and without user information.
absl::StatusOr<Url> ParseUrl(absl::string_view text);

// Everything but the unreserved characters of RFC 3986 as %XX.
std::string PercentEncode(absl::string_view text);
// Like PercentEncode, with space as "+".
std::string FormEncode(absl::string_view text);
// "a=1&b=x+y".
std::string EncodeQuery(const QueryParameters& parameters);
// Decodes "+" and %XX; a % that is not followed by two digits stays as it is.
// At most max_parameters are read, so that garbage costs little.
QueryParameters ParseQuery(absl::string_view query, int max_parameters = 100);
// The first of that name; nullptr if there is none.
const std::string* FindParameter(const QueryParameters& parameters,
                                 absl::string_view name);
// Appends parameters to the query of a URL that may have one; after the
// fragment if `after_fragment` (Apollo's and Shopline's consent pages).
std::string AppendQuery(absl::string_view url,
                        const QueryParameters& parameters,
                        bool after_fragment = false);

}  // namespace valetkey

#endif  // VALETKEY_BASE_URL_H_
