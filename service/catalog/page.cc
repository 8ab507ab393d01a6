#include "service/catalog/page.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

constexpr char kMade[] =
    "<!-- Made by `valetkey catalog pages`; do not edit. -->\n\n";

std::string Code(absl::string_view text) {
  return absl::StrCat("`", text, "`");
}

std::string Cell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

// A row of a table.
void Row(std::string& out, const std::vector<std::string>& cells) {
  out += "|";
  for (const std::string& cell : cells) {
    absl::StrAppend(&out, " ", Cell(cell), " |");
  }
  out += "\n";
}

void Head(std::string& out, const std::vector<std::string>& cells) {
  Row(out, cells);
  Row(out, std::vector<std::string>(cells.size(), "---"));
}

// An enum's value in words: "basic secret user".
std::string Words(absl::string_view name, absl::string_view prefix) {
  absl::ConsumePrefix(&name, prefix);
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
}

std::string Lifetime(const google::protobuf::Duration& duration) {
  const std::int64_t seconds = duration.seconds();
  const struct {
    std::int64_t unit;
    const char* name;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  for (const auto& [unit, name] : units) {
    if (seconds % unit != 0) continue;
    const std::int64_t count = seconds / unit;
    return absl::StrCat(count, " ", name, count == 1 ? "" : "s");
  }
  return "";
}

void Setup(const Definition& definition, std::string& out) {
  out += "## Set it up\n\n";
  int number = 0;
  for (const std::string& step : definition.setup_steps()) {
    absl::StrAppend(&out, ++number, ". ", step, "\n");
  }
  absl::StrAppend(&out, "\nThe callback URL is what `valetkey catalog show ",
                  definition.id(), "` prints. Then, here:\n\n```sh\n",
                  "valetkey providers add ", definition.id(),
                  " --client-id ...");
  for (const Input& input : definition.inputs()) {
    if (input.source() == INPUT_SOURCE_OPERATOR &&
        input.default_value().empty()) {
      absl::StrAppend(&out, input.secret() ? " --input-file " : " --input ",
                      input.name(), "=",
                      input.secret() ? "FILE" : input.example());
    }
  }
  out += "\n```\n\n";
}

void Inputs(const Definition& definition, std::string& out) {
  if (definition.inputs().empty()) return;
  out += "## Inputs\n\n";
  Head(out, {"Input", "From", "What it is", "Example", "Default"});
  for (const Input& input : definition.inputs()) {
    Row(out,
        {Code(input.name()),
         absl::StrCat(Words(InputSource_Name(input.source()), "INPUT_SOURCE_"),
                      input.secret() ? ", secret" : ""),
         input.description(),
         input.example().empty() ? "" : Code(input.example()),
         input.default_value().empty() ? "" : Code(input.default_value())});
  }
  out += "\n";
}

template <class List>
std::string CodeList(const List& list) {
  return absl::StrJoin(list, ", ", [](std::string* to, const auto& text) {
    absl::StrAppend(to, Code(text));
  });
}

void Scopes(const Definition& definition, std::string& out) {
  const AuthorizationEndpoint& endpoint = definition.authorization();
  out += "## Scopes\n\n";
  if (endpoint.scope_mode() == SCOPE_MODE_NONE) {
    out += "There are none in the authorization URI.\n\n";
    return;
  }
  if (!definition.scopes().empty()) {
    Head(out, {"Scope", "Allows to", "Remarks"});
    for (const Scope& scope : definition.scopes()) {
      std::vector<std::string> remarks;
      const auto& defaults = endpoint.default_scopes();
      if (std::find(defaults.begin(), defaults.end(), scope.name()) !=
          defaults.end()) {
        remarks.push_back("by default");
      }
      const auto& required = endpoint.required_scopes();
      if (std::find(required.begin(), required.end(), scope.name()) !=
          required.end()) {
        remarks.push_back("always");
      }
      if (scope.advanced()) remarks.push_back("advanced");
      if (scope.needs_approval()) remarks.push_back(scope.approval_note());
      Row(out, {Code(scope.name()), scope.description(),
                absl::StrJoin(remarks, "; ")});
    }
    out += "\nOthers may be asked for too.\n\n";
    return;
  }
  if (!endpoint.default_scopes().empty()) {
    absl::StrAppend(&out, "Asked for by default: ",
                    CodeList(endpoint.default_scopes()), ".\n\n");
  }
  if (!endpoint.required_scopes().empty()) {
    absl::StrAppend(&out,
                    "Always asked for: ", CodeList(endpoint.required_scopes()),
                    ".\n\n");
  }
  out += "See the provider's documentation for the list.\n\n";
}

void Calls(const Definition& definition, std::string& out) {
  out += "## How it is spoken with\n\n";
  Head(out, {"", ""});
  Row(out, {"Authorization", Code(definition.authorization().url())});
  Row(out, {"Token", Code(definition.token().url())});
  if (!definition.refresh().url().empty()) {
    Row(out, {"Refresh", Code(definition.refresh().url())});
  }
  for (const PostExchange& hop : definition.post_exchange()) {
    Row(out, {"After the exchange", Code(hop.url())});
  }
  if (definition.has_verification()) {
    Row(out, {"Account", Code(definition.verification().url())});
  }
  if (definition.has_discovery()) {
    Row(out, {"Tenant", Code(definition.discovery().url())});
  }
  for (const RevocationStep& step : definition.revocation().steps()) {
    Row(out, {"Revocation", Code(step.url())});
  }
  if (!definition.revocation().unsupported().empty()) {
    Row(out, {definition.revocation().steps().empty() ? "Revocation"
                                                      : "Revocation's limits",
              definition.revocation().unsupported()});
  }
  if (!definition.api_base_url().empty()) {
    Row(out, {"API", Code(definition.api_base_url())});
  }
  Row(out, {"Client authentication",
            Words(ClientAuthenticationMethod_Name(
                      definition.client_authentication().method()),
                  "CLIENT_AUTHENTICATION_METHOD_")});
  const Lifetimes& lifetimes = definition.lifetimes();
  if (lifetimes.has_access()) {
    Row(out, {"Access token lives, unless told", Lifetime(lifetimes.access())});
  }
  if (lifetimes.has_refresh_idle()) {
    Row(out,
        {"Refresh token lives unused", Lifetime(lifetimes.refresh_idle())});
  }
  if (lifetimes.has_refresh_absolute()) {
    Row(out, {"Grant lives at most", Lifetime(lifetimes.refresh_absolute())});
  }
  std::vector<std::string> kept;
  for (const auto& capture : definition.callback().captures()) {
    kept.push_back(capture.name());
  }
  for (const auto& capture : definition.response().captures()) {
    kept.push_back(capture.name());
  }
  for (const auto& capture : definition.verification().captures()) {
    kept.push_back(capture.name());
  }
  if (definition.has_discovery()) {
    kept.insert(kept.end(), {"tenant_id", "tenant_name"});
  }
  if (!kept.empty()) Row(out, {"Kept with a connection", CodeList(kept)});
  absl::StrAppend(&out, "\n`valetkey catalog dry-run ", definition.id(),
                  "` prints the requests.\n\n");
}

void Environments(const Definition& definition, std::string& out) {
  if (definition.environments().empty()) return;
  out += "## Environments\n\n";
  Head(out, {"Environment", "Name", "What is different"});
  for (const Environment& environment : definition.environments()) {
    Row(out, {Code(environment.name()), environment.display_name(),
              environment.description()});
  }
  out += "\n";
}

void Notes(const Definition& definition, std::string& out) {
  if (definition.notes().empty()) return;
  out += "## What is known, and what is assumed\n\n";
  Head(out, {"Statement", "How sure", "Source"});
  for (const Note& note : definition.notes()) {
    Row(out,
        {note.text(), Words(Confidence_Name(note.confidence()), "CONFIDENCE_"),
         note.source()});
  }
  out += "\n";
}

}  // namespace

bool IsPage(absl::string_view text) { return absl::StartsWith(text, kMade); }

std::string CategoryName(Category category) {
  if (category == CATEGORY_CRM) return "CRM";
  if (category == CATEGORY_HR) return "HR";
  std::string name = Words(Category_Name(category), "CATEGORY_");
  if (!name.empty()) name[0] = absl::ascii_toupper(name[0]);
  return name;
}

std::string Page(const Definition& definition) {
  std::string out = kMade;
  absl::StrAppend(&out, "# ", definition.display_name(), "\n\n",
                  definition.summary(), "\n\n");
  Head(out, {"Property", "Value"});
  for (const Property& property : definition.properties()) {
    Row(out, {property.name(), property.value()});
  }
  out += "\n";
  for (const Link& link : definition.links()) {
    absl::StrAppend(&out, "- [", link.title(), "](", link.url(), ")\n");
  }
  out += "\n";
  Setup(definition, out);
  Inputs(definition, out);
  Environments(definition, out);
  Scopes(definition, out);
  Calls(definition, out);
  Notes(definition, out);
  absl::StrAppend(&out, "Back to [all providers](README.md).\n");
  return out;
}

std::string PageIndex(
    const std::vector<std::shared_ptr<const Definition>>& definitions) {
  std::map<std::string, std::vector<const Definition*>> categories;
  for (const auto& definition : definitions) {
    categories[CategoryName(definition->category())].push_back(
        definition.get());
  }
  std::string out = kMade;
  absl::StrAppend(
      &out, "# The ", definitions.size(), " built-in providers\n\n",
      "How a definition is written: ", "[providers.md](../providers.md).\n");
  for (const auto& [name, list] : categories) {
    absl::StrAppend(&out, "\n## ", name, "\n\n");
    for (const Definition* definition : list) {
      absl::StrAppend(&out, "- [", definition->display_name(), "](",
                      definition->id(), ".md)\n");
    }
  }
  return out;
}

}  // namespace valetkey::catalog
