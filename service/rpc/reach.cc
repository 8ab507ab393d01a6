#include "service/rpc/reach.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/name.h"

namespace valetkey::rpc {
namespace {

absl::Status CheckChild(const broker::Caller& caller, absl::string_view field,
                        absl::string_view collection, absl::string_view name,
                        Reason not_found) {
  VK_RETURN_IF_ERROR(CheckChildName(field, collection, name));
  if (!caller.Reaches(name)) return MakeError(not_found, "there is none");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckConnection(const broker::Caller& caller,
                             absl::string_view field, absl::string_view name) {
  return CheckChild(caller, field, "connections", name,
                    Reason::kConnectionNotFound);
}

absl::Status CheckProvider(const broker::Caller& caller,
                           absl::string_view field, absl::string_view name) {
  return CheckChild(caller, field, "providers", name,
                    Reason::kProviderNotFound);
}

absl::Status CheckKey(const broker::Caller& caller, absl::string_view field,
                      absl::string_view name) {
  return CheckChild(caller, field, "keys", name, Reason::kKeyNotFound);
}

absl::Status CheckApplication(const broker::Caller& caller,
                              absl::string_view field, absl::string_view name) {
  VK_RETURN_IF_ERROR(CheckApplicationName(field, name));
  if (!caller.Reaches(name)) {
    return MakeError(Reason::kApplicationNotFound, "there is none");
  }
  return absl::OkStatus();
}

Task<absl::Status> CheckParent(const CallContext& context, broker::Admin& admin,
                               std::string parent) {
  VK_CO_RETURN_IF_ERROR(CheckApplication(*context.caller, "parent", parent));
  if (!context.caller->IsSystem()) co_return absl::OkStatus();
  absl::StatusOr<store::Application> application =
      co_await admin.GetApplication(std::move(parent));
  co_return application.status();
}

absl::Status CheckFilter(absl::string_view parent, absl::string_view field,
                         absl::string_view collection, absl::string_view name) {
  if (name.empty()) return absl::OkStatus();
  VK_RETURN_IF_ERROR(CheckChildName(field, collection, name));
  if (ApplicationOf(name) != parent) {
    return InvalidField(field, absl::StrCat(parent, "/", collection, "/{",
                                            collection.substr(0, 1), "}"));
  }
  return absl::OkStatus();
}

}  // namespace valetkey::rpc
