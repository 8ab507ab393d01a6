#include "service/net/http/http_response_writer.h"

#include <cassert>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace valetkey {
namespace {

bool IsOurs(absl::string_view name) {
  for (absl::string_view ours :
       {"Connection", "Content-Length", "Date", "Transfer-Encoding"}) {
    if (absl::EqualsIgnoreCase(name, ours)) return true;
  }
  return false;
}

// A line break would end the field and begin another (response splitting).
bool IsClean(absl::string_view text) {
  return text.find_first_of(absl::string_view("\r\n\0", 3)) ==
         absl::string_view::npos;
}

bool HasNoBody(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

std::string HttpResponseWriter::Header(int status,
                                       const HttpHeaders& headers) const {
  std::string text = absl::StrCat(
      "HTTP/1.1 ", status, " ", HttpStatusText(status), "\r\nDate: ",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(),
                       absl::UTCTimeZone()),
      "\r\n");
  for (const HttpHeaders* list : {&headers, &connection_.options_.headers}) {
    for (const auto& [name, value] : list->fields()) {
      if (IsOurs(name) || !IsClean(name) || !IsClean(value)) continue;
      absl::StrAppend(&text, name, ": ", value, "\r\n");
    }
  }
  if (!connection_.keep_alive_) {
    absl::StrAppend(&text, "Connection: close\r\n");
  } else if (connection_.http10_) {
    absl::StrAppend(&text, "Connection: keep-alive\r\n");
  }
  return text;
}

Task<absl::Status> HttpResponseWriter::Send(HttpResponse response) {
  assert(!begun_);
  begun_ = true;
  // What a client has yet to send of its request would be taken for another.
  if (connection_.draining_ || connection_.BodyIsLeft()) {
    connection_.keep_alive_ = false;
  }
  std::string text = Header(response.status, response.headers);
  if (!HasNoBody(response.status)) {
    absl::StrAppend(&text, "Content-Length: ", response.body.size(), "\r\n");
  }
  absl::StrAppend(&text, "\r\n");
  if (!connection_.head_ && !HasNoBody(response.status)) {
    absl::StrAppend(&text, response.body);
  }
  absl::Status status = co_await connection_.WriteAll(std::move(text));
  complete_ = status.ok();
  co_return status;
}

Task<absl::Status> HttpResponseWriter::Start(
    int status, HttpHeaders headers, std::optional<std::uint64_t> length) {
  assert(!begun_);
  begun_ = true;
  left_ = length;
  bodiless_ = connection_.head_ || HasNoBody(status);
  chunked_ = !length && !connection_.http10_;
  // HTTP/1.0 knows no chunks: the end of the connection is the end.
  if (connection_.draining_ || connection_.BodyIsLeft() ||
      (!length && connection_.http10_)) {
    connection_.keep_alive_ = false;
  }
  std::string text = Header(status, headers);
  if (!HasNoBody(status)) {
    if (length) absl::StrAppend(&text, "Content-Length: ", *length, "\r\n");
    if (chunked_) absl::StrAppend(&text, "Transfer-Encoding: chunked\r\n");
  }
  absl::StrAppend(&text, "\r\n");
  co_return co_await connection_.WriteAll(std::move(text));
}

Task<absl::Status> HttpResponseWriter::Write(std::string data) {
  assert(begun_ && !complete_);
  // An empty chunk would be the last.
  if (data.empty() || bodiless_) co_return absl::OkStatus();
  if (left_) {
    if (data.size() > *left_) {
      co_return absl::InternalError("more was written than was said");
    }
    *left_ -= data.size();
  }
  if (chunked_) {
    data = absl::StrCat(absl::Hex(data.size()), "\r\n", data, "\r\n");
  }
  co_return co_await connection_.WriteAll(std::move(data));
}

Task<absl::Status> HttpResponseWriter::Finish() {
  assert(begun_ && !complete_);
  if (!bodiless_ && left_.value_or(0) != 0) {
    co_return absl::InternalError("less was written than was said");
  }
  if (!chunked_ || bodiless_) {
    complete_ = !connection_.aborted_;
    co_return absl::OkStatus();
  }
  absl::Status status = co_await connection_.WriteAll("0\r\n\r\n");
  complete_ = status.ok();
  co_return status;
}

void HttpResponseWriter::OnStop(std::function<void(StopReason)> callback) {
  if (disconnected()) {
    callback(StopReason::kDisconnected);
  } else if (draining()) {
    callback(StopReason::kDraining);
  } else {
    connection_.on_stop_ = std::move(callback);
  }
}

bool HttpResponseWriter::disconnected() const {
  return connection_.read_ended_ || connection_.aborted_;
}

bool HttpResponseWriter::draining() const { return connection_.draining_; }

}  // namespace valetkey
