// What people type, turned into what the contract takes: durations, key=value
// pairs, names given short, enum values without their prefix. Pure functions;
// an error is a sentence for the person who typed.

#ifndef VALETKEY_CMD_VALETKEY_PARSE_H_
#define VALETKEY_CMD_VALETKEY_PARSE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"

namespace valetkey::cli {

// "90s", "5m", "1h30m", "90d"; a bare number is seconds. Above zero.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// {"a=1", "b=x=y"} to {a: "1", b: "x=y"}. A key may not be empty or given
// twice; a value may be empty.
absl::StatusOr<std::map<std::string, std::string>> ParsePairs(
    const std::vector<std::string>& pairs);

// "read_tokens", "read-tokens" and "RIGHT_READ_TOKENS" to the number of
// RIGHT_READ_TOKENS, given the prefix "RIGHT_". The zero value is refused; the
// error lists what there is.
absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor& type,
                              absl::string_view prefix, absl::string_view text);

// A full resource name from a short one:
//   "c-7"                               -> applications/{app}/connections/c-7
//   "shop/c-7"                          -> applications/shop/connections/c-7
//   "connections/c-7"                   -> applications/{app}/connections/c-7
//   "applications/shop/connections/c-7" -> itself
// `application` is an id or "applications/{id}"; it may be empty where the
// text says it. The server judges the ids themselves.
absl::StatusOr<std::string> ExpandName(absl::string_view application,
                                       absl::string_view collection,
                                       absl::string_view text);

// "shop" and "applications/shop" to "applications/shop"; the same for
// "catalog".
std::string ExpandTopName(absl::string_view collection, absl::string_view text);

// Whether a gRPC address stays on this machine: a Unix socket or loopback.
bool IsLocalAddress(absl::string_view address);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_PARSE_H_
