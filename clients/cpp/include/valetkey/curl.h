// TokenSource for libcurl's easy handles. In a library of its own,
// ValetKey::curl, so that the client does not need libcurl.
//
//   CURL* easy = curl_easy_init();
//   curl_easy_setopt(easy, CURLOPT_URL, "https://api.pinterest.com/v5/boards");
//   std::string body;
//   CurlRequest request;
//   request.response_body = &body;
//   absl::StatusOr<CurlResult> result = Perform(easy, *source, request);
//
// With the multi interface: AppendAuthorization() and, on a 401,
// TokenSource::Invalidate().

#ifndef VALETKEY_CURL_H_
#define VALETKEY_CURL_H_

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "valetkey/call_options.h"
#include "valetkey/token_source.h"

namespace valetkey::client {

// What cannot be read from an easy handle.
struct CurlRequest {
  // The request's other headers; the caller's, before and after.
  const curl_slist* headers = nullptr;
  // Gets the body of the answer. If null, the handle's own write function does
  // (a `rewind` then has to forget what it got).
  std::string* response_body = nullptr;
  // Whether the body can be sent again as it is: there is none, or it is one of
  // CURLOPT_POSTFIELDS or CURLOPT_MIMEPOST.
  bool repeatable = true;
  // Called before the request is repeated, if set: puts a body that a read
  // function sends back to its beginning. False: it cannot be sent again.
  std::function<bool()> rewind;
  // For the token.
  CallOptions options;
};

struct CurlResult {
  CURLcode code = CURLE_OK;
  long status = 0;              // HTTP's
  std::int64_t generation = 0;  // of the token that was sent last
  bool repeated = false;
};

// Performs the handle's request with an Authorization header. If the provider
// answers 401, its token is invalidated and the request repeated once with a
// new one; if there is none, or the body cannot be sent again, the 401 is the
// result. The token goes to the host of the handle's URL and not along a
// redirect to another; a 401 that comes after a redirect is the result as it
// is, for it may be of a host that was not shown the token.
//
// Blocks. Sets CURLOPT_HTTPHEADER and CURLOPT_UNRESTRICTED_AUTH, and for
// `response_body` CURLOPT_WRITEFUNCTION and CURLOPT_WRITEDATA; after it they
// are at their defaults. Errors: of TokenSource::Get. What libcurl failed with
// is in the result.
absl::StatusOr<CurlResult> Perform(CURL* easy, const TokenSource& source,
                                   const CurlRequest& request = {});

// The list with the token's Authorization header, as curl_slist_append: null
// if there is no memory; then the list is as it was.
curl_slist* AppendAuthorization(curl_slist* headers, const Token& token);

}  // namespace valetkey::client

#endif  // VALETKEY_CURL_H_
