// Checks of what belongs together: identity, inputs, authorization.

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/base/name.h"
#include "service/catalog/check.h"
#include "service/catalog/check_parts.h"
#include "service/oauth/template.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

void CheckIdentity(const Definition& definition, const Spot& root) {
  if (definition.id().empty()) {
    root.Fault("id", kRequired);
  } else if (!IsValidId(definition.id())) {
    root.Fault("id", "expected 1 to 63 characters [a-z0-9-], a letter first");
  }
  if (definition.display_name().empty()) root.Fault("display_name", kRequired);
  if (definition.category() == CATEGORY_UNSPECIFIED) {
    root.Fault("category", kRequired);
  }
  std::set<std::string> names;
  for (int i = 0; i < definition.scopes_size(); ++i) {
    const Scope& scope = definition.scopes(i);
    const Spot spot = root.Field("scopes", i);
    if (scope.name().empty()) {
      spot.Fault("name", kRequired);
    } else if (!names.insert(scope.name()).second) {
      spot.Fault("name", "there is one of that name already");
    }
  }
  for (int i = 0; i < definition.links_size(); ++i) {
    if (definition.links(i).url().empty()) {
      root.Field("links", i).Fault("url", kRequired);
    }
  }
}

void CheckInput(const Definition& definition, const Input& input,
                const Spot& spot) {
  if (input.secret()) {
    if (input.source() != INPUT_SOURCE_OPERATOR &&
        input.source() != INPUT_SOURCE_USER) {
      spot.Fault("secret",
                 "expected a source of INPUT_SOURCE_OPERATOR or "
                 "INPUT_SOURCE_USER");
    }
    if (!input.default_value().empty() || !input.allowed_values().empty()) {
      spot.Fault("secret",
                 "expected no default_value and no allowed_values beside it");
    }
  }
  const bool callback = input.source() == INPUT_SOURCE_CALLBACK;
  const bool answer = input.source() == INPUT_SOURCE_TOKEN_ANSWER;
  if (input.source() == INPUT_SOURCE_UNSPECIFIED) {
    spot.Fault("source", kRequired);
  } else if (callback || answer) {
    const auto captured = [&](const auto& captures) {
      return std::any_of(
          captures.begin(), captures.end(),
          [&](const auto& capture) { return capture.name() == input.name(); });
    };
    if (callback && !captured(definition.callback().captures())) {
      spot.Fault("source", "no callback.captures has its name");
    }
    if (answer && !captured(definition.response().captures())) {
      spot.Fault("source", "no response.captures has its name");
    }
  } else if (input.display_name().empty()) {
    spot.Fault("display_name", kRequired);
  }
  for (const char* field : {"default_value", "example"}) {
    const std::string& value =
        field[0] == 'd' ? input.default_value() : input.example();
    if (!value.empty() && !oauth::CheckedInput(input, value).ok()) {
      spot.Fault(field, "expected a value that the input itself allows");
    }
  }
}

void CheckInputs(const Definition& definition, const Spot& root) {
  std::set<std::string> names;
  for (int i = 0; i < definition.inputs_size(); ++i) {
    const Input& input = definition.inputs(i);
    const Spot spot = root.Field("inputs", i);
    if (input.name().empty()) {
      spot.Fault("name", kRequired);
    } else if (!names.insert(input.name()).second) {
      spot.Fault("name", "there is one of that name already");
    }
    CheckInput(definition, input, spot);
  }
  const auto& hosts = definition.allowed_hosts();
  if (hosts.size() > 1 && Has(hosts, "**")) {
    root.Fault("allowed_hosts", "expected \"**\" alone", 0);
  }
}

void CheckAuthorization(const Definition& definition, const Spot& root) {
  if (!definition.has_authorization()) {
    return root.Fault("authorization", kRequired);
  }
  const AuthorizationEndpoint& endpoint = definition.authorization();
  const Spot spot = root.Field("authorization");
  if (endpoint.url().empty()) spot.Fault("url", kRequired);
  CheckParameters(spot, "parameters", endpoint.parameters());
  CheckRenames(spot, endpoint.renames());
  for (int i = 0; i < endpoint.renames_size(); ++i) {
    if (endpoint.renames(i).from() == "state") {
      spot.Field("renames", i)
          .Fault("from",
                 "state cannot be renamed: the callback is found by it");
    }
  }
  for (int i = 0; i < endpoint.omitted_parameters_size(); ++i) {
    if (endpoint.omitted_parameters(i) == "state") {
      spot.Fault("omitted_parameters", "state cannot be omitted", i);
    }
  }
  for (int i = 0; i < endpoint.extra_scope_parameters_size(); ++i) {
    const Spot extra = spot.Field("extra_scope_parameters", i);
    const ScopeParameter& parameter = endpoint.extra_scope_parameters(i);
    if (parameter.parameter().empty()) extra.Fault("parameter", kRequired);
    if (parameter.prefix().empty()) extra.Fault("prefix", kRequired);
  }
  if (endpoint.query_after_fragment() &&
      endpoint.url().find('#') == std::string::npos) {
    spot.Fault("query_after_fragment", "the url has no fragment");
  }
  for (int i = 0; i < endpoint.default_scopes_size(); ++i) {
    const std::string& name = endpoint.default_scopes(i);
    const auto& scopes = definition.scopes();
    if (!scopes.empty() &&
        std::none_of(scopes.begin(), scopes.end(), [&](const Scope& scope) {
          return scope.name() == name;
        })) {
      spot.Fault("default_scopes",
                 absl::StrCat("\"", name, "\" is not among scopes"), i);
    }
  }
  const Callback& callback = definition.callback();
  CheckCaptures(root.Field("callback"), "parameter", callback.captures());
  if (callback.issuer_required() && callback.issuer().empty()) {
    root.Field("callback").Fault("issuer_required", "needs issuer");
  }
}

}  // namespace

bool IsIdentifier(absl::string_view text) {
  return !text.empty() && text.size() <= 63 &&
         absl::ascii_islower(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
                  c == '_';
         });
}

void CheckFlows(const Definition& definition, const Spot& root) {
  CheckIdentity(definition, root);
  CheckInputs(definition, root);
  CheckAuthorization(definition, root);
  CheckTokenFlows(definition, root);
}

}  // namespace valetkey::catalog
