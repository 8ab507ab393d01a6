#include "service/rpc/method.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey::rpc {
namespace {

absl::string_view RightName(std::uint32_t right) {
  switch (right) {
    case store::kReadMetadata:
      return "READ_METADATA";
    case store::kReadTokens:
      return "READ_TOKENS";
    case store::kConnect:
      return "CONNECT";
    case store::kRevoke:
      return "REVOKE";
    case store::kAdminister:
      return "ADMINISTER";
    default:
      return "";
  }
}

}  // namespace

absl::Status Access::Check(const broker::Caller& caller) const {
  if (kind_ == Kind::kPublic || kind_ == Kind::kAnyKey) {
    return absl::OkStatus();
  }
  if ((caller.rights & right_) == 0) {
    return MakeError(
        Reason::kRightMissing,
        absl::StrCat(caller.rule.empty() ? "the key" : "the caller's rule",
                     " lacks the right ", RightName(right_)),
        {{"right", std::string(RightName(right_))}});
  }
  if (kind_ == Kind::kSystem && !caller.IsSystem()) {
    return MakeError(
        Reason::kRightMissing,
        absl::StrCat("only a caller of ", broker::kSystemApplication,
                     " may do this"),
        {{"right", std::string(RightName(right_))},
         {"application", std::string(broker::kSystemApplication)}});
  }
  return absl::OkStatus();
}

void MethodTable::Add(Method method) {
  method.index = static_cast<int>(methods_.size());
  auto owned = std::make_unique<Method>(std::move(method));
  // Registering a name twice is a mistake in the program itself.
  if (!by_name_.emplace(owned->name, owned.get()).second) std::abort();
  methods_.push_back(std::move(owned));
}

const Method* MethodTable::Find(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::vector<std::string> MethodTable::services() const {
  std::vector<std::string> names;
  for (const auto& method : methods_) {
    const absl::string_view service = ServiceOf(method->name);
    if (std::find(names.begin(), names.end(), service) == names.end()) {
      names.emplace_back(service);
    }
  }
  return names;
}

absl::string_view ServiceOf(absl::string_view method_name) {
  if (!method_name.empty() && method_name[0] == '/') {
    method_name.remove_prefix(1);
  }
  return method_name.substr(0, method_name.find('/'));
}

}  // namespace valetkey::rpc
