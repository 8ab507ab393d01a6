// The refresh (RFC 6749 section 6) and its deviations.

#include "absl/strings/str_join.h"
#include "service/base/status.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

// Renames and omissions name our parameters: what one of them renamed is out
// of the other's reach, so the omissions come last, under either name.
void Shape(const TokenEndpoint& token, const Refresh& refresh,
           QueryParameters& parameters) {
  RenameList renames = refresh.renames();
  renames.MergeFrom(token.renames());
  RenameParameters(renames, parameters);
  OmitParameters(token.omitted_parameters(), parameters);
  OmitParameters(refresh.omitted_parameters(), parameters);
}

}  // namespace

RefreshKind RefreshKindOf(const Definition& definition,
                          bool has_refresh_token) {
  switch (definition.refresh().kind()) {
    case REFRESH_KIND_NONE:
      return RefreshKind::kNone;
    case REFRESH_KIND_ACCESS_TOKEN:
      return RefreshKind::kAccessToken;
    case REFRESH_KIND_EXTEND:
      return has_refresh_token ? RefreshKind::kExtend : RefreshKind::kNone;
    default:
      return has_refresh_token ? RefreshKind::kRefreshToken
                               : RefreshKind::kNone;
  }
}

absl::StatusOr<HttpRequest> RefreshRequest(const Definition& definition,
                                           const Client& client,
                                           const RefreshParameters& parameters,
                                           absl::Time now) {
  const TokenEndpoint& token = definition.token();
  const Refresh& refresh = definition.refresh();
  const RefreshKind kind =
      RefreshKindOf(definition, !parameters.refresh_token.empty());
  if (kind == RefreshKind::kNone) {
    return MakeError(Reason::kRefreshUnsupported,
                     "the provider gives no way to refresh this token");
  }
  Variables variables{.definition = definition,
                      .client = client,
                      .now = now,
                      .redirect_uri = parameters.redirect_uri,
                      .access_token = parameters.access_token.Reveal(),
                      .refresh_token = parameters.refresh_token.Reveal()};
  Call call;
  VK_ASSIGN_OR_RETURN(
      call.url, ExpandUrl(refresh.url().empty() ? token.url() : refresh.url(),
                          variables));
  variables.url = call.url;
  call.method =
      MethodName(refresh.method(), MethodName(token.method(), "POST"));
  call.encoding = refresh.encoding();
  if (call.encoding == ENCODING_UNSPECIFIED && call.method != "GET") {
    call.encoding = token.encoding();
  }
  if (kind != RefreshKind::kAccessToken) {
    call.parameters = {
        {"grant_type", "refresh_token"},
        {"refresh_token", std::string(parameters.refresh_token.Reveal())}};
  }
  if (refresh.send_redirect_uri()) {
    call.parameters.emplace_back("redirect_uri", parameters.redirect_uri);
  }
  if (refresh.send_scope() && !parameters.scopes.empty()) {
    const std::string& separator = definition.authorization().scope_separator();
    std::vector<std::string> scopes;
    for (const std::string& name : parameters.scopes) {
      VK_ASSIGN_OR_RETURN(std::string value, ScopeValue(name, variables));
      scopes.push_back(std::move(value));
    }
    call.parameters.emplace_back(
        "scope", absl::StrJoin(scopes, separator.empty() ? " " : separator));
  }
  VK_RETURN_IF_ERROR(
      Authenticate(definition.client_authentication(), variables, call));
  Shape(token, refresh, call.parameters);
  VK_RETURN_IF_ERROR(
      AddParameters(refresh.parameters(), variables, call.parameters));
  VK_RETURN_IF_ERROR(AddHeaders(token.headers(), variables, call));
  VK_RETURN_IF_ERROR(AddHeaders(refresh.headers(), variables, call));
  return Finish(std::move(call));
}

}  // namespace valetkey::oauth
