#include "service/catalog/check_variables.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

// Whether a variable without a dot has a value there (definition.proto's
// table).
bool HasPlainValue(absl::string_view variable, const Part& part) {
  const auto in = [&](std::initializer_list<absl::string_view> parts) {
    return std::find(parts.begin(), parts.end(), part.name) != parts.end();
  };
  if (variable == "client_id" || variable == "random" || variable == "now_ms") {
    return true;
  }
  if (variable == "client_secret") {
    return !in({"authorization", "scopes", "api_base_url"});
  }
  if (variable == "access_token") {
    return in({"refresh", "post_exchange", "verification", "revocation"});
  }
  if (variable == "refresh_token") {
    return in({"refresh", "post_exchange", "revocation"});
  }
  if (variable == "token") return in({"revocation"});
  if (variable == "code" || variable == "state") return in({"token"});
  if (variable == "redirect_uri") {
    return in({"authorization", "token", "refresh"});
  }
  if (variable == "url") return part.in_jwt;
  return false;
}

}  // namespace

Known KnownNames(const Definition& definition) {
  Known known;
  for (const Input& input : definition.inputs()) {
    known.inputs.insert(input.name());
    if (input.secret()) known.secret_inputs.insert(input.name());
    if (input.source() == INPUT_SOURCE_OPERATOR) {
      known.operator_inputs.insert("input." + input.name());
    }
    if ((input.source() == INPUT_SOURCE_CALLBACK ||
         input.source() == INPUT_SOURCE_TOKEN_ANSWER) &&
        input.default_value().empty()) {
      known.inputs_without_value.insert(input.name());
    }
  }
  for (const auto& capture : definition.callback().captures()) {
    known.callback.insert(capture.name());
  }
  for (const auto& capture : definition.response().captures()) {
    known.token.insert(capture.name());
  }
  for (const PostExchange& hop : definition.post_exchange()) {
    for (const auto& capture : hop.response().captures()) {
      known.token.insert(capture.name());
    }
  }
  for (const auto& capture : definition.verification().captures()) {
    known.looked_up.insert(capture.name());
  }
  if (definition.has_discovery()) {
    known.looked_up.insert({"tenant_id", "tenant_name", "tenants"});
  }
  return known;
}

std::string VariableFault(absl::string_view variable, const Part& part,
                          const Known& known) {
  absl::string_view name = variable;
  const auto in = [&](std::initializer_list<absl::string_view> parts) {
    return std::find(parts.begin(), parts.end(), part.name) != parts.end();
  };
  if (absl::ConsumePrefix(&name, "input.")) {
    const std::string input(name);
    if (known.inputs.count(input) == 0) {
      return absl::StrCat("{", variable, "}: there is no such input");
    }
    if (known.secret_inputs.count(input) != 0 &&
        !HasPlainValue("client_secret", part)) {
      return absl::StrCat("{", variable, "} is secret and has no value here");
    }
    if (part.name == "authorization" &&
        known.inputs_without_value.count(input) != 0) {
      return absl::StrCat("{", variable,
                          "} has no value yet and no default_value");
    }
    return "";
  }
  const std::set<std::string>* captures = nullptr;
  bool here = true;
  bool found = false;
  if (absl::ConsumePrefix(&name, "callback.")) {
    captures = &known.callback;
    here = in({"token"});
  } else if (absl::ConsumePrefix(&name, "token.")) {
    captures = &known.token;
    here = in({"post_exchange"});
  } else if (absl::ConsumePrefix(&name, "meta.")) {
    captures = &known.token;
    here = in({"refresh", "post_exchange", "verification", "discovery",
               "revocation", "api_base_url"});
    found = known.callback.count(std::string(name)) != 0 ||
            (part.name == "api_base_url" &&
             known.looked_up.count(std::string(name)) != 0);
  } else if (HasPlainValue(variable, part)) {
    return "";
  } else {
    return absl::StrCat("{", variable, "} is not known here");
  }
  if (!here) return absl::StrCat("{", variable, "} has no value here");
  if (!found && captures->count(std::string(name)) == 0) {
    return absl::StrCat("{", variable, "}: nothing captures it");
  }
  return "";
}

}  // namespace valetkey::catalog
