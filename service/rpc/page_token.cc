#include "service/rpc/page_token.h"

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"

namespace valetkey::rpc {
namespace {

// base64url of: version, 8 bytes of a hash over filters and name, the name.
constexpr char kVersion = 1;
constexpr std::size_t kHashSize = 8;
constexpr std::size_t kMaxTokenSize = 1024;

std::string Hash(absl::string_view after, absl::string_view filters) {
  return Sha256(absl::StrCat(filters.size(), ":", filters, after))
      .substr(0, kHashSize);
}

}  // namespace

std::string EncodePageToken(absl::string_view after,
                            absl::string_view filters) {
  if (after.empty()) return "";
  return Base64UrlEncode(absl::StrCat(absl::string_view(&kVersion, 1),
                                      Hash(after, filters), after));
}

absl::StatusOr<std::string> DecodePageToken(absl::string_view token,
                                            absl::string_view filters) {
  if (token.empty()) return std::string();
  std::string data;
  if (token.size() <= kMaxTokenSize && Base64UrlDecode(token, &data) &&
      data.size() > 1 + kHashSize && data[0] == kVersion) {
    std::string after = data.substr(1 + kHashSize);
    if (data.compare(1, kHashSize, Hash(after, filters)) == 0) return after;
  }
  return MakeError(Reason::kCursorInvalid,
                   "the page token is damaged, or of another request",
                   {{"field", "page_token"}});
}

}  // namespace valetkey::rpc
