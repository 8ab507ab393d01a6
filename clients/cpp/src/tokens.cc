#include "src/tokens.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace valetkey::client {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Token& token) {
  out << "token of generation " << token.generation();
  if (token.expire_time() == absl::InfiniteFuture()) {
    return out << ", does not expire";
  }
  return out << ", expires "
             << absl::FormatTime(absl::RFC3339_sec, token.expire_time(),
                                 absl::UTCTimeZone());
}

namespace internal {

std::shared_ptr<const TokenData> TokenDataOf(const v1::Token& token) {
  auto data = std::make_shared<TokenData>();
  data->access_token = token.access_token();
  data->token_type = token.token_type();
  const bool bearer = token.token_type().empty() ||
                      absl::EqualsIgnoreCase(token.token_type(), "bearer");
  data->authorization = absl::StrCat(bearer ? "Bearer" : token.token_type(),
                                     " ", token.access_token());
  if (token.has_expire_time()) data->expire_time = TimeOf(token.expire_time());
  if (token.has_refresh_time()) {
    data->refresh_time = TimeOf(token.refresh_time());
  }
  data->scopes = {token.scopes().begin(), token.scopes().end()};
  data->generation = token.generation();
  return data;
}

}  // namespace internal
}  // namespace valetkey::client
