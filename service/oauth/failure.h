// What a failed answer means. Internal to this folder; pure functions.

#ifndef VALETKEY_OAUTH_FAILURE_H_
#define VALETKEY_OAUTH_FAILURE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/http_message.h"
#include "service/oauth/json.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {

// The body as a document: JSON, or a form where the content type or
// `allow_form` says so. nullopt: neither.
std::optional<Document> ReadBody(const HttpResponse& response, bool allow_form);

bool Holds(const ::valetkey::catalog::v1::Predicate& predicate,
           const Document& document);
// Whether the answer is a good one, by its status and what it says.
bool IsSuccess(const ::valetkey::catalog::v1::Success& success,
               const HttpResponse& response, const Document* document);

// The provider's error code, short and printable; "" if it gives none.
std::string ErrorCode(const Definition& definition, const Document& document);

// A provider's text as it may be logged: at most 200 characters of printable
// ASCII, without the secrets given nor anything that looks like a token.
std::string Quote(absl::string_view text,
                  const std::vector<absl::string_view>& secrets);

// Retry-After in seconds or as a date (RFC 9110 section 10.2.3), at most a
// day; zero: not said.
absl::Duration RetryAfter(const HttpResponse& response, absl::Time now);

// By the definition's map, then RFC 6749 section 5.2, then the status.
// `document` is null if the body cannot be read; `leg` is nullopt for calls
// that are neither.
ProviderFailure Classify(const Definition& definition, std::optional<Leg> leg,
                         const HttpResponse& response, const Document* document,
                         absl::Time now,
                         const std::vector<absl::string_view>& secrets_sent);

// What a call that looks something up failed with: PROVIDER_THROTTLED,
// PROVIDER_UNAVAILABLE or PROVIDER_RESPONSE_INVALID; `what` completes "the
// provider does not tell". (verification.cc)
absl::Status LookupError(const Definition& definition,
                         const HttpResponse& response, const Document* body,
                         absl::string_view what);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_FAILURE_H_
