// valetkey catalog: lint, dry-run, pages. Offline: the server's own code
// decides.

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "service/catalog/builtin_definitions.h"
#include "service/catalog/catalog.h"
#include "service/catalog/dry_run.h"
#include "service/catalog/environment.h"
#include "service/catalog/lint.h"
#include "service/catalog/page.h"
#include "service/cmd/valetkey/failure.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"

namespace valetkey::cli {
namespace {

struct DryRunFlags {
  std::string definition;
  std::string environment;
  std::vector<std::string> inputs;
  std::vector<std::string> scopes;
  std::string redirect_uri;
};

grpc::Status Bad(absl::string_view what) {
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, std::string(what));
}

void PrintLines(Shell& shell, absl::string_view prefix,
                absl::string_view lines) {
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    shell.out() << prefix << Printable(std::string(line)) << "\n";
  }
}

// What was found in one file.
struct Findings {
  std::string errors;  // one a line
  std::vector<std::string> warnings;
};

Findings LintFile(const std::string& path) {
  const auto definition = catalog::ReadDefinition(path);
  if (!definition.ok()) {
    return {std::string(definition.status().message()), {}};
  }
  return {"", catalog::Lint(path, catalog::ReadDefinitionText(path).value())};
}

grpc::Status Lint(Shell& shell, const std::vector<std::string>& paths,
                  bool strict) {
  std::size_t errors = 0, warnings = 0, files = 0;
  const auto report = [&](const Findings& found) {
    ++files;
    if (!found.errors.empty()) {
      ++errors;
      PrintLines(shell, "error: ", found.errors);
    }
    warnings += found.warnings.size();
    for (const std::string& warning : found.warnings) {
      PrintLines(shell, "warning: ", warning);
    }
  };
  for (const std::string& path : paths) report(LintFile(path));
  if (paths.empty()) {
    for (const auto& builtin : catalog::BuiltinDefinitions()) {
      const auto parsed = catalog::ParseDefinition(builtin.file, builtin.text);
      report({parsed.ok() ? "" : std::string(parsed.status().message()),
              catalog::Lint(builtin.file, builtin.text)});
    }
  }
  shell.out() << files << " definitions, " << errors << " with errors, "
              << warnings << " warnings\n";
  if (errors != 0) return Bad("there are definitions that cannot be used");
  if (strict && warnings != 0) {
    return Bad("there are warnings, which --strict does not allow");
  }
  return grpc::Status::OK;
}

absl::StatusOr<catalog::Definition> FindDefinition(const DryRunFlags& flags) {
  catalog::Definition definition;
  if (absl::StrContains(flags.definition, ".")) {
    auto read = catalog::ReadDefinition(flags.definition);
    if (!read.ok()) return read.status();
    definition = *std::move(read);
  } else {
    const auto builtin = catalog::Catalog::Load("");
    if (!builtin.ok()) return builtin.status();
    const auto found = builtin->Find(flags.definition);
    if (found == nullptr) {
      return absl::NotFoundError(absl::StrCat(
          "DEFINITION: expected a .textproto file or the id of a built-in "
          "definition, not ",
          flags.definition));
    }
    definition = *found;
  }
  if (flags.environment.empty()) return definition;
  std::vector<std::string> names;
  for (const auto& environment : definition.environments()) {
    if (environment.name() == flags.environment) {
      return catalog::ApplyEnvironment(definition, environment);
    }
    names.push_back(environment.name());
  }
  return absl::NotFoundError(absl::StrCat(
      "--environment: expected ",
      names.empty() ? std::string("none: there is production only")
                    : absl::StrCat("one of ", ListText(names, ", ")),
      ", not ", flags.environment));
}

nlohmann::ordered_json ToJson(const catalog::DryRunRequest& made) {
  nlohmann::ordered_json headers = nlohmann::ordered_json::object();
  for (const auto& [name, value] : made.request.headers.fields()) {
    headers[name] = value;
  }
  return {{"leg", made.leg},
          {"method", made.request.method},
          {"url", made.request.url},
          {"headers", headers},
          {"body", made.request.body}};
}

grpc::Status DryRun(Shell& shell, const DryRunFlags& flags) {
  catalog::DryRunOptions options;
  options.inputs = Checked("--input", ParsePairs(flags.inputs));
  options.scopes = flags.scopes;
  if (!flags.redirect_uri.empty()) options.redirect_uri = flags.redirect_uri;
  const auto definition = FindDefinition(flags);
  if (!definition.ok()) return Bad(definition.status().message());
  const auto requests = catalog::DryRun(*definition, options);
  if (!requests.ok()) {
    return Bad(absl::StrCat(requests.status().message(),
                            "; give it with --input NAME=VALUE"));
  }
  if (shell.json()) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& made : *requests) all.push_back(ToJson(made));
    shell.out() << all.dump(2) << "\n";
    return grpc::Status::OK;
  }
  shell.out() << catalog::DryRunText(*definition, *requests);
  return grpc::Status::OK;
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

// Writes the pages of the built-in definitions; with `check` only says which
// are not as they would be written.
grpc::Status Pages(Shell& shell, const std::filesystem::path& folder,
                   bool check) {
  const auto builtin = catalog::Catalog::Load("");
  if (!builtin.ok()) return Bad(builtin.status().message());
  std::map<std::string, std::string> pages = {
      {"README.md", catalog::PageIndex(builtin->List())}};
  for (const auto& definition : builtin->List()) {
    pages[definition->id() + ".md"] = catalog::Page(*definition);
  }
  std::vector<std::string> stale;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    // Of what has no definition any more; what others wrote stays.
    if (entry.path().extension() != ".md" || pages.count(name) != 0 ||
        !catalog::IsPage(Contents(entry.path()))) {
      continue;
    }
    stale.push_back(name);
    if (!check) std::filesystem::remove(entry.path(), error);
  }
  if (error) return Bad(absl::StrCat(folder.string(), ": ", error.message()));
  for (const auto& [name, text] : pages) {
    const std::filesystem::path path = folder / name;
    if (Contents(path) == text) continue;
    stale.push_back(name);
    if (check) continue;
    std::ofstream out(path, std::ios::binary);
    out << text;
    if (!out.flush()) return Bad(absl::StrCat(path.string(), ": not written"));
  }
  for (const std::string& name : stale) {
    shell.out() << (check ? "not fresh: " : "written: ") << name << "\n";
  }
  if (check && !stale.empty()) {
    return Bad("write the pages anew with valetkey catalog pages");
  }
  return grpc::Status::OK;
}

}  // namespace

void AddCatalogFileCommands(CLI::App& catalog, Shell& shell) {
  auto* lint =
      catalog.add_subcommand("lint", "Check definition files; needs no server");
  const auto paths = std::make_shared<std::vector<std::string>>();
  lint->add_option("FILE", *paths,
                   "Files named ID.textproto; none: the built-in definitions");
  const auto strict = std::make_shared<bool>(false);
  lint->add_flag("--strict", *strict, "Fail on warnings too");
  lint->callback(
      [&shell, paths, strict] { shell.Finish(Lint(shell, *paths, *strict)); });

  auto* pages = catalog.add_subcommand(
      "pages", "Write a page in Markdown for each built-in definition");
  const auto folder = std::make_shared<std::string>();
  pages
      ->add_option("FOLDER", *folder, "Where to; pages without a definition go")
      ->required()
      ->check(CLI::ExistingDirectory);
  const auto check = std::make_shared<bool>(false);
  pages->add_flag("--check", *check, "Only say which are not fresh");
  pages->callback(
      [&shell, folder, check] { shell.Finish(Pages(shell, *folder, *check)); });

  auto* dry_run = catalog.add_subcommand(
      "dry-run",
      "Print the requests that a definition makes; nothing is sent, and "
      "secrets are placeholders");
  const auto flags = std::make_shared<DryRunFlags>();
  dry_run
      ->add_option("DEFINITION", flags->definition,
                   "A file named ID.textproto, or the id of a built-in one")
      ->required();
  dry_run->add_option("--input", flags->inputs,
                      "NAME=VALUE of an input or a capture (repeatable)");
  dry_run->add_option("--scope", flags->scopes,
                      "A scope to ask for (repeatable)");
  dry_run->add_option("--environment", flags->environment,
                      "One of its environments, such as sandbox");
  dry_run->add_option("--redirect-uri", flags->redirect_uri,
                      "The redirect URI to show");
  dry_run->callback([&shell, flags] { shell.Finish(DryRun(shell, *flags)); });
}

}  // namespace valetkey::cli
