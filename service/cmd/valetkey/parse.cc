#include "service/cmd/valetkey/parse.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace valetkey::cli {
namespace {

absl::Status Wrong(absl::string_view message) {
  return absl::InvalidArgumentError(message);
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const absl::Status wrong = Wrong(
      absl::StrCat("'", text, "' is no duration: expected 90s, 5m, 2h or 30d"));
  absl::Duration duration;
  std::int64_t count = 0;
  absl::string_view days = text;
  if (absl::SimpleAtoi(text, &count)) {
    duration = absl::Seconds(count);
  } else if (absl::ConsumeSuffix(&days, "d")) {
    if (!absl::SimpleAtoi(days, &count)) return wrong;
    duration = absl::Hours(24) * count;
  } else if (!absl::ParseDuration(text, &duration)) {
    return wrong;
  }
  if (duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return wrong;
  }
  return duration;
}

absl::StatusOr<std::map<std::string, std::string>> ParsePairs(
    const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> result;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Wrong(absl::StrCat("'", pair, "': expected KEY=VALUE"));
    }
    if (!result.emplace(pair.substr(0, equals), pair.substr(equals + 1))
             .second) {
      return Wrong(
          absl::StrCat("'", pair.substr(0, equals), "' is given twice"));
    }
  }
  return result;
}

absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor& type,
                              absl::string_view prefix,
                              absl::string_view text) {
  const std::string plain =
      absl::StrReplaceAll(absl::AsciiStrToUpper(text), {{"-", "_"}});
  const std::string full =
      absl::StartsWith(plain, prefix) ? plain : absl::StrCat(prefix, plain);
  const auto* value = type.FindValueByName(full);
  if (value != nullptr && value->number() != 0) return value->number();
  std::vector<std::string> known;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == 0) continue;
    known.push_back(absl::AsciiStrToLower(
        absl::StripPrefix(absl::string_view(type.value(i)->name().data(),
                                            type.value(i)->name().size()),
                          prefix)));
  }
  return Wrong(absl::StrCat("'", text, "': expected one of ",
                            absl::StrJoin(known, ", ")));
}

absl::StatusOr<std::string> ExpandName(absl::string_view application,
                                       absl::string_view collection,
                                       absl::string_view text) {
  if (text.empty()) return Wrong("the name is empty");
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts[0] == "applications") return std::string(text);
  absl::string_view id = parts.back();
  if (parts.size() == 2 && parts[0] != collection) {
    application = parts[0];
  } else if (parts.size() > 2) {
    return Wrong(absl::StrCat("'", text, "' is no name: expected applications/",
                              "{application}/", collection, "/{id}"));
  }
  if (application.empty()) {
    return Wrong(absl::StrCat("whose '", text,
                              "'? name the application by --application or "
                              "VALETKEY_APPLICATION"));
  }
  return absl::StrCat(ExpandTopName("applications", application), "/",
                      collection, "/", id);
}

std::string ExpandTopName(absl::string_view collection,
                          absl::string_view text) {
  if (absl::StartsWith(text, absl::StrCat(collection, "/"))) {
    return std::string(text);
  }
  return absl::StrCat(collection, "/", text);
}

bool IsLocalAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:") ||
      absl::StartsWith(address, "unix-abstract:")) {
    return true;
  }
  for (absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&address, scheme)) break;
  }
  absl::string_view host = address;
  if (absl::ConsumePrefix(&host, "[")) {
    host = host.substr(0, host.find(']'));
    return host == "::1";
  }
  host = host.substr(0, host.rfind(':'));
  if (host == "localhost") return true;
  // 127.0.0.0/8, and not a host name such as "127.example.com".
  const std::vector<absl::string_view> octets = absl::StrSplit(host, '.');
  if (octets.size() != 4 || octets[0] != "127") return false;
  for (absl::string_view octet : octets) {
    int value = 0;
    if (!absl::SimpleAtoi(octet, &value)) return false;
  }
  return true;
}

}  // namespace valetkey::cli
