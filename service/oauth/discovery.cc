// Which tenant of several a token reaches (Atlassian's sites, Xero's
// organizations): a call to the provider's API, whose first answer counts.

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

constexpr std::size_t kMaxTenantText = 256;

}  // namespace

std::optional<HttpRequest> DiscoveryRequest(const Definition& definition,
                                            const Client& client,
                                            const TokenSet& token) {
  if (!definition.has_discovery()) return std::nullopt;
  const Variables variables{
      .definition = definition, .client = client, .now = absl::Now()};
  absl::StatusOr<std::string> url =
      ExpandUrl(definition.discovery().url(), variables);
  if (!url.ok()) return std::nullopt;
  Call call;
  call.url = *std::move(url);
  call.method = "GET";
  SetHeader(call, "Authorization",
            absl::StrCat("Bearer ", token.access_token.Reveal()));
  absl::StatusOr<HttpRequest> request = Finish(std::move(call));
  if (!request.ok()) return std::nullopt;
  return *std::move(request);
}

absl::StatusOr<std::map<std::string, std::string>> ParseDiscovery(
    const Definition& definition, const HttpResponse& response) {
  const auto& rules = definition.discovery();
  const std::optional<Document> document = ReadBody(response, false);
  const Document* body = document.has_value() ? &*document : nullptr;
  if (!IsSuccess({}, response, body)) {
    return LookupError(definition, response, body, "which tenants there are");
  }
  std::map<std::string, std::string> tenant;
  if (body != nullptr) {
    const std::string first = absl::StrCat(rules.list_pointer(), "/0");
    tenant["tenant_id"] =
        body->Text(absl::StrCat(first, rules.id_pointer())).value_or("");
    tenant["tenant_name"] =
        body->Text(absl::StrCat(first, rules.display_name_pointer()))
            .value_or("");
  }
  if (tenant["tenant_id"].empty() ||
      tenant["tenant_id"].size() > kMaxTenantText) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the provider's answer names no tenant");
  }
  if (tenant["tenant_name"].size() > kMaxTenantText) {
    tenant["tenant_name"].clear();
  }
  return tenant;
}

}  // namespace valetkey::oauth
