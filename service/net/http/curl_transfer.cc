#include "service/net/http/curl_transfer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "service/base/secret.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/net/http/public_address.h"

namespace valetkey {
namespace {

// Longer than any provider's; a guard against an endless header.
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

bool IsToken(absl::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) ||
           absl::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
               absl::string_view::npos;
  });
}

bool IsFieldValue(absl::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return c == '\r' || c == '\n' || c == '\0';
  });
}

long Milliseconds(absl::Duration time) {
  // Zero would mean "no limit" to curl.
  return static_cast<long>(std::clamp<std::int64_t>(
      absl::ToInt64Milliseconds(time), 1, 24 * 3600 * 1000));
}

bool IsIdempotentRead(absl::string_view method) {
  return method == "GET" || method == "HEAD";
}

HttpResult Unavailable(absl::string_view message, bool maybe_sent) {
  HttpResult result;
  result.status = MakeError(Reason::kProviderUnavailable, message);
  result.maybe_sent = maybe_sent;
  return result;
}

}  // namespace

CurlTransfer::CurlTransfer(HttpRequest request, absl::Duration timeout,
                           const CurlOptions& options,
                           std::function<void(HttpResult)> done)
    : request_(std::move(request)),
      timeout_(timeout),
      options_(options),
      done_(std::move(done)) {}

CurlTransfer::~CurlTransfer() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  WipeMemory(request_.body.data(), request_.body.size());
}

absl::Status CurlTransfer::Prepare() {
  if (timeout_ <= absl::ZeroDuration()) {
    return MakeError(Reason::kProviderUnavailable, "no time is left to ask");
  }
  auto url = ParseUrl(request_.url);
  if (!url.ok() || !IsToken(request_.method)) {
    return MakeError(Reason::kProviderUnavailable,
                     "the request has no valid URL or method");
  }
  host_ = url->host;
  const std::string target =
      ApplyOriginOverrides(options_.origin_overrides, request_.url);
  const bool overridden = target != request_.url;

  easy_ = curl_easy_init();
  if (easy_ == nullptr) {
    return MakeError(Reason::kProviderUnavailable, "curl has no memory");
  }
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_URL, target.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "ValetKey/" VALETKEY_VERSION);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // Without it, a time-out while resolving would block the reactor until the
  // resolver's thread returns.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  SetTimes();
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::OnRequest);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SetMethod();
  SetNetwork(overridden);
  return AddHeaders();
}

void CurlTransfer::SetTimes() {
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, Milliseconds(timeout_));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   Milliseconds(std::min(timeout_, options_.connect_timeout)));
}

void CurlTransfer::SetBody() {
  if (request_.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (request_.method == "POST" || !request_.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    // Not copied: request_ outlives the transfer.
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
    if (request_.method != "POST") {
      curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
  } else if (request_.method != "GET") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

bool CurlTransfer::NeedsOwnConnection() const {
  return !IsIdempotentRead(request_.method);
}

void CurlTransfer::SetMethod() {
  SetBody();
  // On a reused connection that dies unanswered curl sends again. Only on one
  // of its own is a request surely sent once.
  if (NeedsOwnConnection()) {
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  }
  const auto max_idle = absl::ToInt64Seconds(options_.max_idle);
  curl_easy_setopt(easy_, CURLOPT_MAXAGE_CONN,
                   static_cast<long>(std::max<std::int64_t>(max_idle, 1)));
}

void CurlTransfer::SetNetwork(bool overridden) {
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  const bool by_environment =
      options_.proxy.empty() && options_.proxy_from_environment;
  if (overridden || !by_environment) {
    // An empty string also turns the environment's proxies off.
    curl_easy_setopt(easy_, CURLOPT_PROXY,
                     overridden ? "" : options_.proxy.c_str());
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, overridden ? "*" : "");
  }
  const bool proxied =
      !overridden && (by_environment || !options_.proxy.empty());
  if (!overridden && !proxied && !options_.allow_private_addresses) {
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION,
                     &CurlTransfer::OnOpenSocket);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  }
}

absl::Status CurlTransfer::AddHeaders() {
  curl_slist* list = nullptr;
  bool valid = true;
  const auto append = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr)
      valid = false;
    else
      list = longer;
  };
  for (const auto& [name, value] : request_.headers.fields()) {
    if (!IsToken(name) || !IsFieldValue(value)) {
      valid = false;
      continue;
    }
    // "Name;" is curl's way to send a field that is empty.
    append(value.empty() ? absl::StrCat(name, ";")
                         : absl::StrCat(name, ": ", value));
  }
  // curl would wait for a "100 Continue" before a longer body, and would call
  // any body a form.
  append("Expect:");
  if (request_.headers.Find("Content-Type") == nullptr) {
    append("Content-Type:");
  }
  headers_.reset(list);
  if (!valid) {
    return MakeError(Reason::kProviderUnavailable,
                     "the request has an invalid header field");
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, list);
  return absl::OkStatus();
}

void CurlTransfer::Finish(CURLcode code) {
  HttpResult result;
  // curl takes a header that is cut off for a whole one.
  if (code == CURLE_OK && !header_complete_) code = CURLE_RECV_ERROR;
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    result.response = std::move(response_);
  } else {
    result = Failure(code);
  }
  std::exchange(done_, nullptr)(std::move(result));
}

void CurlTransfer::Fail(absl::string_view why) {
  if (done_) std::exchange(done_, nullptr)(Unavailable(why, sent_));
}

HttpResult CurlTransfer::Failure(CURLcode code) const {
  if (refused_address_ && !sent_) {
    return Unavailable(
        absl::StrCat(host_, " leads to an address that is not public"), false);
  }
  if (too_large_) {
    return Unavailable(absl::StrCat("the answer of ", host_, " is too large"),
                       true);
  }
  if (!sent_) {
    // Nothing of the request or an answer can be in curl's words yet.
    absl::string_view detail = error_;
    if (detail.empty()) detail = curl_easy_strerror(code);
    return Unavailable(absl::StrCat("no connection to ", host_, ": ", detail),
                       false);
  }
  return Unavailable(
      absl::StrCat("no complete answer from ", host_, ": ",
                   absl::AsciiStrToLower(curl_easy_strerror(code))),
      true);
}

std::size_t CurlTransfer::OnHeader(char* data, std::size_t size,
                                   std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t bytes = size * count;
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > kMaxHeaderBytes) {
    transfer.too_large_ = true;
    return 0;
  }
  absl::string_view line(data, bytes);
  // An interim answer (1xx) comes before the final one; trailers, after the
  // body, are of no interest.
  if (absl::StartsWith(line, "HTTP/")) {
    transfer.response_.headers = HttpHeaders();
    transfer.header_complete_ = false;
    // "HTTP/1.1 200 OK"
    transfer.status_ = 0;
    const std::size_t space = line.find(' ');
    if (space != absl::string_view::npos &&
        !absl::SimpleAtoi(line.substr(space + 1, 3), &transfer.status_)) {
      transfer.status_ = 0;
    }
    return bytes;
  }
  if (transfer.header_complete_) return bytes;
  if (line == "\r\n" || line == "\n") {
    transfer.header_complete_ = true;
    if (transfer.status_ >= 200) transfer.HeaderComplete();
    return bytes;
  }
  const std::size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return bytes;
  transfer.response_.headers.Add(
      absl::StripAsciiWhitespace(line.substr(0, colon)),
      absl::StripAsciiWhitespace(line.substr(colon + 1)));
  return bytes;
}

std::size_t CurlTransfer::OnBody(char* data, std::size_t size,
                                 std::size_t count, void* self) {
  return static_cast<CurlTransfer*>(self)->TakeBody({data, size * count});
}

std::size_t CurlTransfer::TakeBody(absl::string_view data) {
  if (response_.body.size() + data.size() > options_.max_response_bytes) {
    too_large_ = true;
    return 0;
  }
  response_.body.append(data.data(), data.size());
  return data.size();
}

// Called when a connection is there, TLS and proxy included, and the request
// is about to be written.
int CurlTransfer::OnRequest(void* self, char*, char*, int, int) {
  static_cast<CurlTransfer*>(self)->sent_ = true;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t CurlTransfer::OnOpenSocket(void* self, curlsocktype purpose,
                                         curl_sockaddr* address) {
  if (purpose == CURLSOCKTYPE_IPCXN && !IsPublicAddress(&address->addr)) {
    static_cast<CurlTransfer*>(self)->refused_address_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
}

}  // namespace valetkey
