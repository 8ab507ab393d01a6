#include "service/catalog/lint.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service/catalog/catalog.h"
#include "service/catalog/check.h"
#include "service/catalog/check_parts.h"
#include "service/catalog/spot.h"
#include "service/oauth/template.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// All text in a definition, for a look at which variables are used.
void CollectText(const Message& message, std::string& out) {
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int size =
        field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        CollectText(field->is_repeated()
                        ? reflection->GetRepeatedMessage(message, field, i)
                        : reflection->GetMessage(message, field),
                    out);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        absl::StrAppend(&out, "\n",
                        field->is_repeated()
                            ? reflection->GetRepeatedString(message, field, i)
                            : reflection->GetString(message, field));
      }
    }
  }
}

void LintTexts(const Definition& definition, const Spot& root) {
  if (definition.summary().empty()) {
    root.Fault("summary", "nothing says what people connect it for");
  }
  if (definition.links().empty()) {
    root.Fault("links", "nothing leads to the provider's own documentation");
  }
  if (definition.setup_steps().empty()) {
    root.Fault("setup_steps", "nothing says what to do at the provider");
  }
  if (definition.notes().empty()) {
    root.Fault("notes", "nothing says what is known and what is assumed");
  }
  for (int i = 0; i < definition.notes_size(); ++i) {
    const Spot note = root.Field("notes", i);
    if (definition.notes(i).source().empty()) {
      note.Fault("source", "nothing says where that comes from");
    } else if (definition.notes(i).confidence() == CONFIDENCE_DOCUMENTED &&
               !absl::StrContains(definition.notes(i).source(), "https://")) {
      note.Fault("source",
                 "documented where? give the page's address, or say that it is "
                 "observed or assumed");
    }
    if (definition.notes(i).confidence() == CONFIDENCE_UNSPECIFIED) {
      note.Fault("confidence", "nothing says how sure that is");
    }
  }
}

bool IsOffered(const Definition& definition, absl::string_view name) {
  const auto& scopes = definition.scopes();
  return std::any_of(scopes.begin(), scopes.end(), [&](const Scope& scope) {
    return scope.name() == name || scope.value() == name;
  });
}

void LintScopes(const Definition& definition, const Spot& root) {
  const AuthorizationEndpoint& endpoint = definition.authorization();
  const Spot spot = root.Field("authorization");
  if (endpoint.scope_mode() == SCOPE_MODE_NONE &&
      (!endpoint.default_scopes().empty() ||
       !endpoint.required_scopes().empty() || !definition.scopes().empty())) {
    spot.Fault("scope_mode", "scopes are given and never sent");
  }
  if (definition.scopes().empty()) return;
  for (int i = 0; i < endpoint.required_scopes_size(); ++i) {
    if (!IsOffered(definition, endpoint.required_scopes(i))) {
      spot.Fault("required_scopes", "is not described in scopes", i);
    }
  }
  const auto& wanted = definition.verification().any_scopes();
  if (!wanted.empty() &&
      std::none_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
        return IsOffered(definition, name);
      })) {
    root.Field("verification")
        .Fault("any_scopes", "none of these is described in scopes", 0);
  }
}

void LintInputs(const Definition& definition, const Spot& root) {
  std::string text;
  CollectText(definition, text);
  for (int i = 0; i < definition.inputs_size(); ++i) {
    const Input& input = definition.inputs(i);
    const Spot spot = root.Field("inputs", i);
    if (!absl::StrContains(text, absl::StrCat("{input.", input.name(), "}")) &&
        definition.discovery().tenant_input() != input.name()) {
      spot.Fault("name", "is used nowhere");
    }
    if ((input.source() == INPUT_SOURCE_OPERATOR ||
         input.source() == INPUT_SOURCE_USER) &&
        input.pattern().empty() && input.allowed_values().empty()) {
      spot.Fault("pattern", "any text is taken: give a pattern or values");
    }
  }
  if (!definition.allowed_hosts().empty() &&
      definition.allowed_hosts(0) == "**") {
    root.Fault("allowed_hosts", "an operator may name any host", 0);
  }
}

void LintCalls(const Definition& definition, const Spot& root) {
  if (definition.pkce().support() == PKCE_SUPPORT_UNSPECIFIED) {
    root.Fault("pkce", "nothing says what the provider makes of PKCE");
  }
  if (!definition.has_verification()) {
    root.Fault("verification", "whose account it is will not be known");
  }
  if (!definition.has_revocation()) {
    root.Fault("revocation", "nothing says whether tokens can be revoked");
  }
  const TokenEndpoint& token = definition.token();
  if ((token.encoding() == ENCODING_QUERY ||
       token.method() == HTTP_METHOD_GET) &&
      definition.client_authentication().method() ==
          CLIENT_AUTHENTICATION_METHOD_POST) {
    root.Field("token").Fault(
        "url", "the client secret goes into the URL, which servers log");
  }
  bool ambiguous = false;
  std::set<std::string> seen;
  const ErrorMap& errors = definition.errors();
  for (int i = 0; i < errors.rules_size(); ++i) {
    const ErrorRule& rule = errors.rules(i);
    const Spot spot = root.Field("errors").Field("rules", i);
    ambiguous |= rule.error_class() == ERROR_CLASS_AMBIGUOUS;
    for (int c = 0; c < rule.codes_size(); ++c) {
      if (seen.count(rule.codes(c)) != 0) {
        spot.Fault("codes", "an earlier rule takes this code", c);
      }
    }
    // Only what matches in any call and with any status takes it all.
    if (rule.statuses().empty() && rule.leg() == ERROR_LEG_UNSPECIFIED) {
      seen.insert(rule.codes().begin(), rule.codes().end());
    }
  }
  if (ambiguous && !definition.has_client_probe()) {
    root.Fault("errors",
               "ambiguous answers, and no client_probe to tell whose fault "
               "they are");
  }
}

// REQUIRES: faults are empty. They stay so for a text with errors.
void LintInto(absl::string_view text, Faults& faults) {
  if (!ParseDefinition("", text).ok()) return;
  google::protobuf::TextFormat::ParseInfoTree tree;
  google::protobuf::TextFormat::Parser parser;
  parser.WriteLocationsTo(&tree);
  Definition definition;
  if (!parser.ParseFromString(std::string(text), &definition)) return;
  const Spot root(definition, &tree, "", 0, faults);
  LintTexts(definition, root);
  LintScopes(definition, root);
  LintInputs(definition, root);
  LintCalls(definition, root);
}

}  // namespace

std::vector<Finding> LintText(absl::string_view text) {
  Faults faults("");
  LintInto(text, faults);
  return faults.all();
}

std::vector<std::string> Lint(absl::string_view file, absl::string_view text) {
  Faults faults(file);
  LintInto(text, faults);
  if (faults.empty()) return {};
  return absl::StrSplit(faults.Join(), '\n');
}

}  // namespace valetkey::catalog
