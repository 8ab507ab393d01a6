#include "service/base/status.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace valetkey {
namespace {

struct ReasonInfo {
  Reason reason;
  const char* name;
  absl::StatusCode code;
};

constexpr ReasonInfo kReasons[] = {
    {Reason::kNone, "", absl::StatusCode::kInternal},
    {Reason::kFieldInvalid, "FIELD_INVALID",
     absl::StatusCode::kInvalidArgument},
    {Reason::kApiKeyMissing, "API_KEY_MISSING",
     absl::StatusCode::kUnauthenticated},
    {Reason::kApiKeyInvalid, "API_KEY_INVALID",
     absl::StatusCode::kUnauthenticated},
    {Reason::kRightMissing, "RIGHT_MISSING",
     absl::StatusCode::kPermissionDenied},
    {Reason::kApplicationNotFound, "APPLICATION_NOT_FOUND",
     absl::StatusCode::kNotFound},
    {Reason::kProviderNotFound, "PROVIDER_NOT_FOUND",
     absl::StatusCode::kNotFound},
    {Reason::kConnectionNotFound, "CONNECTION_NOT_FOUND",
     absl::StatusCode::kNotFound},
    {Reason::kKeyNotFound, "KEY_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kCatalogEntryNotFound, "CATALOG_ENTRY_NOT_FOUND",
     absl::StatusCode::kNotFound},
    {Reason::kTokenNotFound, "TOKEN_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kResourceExists, "RESOURCE_EXISTS",
     absl::StatusCode::kAlreadyExists},
    {Reason::kResourceInUse, "RESOURCE_IN_USE",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kEtagMismatch, "ETAG_MISMATCH", absl::StatusCode::kAborted},
    {Reason::kAuthorizationStateInvalid, "AUTHORIZATION_STATE_INVALID",
     absl::StatusCode::kInvalidArgument},
    {Reason::kIssuerMismatch, "ISSUER_MISMATCH",
     absl::StatusCode::kInvalidArgument},
    {Reason::kAuthorizationCodeRejected, "AUTHORIZATION_CODE_REJECTED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kConsentDenied, "CONSENT_DENIED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kProviderClientRejected, "PROVIDER_CLIENT_REJECTED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kProviderRequestRejected, "PROVIDER_REQUEST_REJECTED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kScopeNotGranted, "SCOPE_NOT_GRANTED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kReauthorizationRequired, "REAUTHORIZATION_REQUIRED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kConnectionRevoked, "CONNECTION_REVOKED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kRefreshUnsupported, "REFRESH_UNSUPPORTED",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kMinLifetimeUnavailable, "MIN_LIFETIME_UNAVAILABLE",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kProviderUnavailable, "PROVIDER_UNAVAILABLE",
     absl::StatusCode::kUnavailable},
    {Reason::kProviderThrottled, "PROVIDER_THROTTLED",
     absl::StatusCode::kUnavailable},
    {Reason::kProviderResponseInvalid, "PROVIDER_RESPONSE_INVALID",
     absl::StatusCode::kUnavailable},
    {Reason::kStoreUnavailable, "STORE_UNAVAILABLE",
     absl::StatusCode::kUnavailable},
    {Reason::kServerShuttingDown, "SERVER_SHUTTING_DOWN",
     absl::StatusCode::kUnavailable},
    {Reason::kCursorExpired, "CURSOR_EXPIRED", absl::StatusCode::kOutOfRange},
    {Reason::kCursorInvalid, "CURSOR_INVALID",
     absl::StatusCode::kInvalidArgument},
    {Reason::kWatchLagged, "WATCH_LAGGED", absl::StatusCode::kAborted},
    {Reason::kEncryptionKeyMissing, "ENCRYPTION_KEY_MISSING",
     absl::StatusCode::kFailedPrecondition},
    {Reason::kInternalFault, "INTERNAL_FAULT", absl::StatusCode::kInternal},
    {Reason::kCallerInvalid, "CALLER_INVALID",
     absl::StatusCode::kUnauthenticated},
    {Reason::kCallerDenied, "CALLER_DENIED",
     absl::StatusCode::kPermissionDenied},
    {Reason::kCallerKeysUnavailable, "CALLER_KEYS_UNAVAILABLE",
     absl::StatusCode::kUnavailable},
};

constexpr bool ReasonsAreInOrder() {
  int expected = 0;
  for (const ReasonInfo& info : kReasons) {
    if (static_cast<int>(info.reason) != expected++) return false;
  }
  return expected == static_cast<int>(kLastReason) + 1;
}
static_assert(ReasonsAreInOrder(), "kReasons is indexed by the reason");

const ReasonInfo& InfoOf(Reason reason) {
  const int index = static_cast<int>(reason);
  if (index < 0 || index > static_cast<int>(kLastReason)) return kReasons[0];
  return kReasons[index];
}

// The payload never leaves the process: the reason, the delay in nanoseconds,
// then keys and values by turns, each as "<decimal size>:<bytes>".
constexpr char kPayloadUrl[] = "valetkey/error";

void AppendPart(std::string* out, absl::string_view part) {
  absl::StrAppend(out, part.size(), ":", part);
}

// Takes the next part off the front; nothing at the end.
std::optional<absl::string_view> TakePart(absl::string_view* text) {
  std::size_t size = 0;
  while (!text->empty() && text->front() != ':') {
    size = size * 10 + static_cast<std::size_t>(text->front() - '0');
    text->remove_prefix(1);
  }
  if (text->empty()) return std::nullopt;
  text->remove_prefix(1);
  const absl::string_view part = text->substr(0, size);
  text->remove_prefix(part.size());
  return part;
}

struct Payload {
  Reason reason = Reason::kNone;
  absl::Duration retry_after = absl::ZeroDuration();
  ErrorMetadata metadata;
};

Payload PayloadOf(const absl::Status& status) {
  Payload payload;
  const auto cord = status.GetPayload(kPayloadUrl);
  if (!cord.has_value()) return payload;
  const std::string flat(*cord);
  absl::string_view text = flat;
  if (const auto part = TakePart(&text)) {
    payload.reason = static_cast<Reason>(std::atoi(std::string(*part).c_str()));
  }
  if (const auto part = TakePart(&text)) {
    payload.retry_after =
        absl::Nanoseconds(std::atoll(std::string(*part).c_str()));
  }
  while (const auto key = TakePart(&text)) {
    const auto value = TakePart(&text);
    if (!value) break;
    payload.metadata.emplace_back(std::string(*key), std::string(*value));
  }
  return payload;
}

}  // namespace

absl::StatusCode CodeOf(Reason reason) { return InfoOf(reason).code; }

absl::string_view ReasonName(Reason reason) { return InfoOf(reason).name; }

Reason ReasonFromName(absl::string_view name) {
  for (const ReasonInfo& info : kReasons) {
    if (name == info.name) return info.reason;
  }
  return Reason::kNone;
}

absl::Status MakeError(Reason reason, absl::string_view message,
                       ErrorMetadata metadata, absl::Duration retry_after) {
  absl::Status status(CodeOf(reason), message);
  std::string payload;
  AppendPart(&payload, std::to_string(static_cast<int>(reason)));
  AppendPart(&payload, std::to_string(absl::ToInt64Nanoseconds(retry_after)));
  for (const auto& [key, value] : metadata) {
    AppendPart(&payload, key);
    AppendPart(&payload, value);
  }
  // By view: the constructor from std::string&& has another name in clang than
  // in the GCC that built the distribution's Abseil.
  status.SetPayload(kPayloadUrl, absl::Cord(absl::string_view(payload)));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view expected) {
  return MakeError(
      Reason::kFieldInvalid, absl::StrCat(field, ": expected ", expected),
      {{"field", std::string(field)}, {"expected", std::string(expected)}});
}

Reason ReasonOf(const absl::Status& status) { return PayloadOf(status).reason; }

ErrorMetadata MetadataOf(const absl::Status& status) {
  return PayloadOf(status).metadata;
}

absl::Duration RetryAfterOf(const absl::Status& status) {
  return PayloadOf(status).retry_after;
}

}  // namespace valetkey
