#include "service/net/http/curl_stream.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace valetkey {
namespace {

// Of an answer, held for a reader that is slower than the provider.
constexpr std::size_t kMaxHeld = 256 * 1024;

HttpRequest HeadOf(HttpRequestHead head) {
  HttpRequest request;
  request.method = std::move(head.method);
  request.url = std::move(head.url);
  request.headers = std::move(head.headers);
  return request;
}

}  // namespace

Task<void> CurlFlow::Wait() {
  timer.expires_at(asio::steady_timer::time_point::max());
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

CurlStream::CurlStream(HttpRequestHead head, absl::Duration silence,
                       const CurlOptions& options,
                       std::shared_ptr<CurlFlow> flow)
    : CurlTransfer(HeadOf(head), silence, options,
                   [flow](HttpResult result) {
                     flow->finished = true;
                     flow->status = std::move(result.status);
                     flow->Notify();
                   }),
      has_body_(head.has_body),
      length_(head.length),
      silence_(silence),
      flow_(std::move(flow)) {}

void CurlStream::SetTimes() {
  // The whole may take as long as it likes, as long as something moves. What
  // the reader holds up is not counted: curl looks at no speed while paused.
  const auto seconds = std::max<std::int64_t>(
      absl::ToInt64Seconds(absl::Ceil(silence_, absl::Seconds(1))), 1);
  curl_easy_setopt(easy(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy(), CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds));
  curl_easy_setopt(
      easy(), CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(absl::ToInt64Milliseconds(options().connect_timeout)));
  // One exchange has a connection to itself: in HTTP/2 a slow reader would
  // hold up all that share one with it.
  curl_easy_setopt(easy(), CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
}

void CurlStream::SetBody() {
  if (!has_body_) return CurlTransfer::SetBody();
  curl_easy_setopt(easy(), CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy(), CURLOPT_CUSTOMREQUEST, request().method.c_str());
  curl_easy_setopt(
      easy(), CURLOPT_INFILESIZE_LARGE,
      length_ ? static_cast<curl_off_t>(*length_) : curl_off_t{-1});
  curl_easy_setopt(easy(), CURLOPT_READFUNCTION, &CurlStream::OnGive);
  curl_easy_setopt(easy(), CURLOPT_READDATA, this);
}

bool CurlStream::NeedsOwnConnection() const {
  // A body cannot be rewound: curl cannot send it twice.
  return !has_body_ && CurlTransfer::NeedsOwnConnection();
}

void CurlStream::HeaderComplete() {
  flow_->head.status = status();
  flow_->head.headers = response_headers();
  flow_->has_head = true;
  flow_->Notify();
}

std::size_t CurlStream::TakeBody(absl::string_view data) {
  if (flow_->incoming.size() >= kMaxHeld) {
    flow_->taking_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  flow_->incoming.append(data.data(), data.size());
  flow_->Notify();
  return data.size();
}

std::size_t CurlStream::OnGive(char* to, std::size_t size, std::size_t count,
                               void* self) {
  CurlFlow& flow = *static_cast<CurlStream*>(self)->flow_;
  if (flow.TakenWhole()) {
    // An answer before the end of the body: no more of it is wanted.
    if (flow.ended || flow.has_head) return 0;
    flow.giving_paused = true;
    return CURL_READFUNC_PAUSE;
  }
  const std::size_t bytes =
      std::min(size * count, flow.outgoing.size() - flow.taken);
  flow.outgoing.copy(to, bytes, flow.taken);
  flow.taken += bytes;
  if (flow.TakenWhole()) flow.Notify();
  return bytes;
}

}  // namespace valetkey
