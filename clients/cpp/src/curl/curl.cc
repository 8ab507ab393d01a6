#include "valetkey/curl.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace valetkey::client {
namespace {

constexpr long kUnauthorized = 401;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

List HeadersWith(const curl_slist* headers, const Token& token) {
  List list;
  for (; headers != nullptr; headers = headers->next) {
    curl_slist* const longer = curl_slist_append(list.get(), headers->data);
    if (longer == nullptr) return nullptr;
    static_cast<void>(list.release());
    list.reset(longer);
  }
  curl_slist* const longer = AppendAuthorization(list.get(), token);
  if (longer == nullptr) return nullptr;
  static_cast<void>(list.release());
  list.reset(longer);
  return list;
}

std::size_t Append(char* data, std::size_t, std::size_t size, void* body) {
  static_cast<std::string*>(body)->append(data, size);
  return size;
}

// One try. The headers are the handle's only while it lasts.
absl::Status Try(CURL* easy, const Token& token, const CurlRequest& request,
                 CurlResult* result) {
  const List headers = HeadersWith(request.headers, token);
  if (headers == nullptr) return absl::ResourceExhaustedError("no memory");
  if (request.response_body != nullptr) {
    request.response_body->clear();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request.response_body);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  // libcurl keeps an Authorization header of ours from other hosts, unless
  // told otherwise.
  curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
  result->code = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
  if (request.response_body != nullptr) {
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, nullptr);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stdout);
  }
  result->status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
  result->generation = token.generation();
  return absl::OkStatus();
}

// Whether the answer is from where the token was sent. libcurl does not tell
// what a handle's first URL was: any redirect counts as one to elsewhere.
bool WasAsked(CURL* easy) {
  long redirects = 0;
  curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
  return redirects == 0;
}

}  // namespace

curl_slist* AppendAuthorization(curl_slist* headers, const Token& token) {
  return curl_slist_append(
      headers, absl::StrCat("Authorization: ", token.authorization()).c_str());
}

absl::StatusOr<CurlResult> Perform(CURL* easy, const TokenSource& source,
                                   const CurlRequest& request) {
  absl::StatusOr<Token> token = source.Get(request.options);
  if (!token.ok()) return token.status();
  CurlResult result;
  const absl::Status tried = Try(easy, *token, request, &result);
  if (!tried.ok()) return tried;
  if (result.code != CURLE_OK || result.status != kUnauthorized ||
      !WasAsked(easy)) {
    return result;
  }
  source.Invalidate(token->generation());
  if (!request.repeatable && request.rewind == nullptr) return result;
  absl::StatusOr<Token> next = source.Get(request.options);
  if (!next.ok() || next->generation() == token->generation()) return result;
  if (request.rewind != nullptr && !request.rewind()) return result;
  result.repeated = true;
  const absl::Status again = Try(easy, *next, request, &result);
  if (!again.ok()) return again;
  return result;
}

}  // namespace valetkey::client
