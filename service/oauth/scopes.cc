// Scopes (RFC 6749 section 3.3) as providers write them.

#include <algorithm>

#include "absl/strings/str_split.h"
#include "service/oauth/oauth.h"
#include "service/oauth/request.h"
#include "service/oauth/template.h"

namespace valetkey::oauth {

std::vector<std::string> SplitScopes(absl::string_view text) {
  std::vector<std::string> scopes;
  for (const absl::string_view scope :
       absl::StrSplit(text, absl::ByAnyChar(" ,+\t\r\n"), absl::SkipEmpty())) {
    std::string name(scope);
    if (std::find(scopes.begin(), scopes.end(), name) == scopes.end()) {
      scopes.push_back(std::move(name));
    }
  }
  return scopes;
}

absl::StatusOr<std::string> ScopeValue(absl::string_view name,
                                       const Variables& variables) {
  for (const auto& scope : variables.definition.scopes()) {
    if (name == scope.name() && !scope.value().empty()) {
      return Expand(scope.value(), variables);
    }
  }
  return std::string(name);
}

}  // namespace valetkey::oauth
