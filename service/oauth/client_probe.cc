// Is our client good? The client credentials grant (RFC 6749 section 4.4) as a
// question: its token is thrown away.

#include <utility>

#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

absl::StatusOr<HttpRequest> Build(const Definition& definition,
                                  const Client& client, absl::Time now) {
  const auto& token = definition.token();
  Variables variables{.definition = definition, .client = client, .now = now};
  Call call;
  VK_ASSIGN_OR_RETURN(call.url, ExpandUrl(token.url(), variables));
  variables.url = call.url;
  call.method = MethodName(token.method(), "POST");
  call.encoding = token.encoding();
  call.parameters = {{"grant_type", "client_credentials"}};
  VK_RETURN_IF_ERROR(
      Authenticate(definition.client_authentication(), variables, call));
  RenameParameters(token.renames(), call.parameters);
  OmitParameters(token.omitted_parameters(), call.parameters);
  VK_RETURN_IF_ERROR(AddParameters(definition.client_probe().parameters(),
                                   variables, call.parameters));
  VK_RETURN_IF_ERROR(AddHeaders(token.headers(), variables, call));
  return Finish(std::move(call));
}

}  // namespace

std::optional<HttpRequest> ClientProbeRequest(const Definition& definition,
                                              const Client& client,
                                              absl::Time now) {
  if (!definition.has_client_probe()) return std::nullopt;
  auto request = Build(definition, client, now);
  if (!request.ok()) return std::nullopt;
  return *std::move(request);
}

ClientProbe ParseClientProbe(const Definition& definition,
                             const HttpResponse& response) {
  const auto document = ReadBody(response, definition.response().allow_form());
  if (document &&
      IsSuccess(definition.response().success(), response, &*document)) {
    return ClientProbe::kAccepted;
  }
  const ProviderFailure failure =
      Classify(definition, std::nullopt, response,
               document ? &*document : nullptr, absl::InfinitePast(), {});
  switch (failure.kind) {
    case FailureClass::kClientRejected:
    case FailureClass::kAmbiguous:
    case FailureClass::kGrantDead:
      // There is no grant in this question: what is refused is the client.
      return ClientProbe::kRefused;
    default:
      return ClientProbe::kUnknown;
  }
}

}  // namespace valetkey::oauth
