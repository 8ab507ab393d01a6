#include "service/net/http/http_request_parser.h"

#include <iterator>

#include "absl/strings/match.h"

namespace valetkey {

bool ReadTarget(absl::string_view target, ServerRequest& request) {
  if (absl::StartsWithIgnoreCase(target, "http://") ||
      absl::StartsWithIgnoreCase(target, "https://")) {
    target = target.substr(target.find("://") + 3);
    const std::size_t slash = target.find_first_of("/?");
    request.authority = std::string(target.substr(0, slash));
    target = slash == absl::string_view::npos ? "/" : target.substr(slash);
    if (target[0] == '?') request.path = "/";
  } else if (target != "*" && !absl::StartsWith(target, "/")) {
    return false;
  }
  const std::size_t mark = target.find('?');
  if (mark != 0) request.path = std::string(target.substr(0, mark));
  if (mark != absl::string_view::npos) {
    request.query = std::string(target.substr(mark + 1));
  }
  return true;
}

std::string PathOfPart(absl::string_view data) {
  const std::size_t space = data.find(' ');
  if (space == absl::string_view::npos) return "";
  data.remove_prefix(space + 1);
  data = data.substr(0, data.find_first_of(" ?\r\n"));
  return data.size() <= 256 ? std::string(data) : "";
}

bool HasOneHost(const http::request<PieceBody>& message) {
  if (message.version() < 11) return true;
  const auto range = message.equal_range(http::field::host);
  return std::distance(range.first, range.second) == 1;
}

}  // namespace valetkey
