#include "service/base/name.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

constexpr absl::string_view kApplications = "applications/";
constexpr absl::string_view kCatalog = "catalog/";
constexpr std::size_t kMaxIdSize = 63;

}  // namespace

bool IsValidId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxIdSize) return false;
  if (!absl::ascii_islower(static_cast<unsigned char>(id.front()))) {
    return false;
  }
  for (const char c : id) {
    const auto u = static_cast<unsigned char>(c);
    if (!absl::ascii_islower(u) && !absl::ascii_isdigit(u) && c != '-') {
      return false;
    }
  }
  return id.back() != '-';
}

absl::string_view ApplicationOf(absl::string_view name) {
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, kApplications)) return {};
  const absl::string_view id = rest.substr(0, rest.find('/'));
  if (!IsValidId(id)) return {};
  return name.substr(0, kApplications.size() + id.size());
}

absl::string_view IdOf(absl::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == absl::string_view::npos ? name : name.substr(slash + 1);
}

std::string ApplicationName(absl::string_view id) {
  return absl::StrCat(kApplications, id);
}

std::string ChildName(absl::string_view application,
                      absl::string_view collection, absl::string_view id) {
  return absl::StrCat(application, "/", collection, "/", id);
}

absl::Status CheckApplicationName(absl::string_view field,
                                  absl::string_view name) {
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, kApplications) && IsValidId(rest)) {
    return absl::OkStatus();
  }
  return InvalidField(field, "applications/{a}");
}

absl::Status CheckChildName(absl::string_view field,
                            absl::string_view collection,
                            absl::string_view name) {
  const absl::string_view application = ApplicationOf(name);
  absl::string_view rest = name.substr(application.size());
  if (!application.empty() && absl::ConsumePrefix(&rest, "/") &&
      absl::ConsumePrefix(&rest, collection) &&
      absl::ConsumePrefix(&rest, "/") && IsValidId(rest)) {
    return absl::OkStatus();
  }
  return InvalidField(field, absl::StrCat("applications/{a}/", collection, "/{",
                                          collection.substr(0, 1), "}"));
}

absl::Status CheckCatalogName(absl::string_view field, absl::string_view name) {
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, kCatalog) && IsValidId(rest)) {
    return absl::OkStatus();
  }
  return InvalidField(field, "catalog/{id}");
}

}  // namespace valetkey
