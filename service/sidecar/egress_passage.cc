#include "service/sidecar/egress_passage.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey::sidecar {
namespace {

using client::Token;

// A body that is kept, so that it can be sent once more.
constexpr std::uint64_t kMaxKept = 64 * 1024;

std::optional<std::uint64_t> LengthOf(const HttpHeaders& headers) {
  const std::string* const text = headers.Find("Content-Length");
  std::uint64_t length = 0;
  if (text == nullptr || headers.Find("Transfer-Encoding") != nullptr ||
      !absl::SimpleAtoi(*text, &length)) {
    return std::nullopt;
  }
  return length;
}

bool IsShort(std::optional<std::uint64_t> length) {
  return length && *length <= kMaxKept;
}

}  // namespace

EgressPassage::EgressPassage(HttpStreamClient& http,
                             const ServerRequest& request, RequestBody& body,
                             const EgressTarget& target)
    : http_(http),
      body_(body),
      target_(target),
      repeatable_(IsShort(body.length())) {
  head_.method = request.method;
  head_.url = absl::StrCat(target.origin, request.path,
                           request.query.empty() ? "" : "?", request.query);
  head_.headers = HeadersToProvider(request.headers);
  head_.length = body.length();
  // A length of zero is said where a body would be expected.
  head_.has_body = head_.length != std::uint64_t{0} ||
                   request.method == "PUT" || request.method == "PATCH";
}

Task<absl::Status> EgressPassage::KeepBody() {
  while (repeatable_) {
    VK_CO_ASSIGN_OR_RETURN(const std::string piece, co_await body_.Read());
    if (piece.empty()) break;
    kept_ += piece;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<HttpResponseHead>> EgressPassage::Send(
    const Token& token, absl::Duration silence, absl::Status* caller) {
  HttpRequestHead head = head_;
  head.headers.Add("Authorization", token.authorization());
  VK_CO_ASSIGN_OR_RETURN(exchange_, http_.Open(std::move(head), silence));
  if (!kept_.empty()) {
    VK_CO_RETURN_IF_ERROR(co_await exchange_->Write(kept_));
  }
  while (!repeatable_ && !exchange_->answered()) {
    auto piece = co_await body_.Read();
    if (!piece.ok()) {
      *caller = piece.status();
      co_return piece.status();
    }
    if (piece->empty()) break;
    VK_CO_RETURN_IF_ERROR(co_await exchange_->Write(*std::move(piece)));
  }
  exchange_->EndBody();
  co_return co_await exchange_->ReadHead();
}

Task<bool> EgressPassage::PassAnswer(const HttpResponseHead& head,
                                     ResponseWriter& writer) {
  const absl::Status started =
      co_await writer.Start(head.status, HeadersToCaller(head.headers, target_),
                            LengthOf(head.headers));
  if (!started.ok()) co_return false;
  while (true) {
    auto piece = co_await exchange_->Read();
    // Left without its end, the answer is cut off at the caller too.
    if (!piece.ok()) co_return false;
    if (piece->empty()) break;
    if (!(co_await writer.Write(*std::move(piece))).ok()) co_return false;
  }
  co_return (co_await writer.Finish()).ok();
}

void EgressPassage::Cancel() {
  if (exchange_ != nullptr) exchange_->Cancel();
}

}  // namespace valetkey::sidecar
