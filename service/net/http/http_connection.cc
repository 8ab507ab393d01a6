#include "service/net/http/http_connection.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/log.h"
#include "service/net/http/http_request_parser.h"
#include "service/net/http/http_response_writer.h"

namespace valetkey {
namespace {

using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

// Read ahead while a handler runs; a client that sends more waits.
constexpr std::size_t kMaxReadAhead = 64 * 1024;
// Thrown away after an answer that ends the connection.
constexpr std::size_t kMaxLinger = std::size_t{1} << 20;
constexpr absl::Duration kLingerTime = absl::Seconds(2);

SteadyClock::time_point After(absl::Duration time) {
  return SteadyClock::now() + absl::ToChronoMilliseconds(time);
}

}  // namespace

Task<void> HttpConnection::Event::WaitUntil(TimePoint deadline) {
  timer_.expires_at(deadline);
  error_code ignored;
  co_await timer_.async_wait(
      asio::redirect_error(asio::use_awaitable, ignored));
}

HttpConnection::HttpConnection(asio::any_io_executor executor,
                               std::unique_ptr<HttpStream> stream,
                               std::string peer,
                               const HttpServerOptions& options, FindRoute find)
    : executor_(std::move(executor)),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      options_(options),
      find_(std::move(find)),
      read_event_(executor_),
      write_event_(executor_) {}

HttpConnection::~HttpConnection() = default;

Task<void> HttpConnection::Run(std::shared_ptr<HttpConnection> self) {
  co_await self->Serve();
  self->stream_->Close();
}

Task<void> HttpConnection::Serve() {
  if (!co_await Handshake()) co_return;
  while (!aborted_ && co_await ServeOne()) continue;
}

Task<bool> HttpConnection::Handshake() {
  bool done = false;
  error_code result;
  stream_->AsyncHandshake([self = shared_from_this(), &done, &result](
                              error_code error, std::size_t) {
    done = true;
    result = error;
    self->read_event_.Notify();
  });
  // The callback refers to this frame: it must have come before we leave.
  TimePoint deadline = After(options_.header_timeout);
  while (!done) {
    co_await read_event_.WaitUntil(deadline);
    if (done || SteadyClock::now() < deadline) continue;
    stream_->Close();
    deadline = TimePoint::max();
  }
  co_return !result && !aborted_;
}

Task<bool> HttpConnection::ServeOne() {
  ServerRequest request;
  const int status = co_await ReadRequest(request);
  if (status < 0) co_return false;
  if (status > 0) {
    std::string path =
        request.path.empty() ? PathOfPart(data_) : std::move(request.path);
    co_await AnswerError(status, std::move(path));
    co_await Linger();
    co_return false;
  }
  co_await Dispatch(std::move(request));
  if (!keep_alive_ && !aborted_) co_await Linger();
  co_return keep_alive_;
}

Task<int> HttpConnection::ReadRequest(ServerRequest& request) {
  idle_ = true;
  const TimePoint idle_deadline = After(options_.idle_timeout);
  while (data_.empty()) {
    if (!co_await AwaitRead(idle_deadline)) co_return -1;
  }
  idle_ = false;
  // RFC 9112 section 2.2: an empty line before a request is skipped.
  if (absl::StartsWith(data_, "\r\n")) data_.erase(0, 2);
  keep_alive_ = false;
  http10_ = false;
  head_ = false;
  route_ = nullptr;
  parser_ = std::make_unique<HttpRequestParser>();
  parser_->header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser_->body_limit(boost::none);
  if (const int status = co_await ReadHeader(request); status != 0) {
    co_return status;
  }
  if (route_ == nullptr || !route_->streaming) {
    if (const int status = co_await ReadWholeBody(request); status != 0) {
      co_return status;
    }
  }
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive();
  http10_ = message.version() < 11;
  head_ = request.method == "HEAD";
  co_return 0;
}

int HttpConnection::Parse() {
  error_code error;
  const std::size_t used = parser_->put(asio::buffer(data_), error);
  if (error && error != http::error::need_more) {
    if (error == http::error::body_limit) return 413;
    if (error != http::error::header_limit) return 400;
    return !parsed_some_ && data_.find('\n') == std::string::npos ? 414 : 431;
  }
  data_.erase(0, used);
  parsed_some_ = parsed_some_ || used > 0;
  // What is left is the beginning of something: it takes more to go on.
  stuck_ = used == 0;
  return 0;
}

Task<int> HttpConnection::Await(TimePoint deadline) {
  if (std::exchange(continue_wanted_, false) && data_.empty()) {
    const absl::Status told =
        co_await WriteAll("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told.ok()) co_return -1;
  }
  if (!data_.empty() && !stuck_) co_return 0;
  if (co_await AwaitRead(deadline)) co_return 0;
  co_return read_ended_ || aborted_ ? -1 : 408;
}

Task<int> HttpConnection::ReadHeader(ServerRequest& request) {
  const TimePoint deadline = After(options_.header_timeout);
  stuck_ = false;
  parsed_some_ = false;
  while (!parser_->is_header_done()) {
    if (const int status = co_await Await(deadline); status != 0) {
      co_return status;
    }
    if (const int status = Parse(); status != 0) {
      ReadTarget(View(parser_->get().target()), request);
      co_return status;
    }
  }
  const auto& message = parser_->get();
  for (const auto& field : message) {
    request.headers.Add(View(field.name_string()), View(field.value()));
  }
  request.method = std::string(message.method_string());
  if (!ReadTarget(View(message.target()), request) || !HasOneHost(message)) {
    co_return 400;
  }
  if (const std::string* const host = request.headers.Find("Host");
      host != nullptr && request.authority.empty()) {
    request.authority = *host;
  }
  request.peer = peer_;
  request.tls = stream_->tls();
  if (request.tls) {
    request.client_subject = stream_->ClientSubject();
    request.client_certificate = stream_->ClientCertificate();
  }
  continue_wanted_ = !parser_->is_done() &&
                     absl::EqualsIgnoreCase(View(message[http::field::expect]),
                                            "100-continue");
  route_ = find_(request.path);
  co_return 0;
}

Task<int> HttpConnection::ReadWholeBody(ServerRequest& request) {
  const auto length = parser_->content_length();
  if (length && *length > options_.max_body_bytes) co_return 413;
  parser_->body_limit(options_.max_body_bytes);
  const TimePoint deadline = After(options_.body_timeout);
  while (!parser_->is_done()) {
    if (const int status = co_await Await(deadline); status != 0) {
      co_return status;
    }
    if (const int status = Parse(); status != 0) co_return status;
  }
  request.body = std::exchange(parser_->get().body(), {});
  co_return 0;
}

Task<absl::StatusOr<std::string>> HttpConnection::ReadBody() {
  const TimePoint deadline = After(options_.body_timeout);
  while (!parser_->is_done()) {
    if (co_await Await(deadline) != 0) {
      co_return absl::UnavailableError("the client sent no more of the body");
    }
    if (Parse() != 0) {
      co_return absl::InvalidArgumentError("the body is malformed");
    }
    std::string& body = parser_->get().body();
    if (!body.empty()) co_return std::exchange(body, {});
  }
  co_return "";
}

bool HttpConnection::BodyIsLeft() const {
  return parser_ != nullptr && !parser_->is_done();
}

class HttpConnection::Body final : public RequestBody {
 public:
  explicit Body(HttpConnection& connection) : connection_(connection) {}

  Task<absl::StatusOr<std::string>> Read() override {
    return connection_.ReadBody();
  }
  bool done() const override { return !connection_.BodyIsLeft(); }
  std::optional<std::uint64_t> length() const override {
    const auto length = connection_.parser_->content_length();
    if (length) return *length;
    if (connection_.parser_->chunked()) return std::nullopt;
    return 0;
  }

 private:
  HttpConnection& connection_;
};

Task<void> HttpConnection::Dispatch(ServerRequest request) {
  const std::string path = request.path;
  if (route_ == nullptr) {
    if (draining_) keep_alive_ = false;
    HttpResponseWriter writer(*this);
    if (!(co_await writer.Send(ErrorResponse(404, path))).ok()) {
      keep_alive_ = false;
    }
    co_return;
  }
  handling_ = true;
  BeginRead();
  HttpResponseWriter writer(*this);
  if (route_->streaming) {
    Body body(*this);
    co_await route_->streaming(std::move(request), body, writer);
  } else {
    co_await route_->handler(std::move(request), writer);
  }
  handling_ = false;
  on_stop_ = nullptr;
  if (!writer.begun()) {
    keep_alive_ = false;
    Log(LogLevel::kError, "a handler gave no answer", {{"path", path}});
    (co_await writer.Send(ErrorResponse(500, path))).IgnoreError();
  }
  // A stream without its end is cut, so that it is not taken for a whole one.
  if (!writer.complete()) Abort();
  if (draining_ || read_ended_ || BodyIsLeft()) keep_alive_ = false;
}

Task<void> HttpConnection::AnswerError(int status, std::string path) {
  keep_alive_ = false;
  HttpResponseWriter writer(*this);
  // The connection ends either way.
  (co_await writer.Send(ErrorResponse(status, path))).IgnoreError();
}

HttpResponse HttpConnection::ErrorResponse(int status,
                                           const std::string& path) const {
  if (options_.error_page) return options_.error_page(status, path);
  return PlainResponse(status, absl::StrCat(HttpStatusText(status), "\n"));
}

Task<void> HttpConnection::Linger() {
  // Closing with unread data would reset the connection, and the client might
  // lose the answer.
  stream_->ShutdownSend();
  std::size_t dropped = data_.size();
  data_.clear();
  const TimePoint deadline = After(kLingerTime);
  while (dropped < kMaxLinger && !aborted_ && !draining_ &&
         co_await AwaitRead(deadline)) {
    dropped += data_.size();
    data_.clear();
  }
}

void HttpConnection::BeginRead() {
  if (reading_ || read_ended_) return;
  reading_ = true;
  stream_->AsyncReadSome(
      asio::buffer(incoming_),
      [self = shared_from_this()](error_code error, std::size_t size) {
        self->reading_ = false;
        self->data_.append(self->incoming_.data(), size);
        self->read_event_.Notify();
        if (error) {
          self->read_ended_ = true;
          self->NotifyStop(StopReason::kDisconnected);
        } else if (self->handling_ && self->data_.size() < kMaxReadAhead) {
          self->BeginRead();
        }
      });
}

Task<bool> HttpConnection::AwaitRead(TimePoint deadline) {
  const std::size_t before = data_.size();
  BeginRead();
  while (reading_ && data_.size() == before) {
    if (aborted_ || (idle_ && draining_)) co_return false;
    if (SteadyClock::now() >= deadline) co_return false;
    co_await read_event_.WaitUntil(deadline);
  }
  co_return data_.size() > before;
}

Task<absl::Status> HttpConnection::WriteAll(std::string data) {
  // Owned by the operation: it may outlast an aborted handler's frame.
  const auto text = std::make_shared<const std::string>(std::move(data));
  std::size_t written = 0;
  while (written < text->size()) {
    if (aborted_) break;
    bool done = false;
    error_code result;
    stream_->AsyncWriteSome(asio::buffer(*text) + written,
                            [self = shared_from_this(), text, &done, &written,
                             &result](error_code error, std::size_t size) {
                              done = true;
                              written += size;
                              result = error;
                              self->write_event_.Notify();
                            });
    const TimePoint deadline = After(options_.write_timeout);
    while (!done) {
      co_await write_event_.WaitUntil(aborted_ ? TimePoint::max() : deadline);
      if (!done && SteadyClock::now() >= deadline) Abort();
    }
    if (result) break;
  }
  if (written == text->size()) co_return absl::OkStatus();
  NotifyStop(StopReason::kDisconnected);
  co_return absl::UnavailableError("the client has gone");
}

void HttpConnection::NotifyStop(StopReason reason) {
  if (!handling_) return;
  if (auto callback = std::exchange(on_stop_, nullptr)) callback(reason);
}

void HttpConnection::Drain() {
  draining_ = true;
  read_event_.Notify();
  NotifyStop(StopReason::kDraining);
}

void HttpConnection::Abort() {
  aborted_ = true;
  keep_alive_ = false;
  stream_->Close();
  read_event_.Notify();
  NotifyStop(StopReason::kDisconnected);
}

}  // namespace valetkey
