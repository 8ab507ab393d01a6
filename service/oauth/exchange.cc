// The code for tokens (RFC 6749 section 4.1.3; PKCE: RFC 7636 section 4.5).

#include "service/base/status.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {

absl::StatusOr<HttpRequest> ExchangeRequest(
    const Definition& definition, const Client& client,
    const ExchangeParameters& parameters, absl::Time now) {
  const auto& endpoint = definition.token();
  Variables variables{.definition = definition,
                      .client = client,
                      .now = now,
                      .callback = &parameters.callback,
                      .code = parameters.code,
                      .state = parameters.state,
                      .redirect_uri = parameters.redirect_uri};
  Call call;
  VK_ASSIGN_OR_RETURN(call.url, ExpandUrl(endpoint.url(), variables));
  variables.url = call.url;
  call.method = MethodName(endpoint.method(), "POST");
  call.encoding = endpoint.encoding();
  call.parameters = {{"grant_type", "authorization_code"},
                     {"code", parameters.code},
                     {"redirect_uri", parameters.redirect_uri}};
  if (!parameters.verifier.empty()) {
    call.parameters.emplace_back("code_verifier",
                                 std::string(parameters.verifier.Reveal()));
  }
  VK_RETURN_IF_ERROR(
      Authenticate(definition.client_authentication(), variables, call));
  RenameParameters(endpoint.renames(), call.parameters);
  OmitParameters(endpoint.omitted_parameters(), call.parameters);
  VK_RETURN_IF_ERROR(
      AddParameters(endpoint.parameters(), variables, call.parameters));
  VK_RETURN_IF_ERROR(AddHeaders(endpoint.headers(), variables, call));
  return Finish(std::move(call));
}

}  // namespace valetkey::oauth
