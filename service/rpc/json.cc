#include "service/rpc/json.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"

namespace valetkey::rpc {
namespace {

constexpr int kMaxDepth = 32;

// Whether brackets nest too deeply, strings aside. The parser recurses.
bool TooDeep(absl::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

bool IsFieldPath(absl::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                      c == '[' || c == ']' || c == '-';
    if (!good) return false;
  }
  return true;
}

// The field that the parser complains of; "" if it does not say. Its messages
// are "(path) name: Cannot find field." and "(path): invalid value ...", or
// "invalid name x: ..." in some releases.
std::string FieldOf(absl::string_view message) {
  std::string path;
  absl::string_view rest = message;
  const std::size_t open = rest.find('(');
  if (open != absl::string_view::npos) {
    const std::size_t close = rest.find(')', open);
    if (close != absl::string_view::npos) {
      const absl::string_view inner = rest.substr(open + 1, close - open - 1);
      if (IsFieldPath(inner)) path = std::string(inner);
      rest = rest.substr(close + 1);
    }
  }
  const std::size_t unknown = rest.find(": Cannot find field");
  if (unknown != absl::string_view::npos) {
    absl::string_view name = rest.substr(0, unknown);
    const std::size_t space = name.rfind(' ');
    if (space != absl::string_view::npos) name = name.substr(space + 1);
    if (IsFieldPath(name)) {
      return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
    }
  }
  return path;
}

}  // namespace

absl::Status ParseJson(absl::string_view json,
                       google::protobuf::Message* message) {
  const std::string type = message->GetDescriptor()->full_name();
  if (TooDeep(json)) {
    return InvalidField("body", absl::StrCat("nesting of at most ", kMaxDepth));
  }
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  options.case_insensitive_enum_parsing = false;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message,
      options);
  if (status.ok()) return absl::OkStatus();
  const std::string text(status.message().data(), status.message().size());
  const std::string field = FieldOf(text);
  if (text.find("Cannot find field") != std::string::npos) {
    return InvalidField(field.empty() ? "body" : field,
                        absl::StrCat("only fields of ", type));
  }
  return InvalidField(field.empty() ? "body" : field,
                      absl::StrCat("JSON of a ", type));
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

}  // namespace valetkey::rpc
