// Which tenant of several a token reaches (Atlassian's sites, Xero's
// organizations): a call to the provider's API, and the choice among them.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/oauth/failure.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

constexpr std::size_t kMaxTenantText = 256;
constexpr int kMaxTenants = 1000;
constexpr std::size_t kMaxListText = 4096;

struct Tenant {
  std::string id;
  std::string name;
};

std::vector<Tenant> ReadTenants(const ::valetkey::catalog::v1::Discovery& rules,
                                const Document& body) {
  std::vector<Tenant> tenants;
  for (int i = 0; i < kMaxTenants; ++i) {
    const std::string at = absl::StrCat(rules.list_pointer(), "/", i);
    if (!body.Has(at)) break;
    Tenant tenant;
    tenant.id = body.Text(absl::StrCat(at, rules.id_pointer())).value_or("");
    tenant.name =
        body.Text(absl::StrCat(at, rules.display_name_pointer())).value_or("");
    if (tenant.id.empty() || tenant.id.size() > kMaxTenantText) continue;
    if (tenant.name.size() > kMaxTenantText) tenant.name.clear();
    tenants.push_back(std::move(tenant));
  }
  return tenants;
}

// The value of the input that names the tenant; "" if nobody gave one.
std::string NamedTenant(const Definition& definition, const Client& client) {
  const std::string& input = definition.discovery().tenant_input();
  const auto given = client.inputs.find(input);
  return given == client.inputs.end()
             ? ""
             : Stripped(definition, input, given->second);
}

const Tenant* Choose(const Definition& definition, const Client& client,
                     const std::vector<Tenant>& tenants) {
  const auto& rules = definition.discovery();
  const auto find = [&](const auto& is_it) -> const Tenant* {
    const auto it = std::find_if(tenants.begin(), tenants.end(), is_it);
    return it == tenants.end() ? nullptr : &*it;
  };
  if (const std::string named = NamedTenant(definition, client);
      !named.empty()) {
    return find([&](const Tenant& tenant) {
      return Stripped(definition, rules.tenant_input(), tenant.id) == named ||
             Stripped(definition, rules.tenant_input(), tenant.name) == named;
    });
  }
  if (const auto before = client.metadata.find("tenant_id");
      before != client.metadata.end()) {
    const Tenant* kept =
        find([&](const Tenant& tenant) { return tenant.id == before->second; });
    if (kept != nullptr) return kept;
  }
  const bool ask =
      rules.choice() == ::valetkey::catalog::v1::DISCOVERY_CHOICE_ASK;
  return ask && tenants.size() > 1 ? nullptr : &tenants.front();
}

std::string ListOf(const std::vector<Tenant>& tenants) {
  std::string list = "[";
  for (const Tenant& tenant : tenants) {
    const std::string entry =
        JsonObject({{"id", tenant.id}, {"name", tenant.name}});
    if (list.size() + entry.size() + 2 > kMaxListText) break;
    absl::StrAppend(&list, list.size() == 1 ? "" : ",", entry);
  }
  return list + "]";
}

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

absl::StatusOr<Tenants> ParseDiscovery(const Definition& definition,
                                       const Client& client,
                                       const HttpResponse& response) {
  const std::optional<Document> document = ReadBody(response, false);
  const Document* body = document.has_value() ? &*document : nullptr;
  if (!IsSuccess({}, response, body)) {
    return LookupError(definition, response, body, "which tenants there are");
  }
  std::vector<Tenant> tenants;
  if (body != nullptr) tenants = ReadTenants(definition.discovery(), *body);
  if (tenants.empty()) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the provider's answer names no tenant");
  }
  Tenants found;
  if (tenants.size() > 1) found.list = ListOf(tenants);
  if (const Tenant* chosen = Choose(definition, client, tenants)) {
    found.id = chosen->id;
    found.name = chosen->name;
  }
  return found;
}

}  // namespace valetkey::oauth
