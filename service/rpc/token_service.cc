#include "service/rpc/token_service.h"

#include <string>
#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/rpc/convert.h"
#include "service/rpc/reach.h"
#include "service/rpc/validate.h"

namespace valetkey::rpc {
namespace {

constexpr int kMaxSubject = 256;

absl::StatusOr<broker::AuthorizeParameters> Checked(
    const broker::Caller& caller, const v1::AuthorizeRequest& request) {
  VK_RETURN_IF_ERROR(CheckProvider(caller, "provider", request.provider()));
  VK_RETURN_IF_ERROR(CheckText("subject", request.subject(), kMaxSubject));
  VK_RETURN_IF_ERROR(CheckScopes("scopes", request.scopes()));
  if (!request.connection().empty()) {
    VK_RETURN_IF_ERROR(
        CheckConnection(caller, "connection", request.connection()));
    if (ApplicationOf(request.connection()) !=
        ApplicationOf(request.provider())) {
      return InvalidField("connection",
                          "a connection of the provider's application");
    }
  } else if (request.subject().empty()) {
    return InvalidField("subject", "1 to 256 characters");
  }
  VK_RETURN_IF_ERROR(CheckOpaque("return_uri", request.return_uri(), 2048));
  VK_RETURN_IF_ERROR(
      CheckParameters("extra_parameters", request.extra_parameters()));
  VK_RETURN_IF_ERROR(CheckLabelMap("labels", request.labels()));
  VK_RETURN_IF_ERROR(CheckParameters("inputs", request.inputs()));
  broker::AuthorizeParameters parameters;
  parameters.provider = request.provider();
  parameters.subject = request.subject();
  parameters.scopes = ToVector(request.scopes());
  parameters.connection = request.connection();
  parameters.return_uri = request.return_uri();
  parameters.extra_parameters = ToMap(request.extra_parameters());
  parameters.labels = ToMap(request.labels());
  parameters.inputs = ToMap(request.inputs());
  return parameters;
}

absl::StatusOr<broker::ExchangeParameters> Checked(
    const v1::ExchangeRequest& request) {
  VK_RETURN_IF_ERROR(CheckNotEmpty("state", request.state()));
  VK_RETURN_IF_ERROR(CheckOpaque("state", request.state(), 1024));
  VK_RETURN_IF_ERROR(CheckOpaque("error", request.error(), 256));
  if (request.error().empty()) {
    VK_RETURN_IF_ERROR(CheckNotEmpty("code", request.code()));
  }
  VK_RETURN_IF_ERROR(CheckOpaque("code", request.code(), 8192));
  VK_RETURN_IF_ERROR(CheckOpaque("issuer", request.issuer(), 2048));
  VK_RETURN_IF_ERROR(
      CheckOpaque("error_description", request.error_description(), 4096));
  VK_RETURN_IF_ERROR(
      CheckParameters("callback_parameters", request.callback_parameters()));
  broker::ExchangeParameters parameters;
  parameters.state = request.state();
  parameters.code = request.code();
  parameters.issuer = request.issuer();
  parameters.error = request.error();
  parameters.error_description = request.error_description();
  parameters.callback_parameters = ToMap(request.callback_parameters());
  return parameters;
}

absl::Status Check(const broker::Caller& caller,
                   const v1::GetTokenRequest& request,
                   broker::GetTokenParameters* parameters) {
  VK_RETURN_IF_ERROR(CheckConnection(caller, "name", request.name()));
  VK_RETURN_IF_ERROR(CheckScopes("required_scopes", request.required_scopes()));
  if (request.has_min_lifetime()) {
    absl::StatusOr<absl::Duration> min_lifetime =
        CheckedDuration("min_lifetime", request.min_lifetime());
    if (!min_lifetime.ok()) return min_lifetime.status();
    parameters->min_lifetime = *min_lifetime;
  }
  VK_RETURN_IF_ERROR(
      CheckNotNegative("min_generation", request.min_generation()));
  VK_RETURN_IF_ERROR(
      CheckNotNegative("rejected_generation", request.rejected_generation()));
  VK_RETURN_IF_ERROR(CheckTokenName("token", request.token()));
  parameters->name = request.name();
  parameters->token = request.token();
  parameters->required_scopes = ToVector(request.required_scopes());
  parameters->min_generation = request.min_generation();
  parameters->rejected_generation = request.rejected_generation();
  return absl::OkStatus();
}

}  // namespace

void TokenService::Register(MethodTable& methods) {
  const std::string service = "/valetkey.v1.TokenService/";
  methods.Add(Unary(service + "Authorize", Access::Right(store::kConnect), this,
                    &TokenService::Authorize));
  methods.Add(Unary(service + "Exchange", Access::Right(store::kConnect), this,
                    &TokenService::Exchange));
  methods.Add(Unary(service + "GetToken", Access::Right(store::kReadTokens),
                    this, &TokenService::GetToken, &TokenService::TryGetToken));
  methods.Add(Unary(service + "Refresh", Access::Right(store::kReadTokens),
                    this, &TokenService::Refresh));
  methods.Add(Unary(service + "Revoke", Access::Right(store::kRevoke), this,
                    &TokenService::Revoke));
}

Task<absl::StatusOr<v1::AuthorizeResponse>> TokenService::Authorize(
    const CallContext& context, const v1::AuthorizeRequest& request) {
  VK_CO_ASSIGN_OR_RETURN(broker::AuthorizeParameters parameters,
                         Checked(*context.caller, request));
  VK_CO_ASSIGN_OR_RETURN(broker::AuthorizeResult result,
                         co_await broker_.Authorize(std::move(parameters)));
  v1::AuthorizeResponse response;
  response.set_authorization_uri(result.authorization_uri);
  response.set_state(result.state);
  FillTime(result.expire_time, response.mutable_expire_time());
  response.set_connection(result.connection);
  response.set_connect_uri(result.connect_uri);
  co_return response;
}

Task<absl::StatusOr<v1::ExchangeResponse>> TokenService::Exchange(
    const CallContext& context, const v1::ExchangeRequest& request) {
  VK_CO_ASSIGN_OR_RETURN(broker::ExchangeParameters parameters,
                         Checked(request));
  std::string application =
      context.caller->IsSystem() ? "" : context.caller->application;
  VK_CO_ASSIGN_OR_RETURN(
      broker::ExchangeResult result,
      co_await broker_.Exchange(std::move(application), std::move(parameters)));
  v1::ExchangeResponse response;
  response.set_connection(result.connection);
  response.mutable_scopes()->Add(result.scopes.begin(), result.scopes.end());
  response.mutable_missing_scopes()->Add(result.missing_scopes.begin(),
                                         result.missing_scopes.end());
  response.set_generation(result.generation);
  co_return response;
}

std::optional<absl::Status> TokenService::TryGetToken(
    const broker::Caller& caller, const v1::GetTokenRequest& request,
    v1::GetTokenResponse* response) {
  broker::GetTokenParameters parameters;
  VK_RETURN_IF_ERROR(Check(caller, request, &parameters));
  std::optional<absl::StatusOr<broker::TokenView>> view =
      broker_.TryGetToken(parameters);
  if (!view.has_value()) return std::nullopt;
  if (!view->ok()) return std::move(*view).status();
  FillToken(**view, response->mutable_token());
  return absl::OkStatus();
}

Task<absl::StatusOr<v1::GetTokenResponse>> TokenService::GetToken(
    const CallContext& context, const v1::GetTokenRequest& request) {
  broker::GetTokenParameters parameters;
  VK_CO_RETURN_IF_ERROR(Check(*context.caller, request, &parameters));
  VK_CO_ASSIGN_OR_RETURN(
      broker::TokenView view,
      co_await broker_.GetToken(std::move(parameters), context.deadline));
  v1::GetTokenResponse response;
  FillToken(view, response.mutable_token());
  co_return response;
}

Task<absl::StatusOr<v1::RefreshResponse>> TokenService::Refresh(
    const CallContext& context, const v1::RefreshRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckConnection(*context.caller, "name", request.name()));
  VK_CO_RETURN_IF_ERROR(CheckNotNegative("generation", request.generation()));
  VK_CO_RETURN_IF_ERROR(CheckTokenName("token", request.token()));
  broker::RefreshParameters parameters;
  parameters.name = request.name();
  parameters.token = request.token();
  parameters.generation = request.generation();
  VK_CO_ASSIGN_OR_RETURN(
      broker::TokenView view,
      co_await broker_.Refresh(std::move(parameters), context.deadline));
  v1::RefreshResponse response;
  FillToken(view, response.mutable_token());
  co_return response;
}

Task<absl::StatusOr<v1::RevokeResponse>> TokenService::Revoke(
    const CallContext& context, const v1::RevokeRequest& request) {
  VK_CO_RETURN_IF_ERROR(
      CheckConnection(*context.caller, "name", request.name()));
  VK_CO_ASSIGN_OR_RETURN(broker::RevokeResult result,
                         co_await broker_.Revoke(request.name()));
  v1::RevokeResponse response;
  for (const store::RevocationItem& item : result.items) {
    v1::TokenRevocation* out = response.add_tokens();
    out->set_kind(static_cast<v1::TokenKind>(item.kind));
    out->set_token(item.token);
    out->set_result(static_cast<v1::RevocationResult>(item.result));
    out->set_detail(item.detail);
  }
  response.set_copy_destroyed(result.copy_destroyed);
  co_return response;
}

}  // namespace valetkey::rpc
