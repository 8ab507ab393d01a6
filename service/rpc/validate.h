// Checks of requests' fields. Each returns FIELD_INVALID that names the field
// by its path, such as `labels["x y"]`, and says what is expected. Pure
// functions.
//
// Protobuf has checked already that strings are UTF-8.

#ifndef VALETKEY_RPC_VALIDATE_H_
#define VALETKEY_RPC_VALIDATE_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/map.h>
#include <google/protobuf/repeated_field.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey::rpc {

using StringList = google::protobuf::RepeatedPtrField<std::string>;
using StringMap = google::protobuf::Map<std::string, std::string>;

// At most so many characters (Unicode code points), none of them a control
// character.
absl::Status CheckText(absl::string_view field, absl::string_view value,
                       int max_characters);
// At most so many bytes, for what goes to a provider as it is; no NUL.
absl::Status CheckOpaque(absl::string_view field, absl::string_view value,
                         std::size_t max_bytes);
absl::Status CheckNotEmpty(absl::string_view field, absl::string_view value);
absl::Status CheckNotNegative(absl::string_view field, std::int64_t value);
// An id as a user may choose it.
absl::Status CheckId(absl::string_view field, absl::string_view value);

// The name of one of a grant's tokens: "" or 1 to 63 of [a-z0-9_-].
absl::Status CheckTokenName(absl::string_view field, absl::string_view value);

// At most 256 scope-tokens (RFC 6749 section 3.3) of at most 256 bytes.
absl::Status CheckScopes(absl::string_view field, const StringList& scopes);

// At most 32; keys of 1 to 63 characters [a-z0-9_.-/], values of at most 255
// characters.
absl::Status CheckLabelMap(absl::string_view field, const StringMap& labels);
// Parameters and inputs: at most 32; keys of 1 to 128 printable ASCII
// characters, values of at most 4096 bytes.
absl::Status CheckParameters(absl::string_view field,
                             const StringMap& parameters);

// Within the range of the message types, nanoseconds too; a duration is not
// negative.
absl::StatusOr<absl::Duration> CheckedDuration(
    absl::string_view field, const google::protobuf::Duration& value);
absl::StatusOr<absl::Time> CheckedTime(
    absl::string_view field, const google::protobuf::Timestamp& value);

// 0 is 100; more than 1000 is 1000; negative is an error.
absl::StatusOr<int> CheckedPageSize(std::int32_t page_size);

// An etag as it may have been given out, or "".
absl::Status CheckEtag(absl::string_view field, absl::string_view etag);

// Every path is one of `allowed`; with `required`, there is at least one.
absl::Status CheckMask(const google::protobuf::FieldMask& mask,
                       const std::vector<absl::string_view>& allowed,
                       bool required);
bool MaskHas(const google::protobuf::FieldMask& mask, absl::string_view path);

// "labels[\"a\"]".
std::string MapPath(absl::string_view field, absl::string_view key);
// "rights[2]".
std::string ListPath(absl::string_view field, int index);

std::map<std::string, std::string> ToMap(const StringMap& map);
std::vector<std::string> ToVector(const StringList& list);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_VALIDATE_H_
