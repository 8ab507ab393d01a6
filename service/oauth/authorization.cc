// The authorization request (RFC 6749 section 4.1.1; PKCE: RFC 7636 section
// 4.3).

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/base/status.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

void AddUnique(absl::string_view scope, std::vector<std::string>& scopes) {
  if (!scope.empty() &&
      std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) {
    scopes.emplace_back(scope);
  }
}

// The parameters that hold scopes, still as lists.
struct ScopeList {
  std::string parameter;
  std::string prefix;
  std::vector<std::string> scopes;
};

absl::StatusOr<std::vector<ScopeList>> ScopeLists(
    const AuthorizationEndpoint& endpoint, const Variables& variables,
    const std::vector<std::string>& asked) {
  std::vector<ScopeList> lists = {{"scope", "", {}}};
  for (const ScopeParameter& extra : endpoint.extra_scope_parameters()) {
    lists.push_back({extra.parameter(), extra.prefix(), {}});
  }
  std::vector<std::string> all = asked;
  for (const std::string& scope : endpoint.required_scopes()) {
    AddUnique(scope, all);
  }
  for (const std::string& scope : all) {
    VK_ASSIGN_OR_RETURN(const std::string value, ScopeValue(scope, variables));
    ScopeList* list = &lists[0];
    for (ScopeList& other : lists) {
      if (!other.prefix.empty() && absl::StartsWith(value, other.prefix)) {
        list = &other;
        break;
      }
    }
    AddUnique(absl::string_view(value).substr(list->prefix.size()),
              list->scopes);
  }
  return lists;
}

// Joins encoded scopes; the separator is encoded too, or not.
std::string EncodedScopes(const AuthorizationEndpoint& endpoint,
                          const std::vector<std::string>& scopes) {
  const std::string separator =
      endpoint.scope_separator().empty() ? " " : endpoint.scope_separator();
  return absl::StrJoin(scopes,
                       endpoint.scope_encoding() == SCOPE_ENCODING_RAW
                           ? separator
                           : FormEncode(separator),
                       [](std::string* out, const std::string& scope) {
                         absl::StrAppend(out, FormEncode(scope));
                       });
}

// Like AppendQuery, for a query that is encoded already.
std::string AppendEncoded(absl::string_view url, absl::string_view query,
                          bool after_fragment) {
  absl::string_view fragment;
  const std::size_t hash = url.find('#');
  if (!after_fragment && hash != absl::string_view::npos) {
    fragment = url.substr(hash);
    url = url.substr(0, hash);
  }
  const absl::string_view place =
      after_fragment && hash != absl::string_view::npos ? url.substr(hash)
                                                        : url;
  absl::string_view joint = "?";
  if (absl::StrContains(place, "?")) {
    joint = absl::EndsWith(place, "?") || absl::EndsWith(place, "&") ? "" : "&";
  }
  return absl::StrCat(url, joint, query, fragment);
}

}  // namespace

absl::StatusOr<std::string> AuthorizationUri(
    const Definition& definition, const Client& client,
    const AuthorizationParameters& parameters) {
  const AuthorizationEndpoint& endpoint = definition.authorization();
  const Variables variables{.definition = definition,
                            .client = client,
                            .now = absl::Now(),
                            .redirect_uri = parameters.redirect_uri};
  VK_ASSIGN_OR_RETURN(const std::string url,
                      ExpandUrl(endpoint.url(), variables));

  QueryParameters query = {{"client_id", client.client_id},
                           {"redirect_uri", parameters.redirect_uri},
                           {"response_type", "code"},
                           {"state", parameters.state}};
  if (endpoint.response_mode() == RESPONSE_MODE_QUERY) {
    query.emplace_back("response_mode", "query");
  } else if (endpoint.response_mode() == RESPONSE_MODE_FORM_POST) {
    query.emplace_back("response_mode", "form_post");
  }
  if (!parameters.code_challenge.empty()) {
    query.emplace_back("code_challenge", parameters.code_challenge);
    query.emplace_back("code_challenge_method",
                       definition.pkce().method_name().empty()
                           ? "S256"
                           : definition.pkce().method_name());
  }
  RenameParameters(endpoint.renames(), query);
  OmitParameters(endpoint.omitted_parameters(), query);
  VK_RETURN_IF_ERROR(AddParameters(endpoint.parameters(), variables, query));
  for (const auto& [name, value] : parameters.extra) {
    const auto& allowed = endpoint.allowed_extra_parameters();
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return InvalidField(
          absl::StrCat("extra_parameters.", name),
          allowed.empty()
              ? std::string("no extra parameter, for this provider")
              : absl::StrCat("one of ", absl::StrJoin(allowed, ", ")));
    }
    SetParameter(query, name, value);
  }

  std::string encoded = EncodeQuery(query);
  if (endpoint.scope_mode() != SCOPE_MODE_NONE) {
    VK_ASSIGN_OR_RETURN(const std::vector<ScopeList> lists,
                        ScopeLists(endpoint, variables, parameters.scopes));
    for (const ScopeList& list : lists) {
      if (list.scopes.empty()) continue;  // some refuse an empty one
      QueryParameters name = {{list.parameter, ""}};
      RenameParameters(endpoint.renames(), name);
      OmitParameters(endpoint.omitted_parameters(), name);
      if (name.empty()) continue;
      absl::StrAppend(&encoded, encoded.empty() ? "" : "&",
                      FormEncode(name[0].first), "=",
                      EncodedScopes(endpoint, list.scopes));
    }
  }
  return AppendEncoded(url, encoded, endpoint.query_after_fragment());
}

}  // namespace valetkey::oauth
