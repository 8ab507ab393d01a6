// The authorization response (RFC 6749 sections 4.1.2 and 4.1.2.1; the issuer:
// RFC 9207).

#include <string>

#include "service/base/status.h"
#include "service/base/url.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {
namespace {

// A parameter may come once only (RFC 6749 section 3.1): of a repeated one the
// first counts, as everywhere here.
std::string Take(const QueryParameters& query, absl::string_view name,
                 absl::string_view fallback) {
  const std::string* value =
      FindParameter(query, name.empty() ? fallback : name);
  return value == nullptr ? "" : *value;
}

// Only what a provider may have said is echoed: short, printable.
std::string Printable(absl::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) {
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

}  // namespace

Callback ReadCallback(const Definition* definition,
                      const QueryParameters& query) {
  const auto& rules = definition == nullptr
                          ? Definition::default_instance().callback()
                          : definition->callback();
  Callback callback;
  callback.state = Take(query, "state", "");
  callback.code = Take(query, rules.code_parameter(), "code");
  callback.issuer = Take(query, "iss", "");
  callback.error = Take(query, rules.error_parameter(), "error");
  callback.error_description =
      Take(query, rules.error_description_parameter(), "error_description");
  for (const auto& capture : rules.captures()) {
    std::string value = Take(query, capture.parameter(), "");
    if (!value.empty()) callback.captured[capture.name()] = std::move(value);
  }
  return callback;
}

absl::Status CheckIssuer(const Definition& definition,
                         absl::string_view issuer) {
  const auto& callback = definition.callback();
  if (issuer.empty()) {
    if (!callback.issuer_required()) return absl::OkStatus();
    return MakeError(Reason::kIssuerMismatch,
                     "the callback names no issuer (iss), and this provider "
                     "always does");
  }
  std::string expected = callback.issuer();
  if (expected.empty()) {
    const auto url = ParseUrl(definition.authorization().url());
    if (url.ok()) expected = url->Origin();
  }
  if (issuer == expected) return absl::OkStatus();
  return MakeError(Reason::kIssuerMismatch,
                   "the callback's issuer (iss) is not this provider's",
                   {{"expected", expected}});
}

absl::Status CallbackError(absl::string_view given) {
  const std::string error = Printable(given);
  const ErrorMetadata metadata = {{"provider_error", error}};
  if (error == "server_error" || error == "temporarily_unavailable") {
    return MakeError(Reason::kProviderUnavailable,
                     "the provider could not ask for consent just now",
                     metadata, absl::Seconds(10));
  }
  if (error == "invalid_request" || error == "invalid_scope" ||
      error == "unauthorized_client" || error == "unsupported_response_type") {
    return MakeError(Reason::kProviderRequestRejected,
                     "the provider refused the authorization request",
                     metadata);
  }
  return MakeError(Reason::kConsentDenied, "consent was not given", metadata);
}

}  // namespace valetkey::oauth
