// Reads token answers. Internal to this folder; pure functions.

#ifndef VALETKEY_OAUTH_TOKEN_ANSWER_H_
#define VALETKEY_OAUTH_TOKEN_ANSWER_H_

#include <optional>

#include "absl/time/time.h"
#include "service/oauth/json.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {

// No token is said to live longer than this: it never dies, then.
inline constexpr absl::Duration kForever = absl::Hours(24 * 3652);

// The moment that one field of an answer tells; nullopt if it is not there or
// tells nothing. InfiniteFuture for never.
std::optional<absl::Time> ReadExpiry(
    const ::valetkey::catalog::v1::Expiry& expiry, absl::string_view base,
    const Document& document, absl::Time now);

enum class Purpose { kExchange, kRefresh, kPostExchange };

// The tokens and captures of a good answer; nullopt if it has no token, or one
// that could not stand in a header.
std::optional<TokenAnswer> ReadTokens(
    const Definition& definition,
    const ::valetkey::catalog::v1::TokenResponse& rules, Purpose purpose,
    const Document& document, absl::Time now);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_TOKEN_ANSWER_H_
