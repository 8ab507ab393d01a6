#include "service/rpc/validate.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/name.h"
#include "service/base/status.h"

namespace valetkey::rpc {
namespace {

constexpr int kMaxMapEntries = 32;
constexpr int kMaxScopes = 256;
constexpr std::size_t kMaxScopeBytes = 256;
constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

// The bounds of google.protobuf.Duration and Timestamp.
constexpr std::int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr std::int64_t kMinTimeSeconds = -62'135'596'800;
constexpr std::int64_t kMaxTimeSeconds = 253'402'300'799;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;

// Code points of valid UTF-8.
int CountCharacters(absl::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool HasControl(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7F;
  });
}

bool IsScopeToken(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxScopeBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c >= 0x21 && c <= 0x7E && c != '"' && c != '\\';
         });
}

bool AllOf(absl::string_view text, absl::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           extra.find(c) != absl::string_view::npos;
  });
}

absl::Status CheckMapSize(absl::string_view field, const StringMap& map) {
  if (map.size() <= kMaxMapEntries) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("at most ", kMaxMapEntries, " entries"));
}

}  // namespace

absl::Status CheckText(absl::string_view field, absl::string_view value,
                       int max_characters) {
  if (CountCharacters(value) <= max_characters && !HasControl(value)) {
    return absl::OkStatus();
  }
  return InvalidField(field, absl::StrCat("at most ", max_characters,
                                          " characters, none of control"));
}

absl::Status CheckOpaque(absl::string_view field, absl::string_view value,
                         std::size_t max_bytes) {
  if (value.size() <= max_bytes &&
      value.find('\0') == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return InvalidField(field,
                      absl::StrCat("at most ", max_bytes, " bytes, no NUL"));
}

absl::Status CheckNotEmpty(absl::string_view field, absl::string_view value) {
  if (!value.empty()) return absl::OkStatus();
  return InvalidField(field, "a value");
}

absl::Status CheckNotNegative(absl::string_view field, std::int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return InvalidField(field, "0 or more");
}

absl::Status CheckId(absl::string_view field, absl::string_view value) {
  if (IsValidId(value)) return absl::OkStatus();
  return InvalidField(field,
                      "1 to 63 characters [a-z0-9-], a letter first, no "
                      "hyphen at the end");
}

absl::Status CheckTokenName(absl::string_view field, absl::string_view value) {
  if (value.size() <= 63 && AllOf(value, "_-")) return absl::OkStatus();
  return InvalidField(field, "at most 63 characters [a-z0-9_-]");
}

absl::Status CheckScopes(absl::string_view field, const StringList& scopes) {
  if (scopes.size() > kMaxScopes) {
    return InvalidField(field, absl::StrCat("at most ", kMaxScopes, " scopes"));
  }
  for (int i = 0; i < scopes.size(); ++i) {
    if (!IsScopeToken(scopes[i])) {
      return InvalidField(
          ListPath(field, i),
          "1 to 256 printable ASCII characters but space, \" and \\");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLabelMap(absl::string_view field, const StringMap& labels) {
  VK_RETURN_IF_ERROR(CheckMapSize(field, labels));
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > 63 || !AllOf(key, "_.-/")) {
      return InvalidField(MapPath(field, key),
                          "a key of 1 to 63 characters [a-z0-9_.-/]");
    }
    VK_RETURN_IF_ERROR(CheckOpaque(MapPath(field, key), value, 255));
  }
  return absl::OkStatus();
}

absl::Status CheckParameters(absl::string_view field,
                             const StringMap& parameters) {
  VK_RETURN_IF_ERROR(CheckMapSize(field, parameters));
  for (const auto& [key, value] : parameters) {
    const bool printable = std::all_of(
        key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    if (key.empty() || key.size() > 128 || !printable) {
      return InvalidField(MapPath(field, key),
                          "a key of 1 to 128 printable ASCII characters");
    }
    VK_RETURN_IF_ERROR(CheckOpaque(MapPath(field, key), value, 4096));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> CheckedDuration(
    absl::string_view field, const google::protobuf::Duration& value) {
  if (value.seconds() < 0 || value.seconds() > kMaxDurationSeconds ||
      value.nanos() < 0 || value.nanos() >= kNanosPerSecond) {
    return InvalidField(field, "a duration of 0 to 10,000 years");
  }
  return absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
}

absl::StatusOr<absl::Time> CheckedTime(
    absl::string_view field, const google::protobuf::Timestamp& value) {
  if (value.seconds() < kMinTimeSeconds || value.seconds() > kMaxTimeSeconds ||
      value.nanos() < 0 || value.nanos() >= kNanosPerSecond) {
    return InvalidField(field, "a time of the years 1 to 9999");
  }
  return absl::FromUnixSeconds(value.seconds()) +
         absl::Nanoseconds(value.nanos());
}

absl::StatusOr<int> CheckedPageSize(std::int32_t page_size) {
  if (page_size < 0) return InvalidField("page_size", "0 to 1000");
  if (page_size == 0) return kDefaultPageSize;
  return std::min<int>(page_size, kMaxPageSize);
}

absl::Status CheckEtag(absl::string_view field, absl::string_view etag) {
  return CheckText(field, etag, 64);
}

absl::Status CheckMask(const google::protobuf::FieldMask& mask,
                       const std::vector<absl::string_view>& allowed,
                       bool required) {
  const std::string expected =
      absl::StrCat("paths of: ", absl::StrJoin(allowed, ", "));
  if (required && mask.paths().empty()) {
    return InvalidField("update_mask", expected);
  }
  for (int i = 0; i < mask.paths_size(); ++i) {
    const absl::string_view path = mask.paths(i);
    if (std::find(allowed.begin(), allowed.end(), path) == allowed.end()) {
      return InvalidField(ListPath("update_mask.paths", i), expected);
    }
  }
  return absl::OkStatus();
}

bool MaskHas(const google::protobuf::FieldMask& mask, absl::string_view path) {
  return std::find(mask.paths().begin(), mask.paths().end(), path) !=
         mask.paths().end();
}

std::string MapPath(absl::string_view field, absl::string_view key) {
  // A key is rubbish of any length here.
  return absl::StrCat(field, "[\"", absl::Utf8SafeCEscape(key.substr(0, 64)),
                      "\"]");
}

std::string ListPath(absl::string_view field, int index) {
  return absl::StrCat(field, "[", index, "]");
}

std::map<std::string, std::string> ToMap(const StringMap& map) {
  return {map.begin(), map.end()};
}

std::vector<std::string> ToVector(const StringList& list) {
  return {list.begin(), list.end()};
}

}  // namespace valetkey::rpc
