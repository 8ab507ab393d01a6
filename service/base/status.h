// Errors as ValetKey makes them: an absl::Status whose code is fixed by a
// Reason, with metadata for the caller and, where a retry helps, a delay.
//
//   if (connection.state == State::kRevoked) {
//     return MakeError(Reason::kConnectionRevoked,
//                      "the connection was revoked");
//   }
//
// A Status without a reason is a fault of our own: the RPC layer turns it into
// INTERNAL with a plain message and logs it whole. Messages are in lower case,
// without a final period and without any secret. All functions are
// thread-safe.

#ifndef VALETKEY_BASE_STATUS_H_
#define VALETKEY_BASE_STATUS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey {

// The same names, numbers and meaning as valetkey.v1.ErrorReason; a test of
// the RPC layer holds the two together.
enum class Reason {
  kNone = 0,
  kFieldInvalid = 1,
  kApiKeyMissing = 2,
  kApiKeyInvalid = 3,
  kRightMissing = 4,
  kApplicationNotFound = 5,
  kProviderNotFound = 6,
  kConnectionNotFound = 7,
  kKeyNotFound = 8,
  kCatalogEntryNotFound = 9,
  kTokenNotFound = 10,
  kResourceExists = 11,
  kResourceInUse = 12,
  kEtagMismatch = 13,
  kAuthorizationStateInvalid = 14,
  kIssuerMismatch = 15,
  kAuthorizationCodeRejected = 16,
  kConsentDenied = 17,
  kProviderClientRejected = 18,
  kProviderRequestRejected = 19,
  kScopeNotGranted = 20,
  kReauthorizationRequired = 21,
  kConnectionRevoked = 22,
  kRefreshUnsupported = 23,
  kMinLifetimeUnavailable = 24,
  kProviderUnavailable = 25,
  kProviderThrottled = 26,
  kProviderResponseInvalid = 27,
  kStoreUnavailable = 28,
  kServerShuttingDown = 29,
  kCursorExpired = 30,
  kCursorInvalid = 31,
  kWatchLagged = 32,
  kEncryptionKeyMissing = 33,
  kInternalFault = 34,
  kCallerInvalid = 35,
  kCallerDenied = 36,
  kCallerKeysUnavailable = 37,
};

// The last of them, for loops over all.
inline constexpr Reason kLastReason = Reason::kCallerKeysUnavailable;

using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// The gRPC code that goes with a reason.
absl::StatusCode CodeOf(Reason reason);

// "FIELD_INVALID" and so on; "" for kNone.
absl::string_view ReasonName(Reason reason);

// The inverse; kNone for a name that is not known.
Reason ReasonFromName(absl::string_view name);

// REQUIRES: reason != kNone. A retry_after above zero becomes RetryInfo.
absl::Status MakeError(Reason reason, absl::string_view message,
                       ErrorMetadata metadata = {},
                       absl::Duration retry_after = absl::ZeroDuration());

// A FIELD_INVALID that names the field and what is expected of it:
// "name: expected applications/{a}/connections/{c}".
absl::Status InvalidField(absl::string_view field, absl::string_view expected);

// The parts of an error made above; kNone, empty and zero for any other.
Reason ReasonOf(const absl::Status& status);
ErrorMetadata MetadataOf(const absl::Status& status);
absl::Duration RetryAfterOf(const absl::Status& status);

}  // namespace valetkey

#define VK_CONCAT_INNER_(a, b) a##b
#define VK_CONCAT_(a, b) VK_CONCAT_INNER_(a, b)

// Leave the function with the error, if it is one. The CO_ forms are for
// coroutines.
#define VK_RETURN_IF_ERROR(expr)                                               \
  do {                                                                         \
    if (absl::Status vk_status_ = (expr); !vk_status_.ok()) return vk_status_; \
  } while (false)
#define VK_CO_RETURN_IF_ERROR(expr)                         \
  do {                                                      \
    if (absl::Status vk_status_ = (expr); !vk_status_.ok()) \
      co_return vk_status_;                                 \
  } while (false)

#define VK_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr, ret) \
  auto tmp = (expr);                                   \
  if (!tmp.ok()) ret std::move(tmp).status();          \
  lhs = *std::move(tmp)

// VK_ASSIGN_OR_RETURN(auto x, F()); leaves the function if F() failed.
#define VK_ASSIGN_OR_RETURN(lhs, expr) \
  VK_ASSIGN_OR_RETURN_IMPL_(VK_CONCAT_(vk_or_, __LINE__), lhs, expr, return)
#define VK_CO_ASSIGN_OR_RETURN(lhs, expr) \
  VK_ASSIGN_OR_RETURN_IMPL_(VK_CONCAT_(vk_or_, __LINE__), lhs, expr, co_return)

#endif  // VALETKEY_BASE_STATUS_H_
