#include "src/names.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "src/status.h"

namespace valetkey::client::internal {

absl::StatusOr<std::string> ExpandTop(absl::string_view collection,
                                      absl::string_view text) {
  if (text.empty() || absl::StartsWith(text, absl::StrCat(collection, "/"))) {
    return std::string(text);
  }
  if (absl::StrContains(text, '/')) {
    return ConfigError(absl::StrCat("\"", text, "\" is neither an id nor ",
                                    collection, "/{id}"));
  }
  return absl::StrCat(collection, "/", text);
}

absl::StatusOr<std::string> Expand(absl::string_view application,
                                   absl::string_view collection,
                                   absl::string_view text) {
  if (text.empty() || absl::StartsWith(text, "applications/")) {
    return std::string(text);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() > 2) {
    return ConfigError(
        absl::StrCat("\"", text, "\" is none of {id}, {application}/{id}, ",
                     "applications/{application}/", collection, "/{id}"));
  }
  if (parts.size() == 2) {
    return absl::StrCat("applications/", parts[0], "/", collection, "/",
                        parts[1]);
  }
  if (application.empty()) {
    return ConfigError(absl::StrCat("\"", text,
                                    "\" is a short name, and no application is "
                                    "set (VALETKEY_APPLICATION)"));
  }
  return absl::StrCat(application, "/", collection, "/", text);
}

std::string ApplicationOf(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() < 2 || parts[0] != "applications") return "";
  return absl::StrCat(parts[0], "/", parts[1]);
}

}  // namespace valetkey::client::internal
