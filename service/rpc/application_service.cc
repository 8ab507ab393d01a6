#include "service/rpc/application_service.h"

#include <optional>
#include <string>
#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/rpc/convert.h"
#include "service/rpc/page_token.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"

namespace valetkey::rpc {
namespace {

absl::StatusOr<std::uint32_t> CheckedRights(
    const google::protobuf::RepeatedField<int>& rights) {
  if (rights.empty()) return InvalidField("rights", "at least one right");
  std::uint32_t bits = 0;
  for (int i = 0; i < rights.size(); ++i) {
    const int right = rights[i];
    if (!v1::Right_IsValid(right) || right == v1::RIGHT_UNSPECIFIED) {
      return InvalidField(ListPath("rights", i), "a Right");
    }
    bits |= 1u << (right - 1);
  }
  return bits;
}

}  // namespace

void ApplicationService::Register(MethodTable& methods) {
  using S = ApplicationService;
  const std::string service = "/valetkey.v1.ApplicationService/";
  const Access read = Access::Right(store::kReadMetadata);
  const Access administer = Access::Right(store::kAdminister);
  const Access system = Access::SystemRight(store::kAdminister);
  methods.Add(Unary(service + "CreateApplication", system, this,
                    &S::CreateApplication));
  methods.Add(
      Unary(service + "GetApplication", read, this, &S::GetApplication));
  methods.Add(
      Unary(service + "ListApplications", read, this, &S::ListApplications));
  methods.Add(Unary(service + "UpdateApplication", administer, this,
                    &S::UpdateApplication));
  methods.Add(Unary(service + "DeleteApplication", system, this,
                    &S::DeleteApplication));
  methods.Add(Unary(service + "CreateKey", administer, this, &S::CreateKey));
  methods.Add(Unary(service + "ListKeys", administer, this, &S::ListKeys));
  methods.Add(Unary(service + "RevokeKey", administer, this, &S::RevokeKey));
}

Task<absl::StatusOr<v1::CreateApplicationResponse>>
ApplicationService::CreateApplication(
    const CallContext&, const v1::CreateApplicationRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckId("application_id", request.application_id()));
  broker::ApplicationChange settings;
  settings.display_name = request.application().display_name();
  settings.return_uris = ToVector(request.application().return_uris());
  VK_CO_ASSIGN_OR_RETURN(const store::Application application,
                         co_await admin_.CreateApplication(
                             request.application_id(), std::move(settings)));
  v1::CreateApplicationResponse response;
  FillApplication(application, response.mutable_application());
  co_return response;
}

Task<absl::StatusOr<v1::GetApplicationResponse>>
ApplicationService::GetApplication(const CallContext& context,
                                   const v1::GetApplicationRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "name", request.name()));
  VK_CO_ASSIGN_OR_RETURN(const store::Application application,
                         co_await admin_.GetApplication(request.name()));
  v1::GetApplicationResponse response;
  FillApplication(application, response.mutable_application());
  co_return response;
}

Task<absl::StatusOr<v1::ListApplicationsResponse>>
ApplicationService::ListApplications(
    const CallContext& context, const v1::ListApplicationsRequest& request) {
  const std::string filters = "ListApplications " + context.caller->application;
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  VK_CO_ASSIGN_OR_RETURN(std::string after,
                         DecodePageToken(request.page_token(), filters));
  v1::ListApplicationsResponse response;
  if (!context.caller->IsSystem()) {
    VK_CO_ASSIGN_OR_RETURN(
        const store::Application application,
        co_await admin_.GetApplication(context.caller->application));
    FillApplication(application, response.add_applications());
    co_return response;
  }
  VK_CO_ASSIGN_OR_RETURN(
      const store::Page<store::Application> page,
      co_await admin_.ListApplications(std::move(after), page_size));
  for (const store::Application& application : page.items) {
    FillApplication(application, response.add_applications());
  }
  response.set_next_page_token(EncodePageToken(page.next, filters));
  co_return response;
}

Task<absl::StatusOr<v1::UpdateApplicationResponse>>
ApplicationService::UpdateApplication(
    const CallContext& context, const v1::UpdateApplicationRequest& request) {
  const v1::Application& given = request.application();
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "application.name", given.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("application.etag", given.etag()));
  VK_CO_RETURN_IF_ERROR(CheckMask(request.update_mask(),
                                  {"display_name", "return_uris"},
                                  /*required=*/true));
  broker::ApplicationChange change;
  if (MaskHas(request.update_mask(), "display_name")) {
    change.display_name = given.display_name();
  }
  if (MaskHas(request.update_mask(), "return_uris")) {
    change.return_uris = ToVector(given.return_uris());
  }
  VK_CO_ASSIGN_OR_RETURN(const store::Application application,
                         co_await admin_.UpdateApplication(
                             given.name(), given.etag(), std::move(change)));
  v1::UpdateApplicationResponse response;
  FillApplication(application, response.mutable_application());
  co_return response;
}

Task<absl::StatusOr<v1::DeleteApplicationResponse>>
ApplicationService::DeleteApplication(
    const CallContext& context, const v1::DeleteApplicationRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  VK_CO_RETURN_IF_ERROR(
      co_await admin_.DeleteApplication(request.name(), request.etag()));
  co_return v1::DeleteApplicationResponse();
}

Task<absl::StatusOr<v1::CreateKeyResponse>> ApplicationService::CreateKey(
    const CallContext& context, const v1::CreateKeyRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  VK_CO_ASSIGN_OR_RETURN(const std::uint32_t rights,
                         CheckedRights(request.rights()));
  std::optional<absl::Time> expire_time;
  if (request.has_expire_time()) {
    VK_CO_ASSIGN_OR_RETURN(expire_time,
                           CheckedTime("expire_time", request.expire_time()));
  }
  VK_CO_ASSIGN_OR_RETURN(
      const broker::NewKey made,
      co_await admin_.CreateKey(request.parent(), request.display_name(),
                                rights, expire_time));
  v1::CreateKeyResponse response;
  FillKey(made.key, response.mutable_key());
  const absl::string_view secret = made.secret.Reveal();
  response.set_secret(secret.data(), secret.size());
  co_return response;
}

Task<absl::StatusOr<v1::ListKeysResponse>> ApplicationService::ListKeys(
    const CallContext& context, const v1::ListKeysRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckApplication(*context.caller, "parent", request.parent()));
  const std::string filters = "ListKeys " + request.parent();
  VK_CO_ASSIGN_OR_RETURN(const int page_size,
                         CheckedPageSize(request.page_size()));
  VK_CO_ASSIGN_OR_RETURN(std::string after,
                         DecodePageToken(request.page_token(), filters));
  VK_CO_RETURN_IF_ERROR(
      co_await CheckParent(context, admin_, request.parent()));
  VK_CO_ASSIGN_OR_RETURN(
      const store::Page<store::ApiKey> page,
      co_await admin_.ListKeys(request.parent(), std::move(after), page_size));
  v1::ListKeysResponse response;
  for (const store::ApiKey& key : page.items) {
    FillKey(key, response.add_keys());
  }
  response.set_next_page_token(EncodePageToken(page.next, filters));
  co_return response;
}

Task<absl::StatusOr<v1::RevokeKeyResponse>> ApplicationService::RevokeKey(
    const CallContext& context, const v1::RevokeKeyRequest& request) {
  VK_CO_RETURN_IF_ERROR(CheckKey(*context.caller, "name", request.name()));
  VK_CO_ASSIGN_OR_RETURN(const store::ApiKey key,
                         co_await admin_.RevokeKey(request.name()));
  v1::RevokeKeyResponse response;
  FillKey(key, response.mutable_key());
  co_return response;
}

}  // namespace valetkey::rpc
