// valetkey catalog: list, show; add, update and delete are in catalog_added.cc,
// lint and dry-run in catalog_files.cc.

#include <algorithm>

#include "absl/strings/match.h"
#include "google/protobuf/text_format.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/provider_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ProviderService::StubInterface;

std::string SourceText(const v1::CatalogEntry& entry) {
  return EnumText(v1::CatalogSource_Name(entry.source()), "CATALOG_SOURCE_");
}

grpc::Status List(Shell& shell) {
  v1::ListCatalogEntriesRequest request;
  v1::ListCatalogEntriesResponse all;
  do {
    v1::ListCatalogEntriesResponse page;
    const grpc::Status status = shell.Call<v1::ProviderService>(
        &Stub::ListCatalogEntries, request, &page);
    if (!status.ok()) return status;
    all.mutable_entries()->MergeFrom(page.entries());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return shell.Report(grpc::Status::OK, all, [&] {
    Table table({"ENTRY", "SOURCE", "DISPLAY NAME", "CATEGORY", "SUMMARY"});
    for (const auto& entry : all.entries()) {
      const auto& definition = entry.definition();
      table.AddRow({ShortName(entry.name()), SourceText(entry),
                    definition.display_name(),
                    EnumText(catalog::v1::Category_Name(definition.category()),
                             "CATEGORY_"),
                    definition.summary()});
    }
    table.Print(shell.out());
  });
}

// What an operator reads before adding a provider: how to set it up there,
// what to enter here, which scopes there are, and what else is known.
void ShowPage(Shell& shell, const v1::CatalogEntry& entry) {
  const catalog::v1::ProviderDefinition& definition = entry.definition();
  std::ostream& out = shell.out();
  Details details;
  details.Add("entry", entry.name());
  details.Add("display name", definition.display_name());
  details.Add("summary", definition.summary());
  details.Add("source", SourceText(entry));
  if (!entry.etag().empty()) details.Add("etag", entry.etag());
  for (const auto& property : definition.properties()) {
    details.Add(property.name(), property.value());
  }
  details.Add("redirect uri to register", entry.redirect_uri());
  for (const auto& link : definition.links()) {
    details.Add(link.title(), link.url());
  }
  for (const auto& environment : definition.environments()) {
    details.Add("environment " + environment.name(), environment.description());
  }
  details.Print(out);

  if (!definition.setup_steps().empty()) out << "\nAt the provider:\n";
  int number = 0;
  for (const std::string& step : definition.setup_steps()) {
    out << "  " << ++number << ". " << Printable(step) << "\n";
  }
  if (!definition.inputs().empty()) {
    out << "\nInputs:\n";
    Table inputs({"  INPUT", "FROM", "DEFAULT", "EXAMPLE", "DESCRIPTION"});
    for (const auto& input : definition.inputs()) {
      inputs.AddRow({"  " + input.name(),
                     EnumText(catalog::v1::InputSource_Name(input.source()),
                              "INPUT_SOURCE_"),
                     input.default_value(), input.example(),
                     input.description()});
    }
    inputs.Print(out);
  }
  if (!definition.scopes().empty()) {
    const auto& defaults = definition.authorization().default_scopes();
    out << "\nScopes (* asked for by default):\n";
    Table scopes({"  SCOPE", "ALLOWS", "NOTE"});
    for (const auto& scope : definition.scopes()) {
      const bool is_default = std::find(defaults.begin(), defaults.end(),
                                        scope.name()) != defaults.end();
      scopes.AddRow({(is_default ? "* " : "  ") + scope.name(),
                     scope.description(), scope.approval_note()});
    }
    scopes.Print(out);
  }
  if (!definition.notes().empty()) out << "\nNotes:\n";
  for (const auto& note : definition.notes()) {
    out << "  - " << Printable(note.text()) << " ("
        << EnumText(catalog::v1::Confidence_Name(note.confidence()),
                    "CONFIDENCE_")
        << ": " << Printable(note.source()) << ")\n";
  }
}

// The text form, in which catalog files are written. One that was added is
// shown as it was, to be changed and given to update.
void ShowDefinition(Shell& shell, const v1::CatalogEntry& entry) {
  if (!entry.text().empty()) {
    shell.out() << entry.text();
    if (!absl::EndsWith(entry.text(), "\n")) shell.out() << "\n";
    return;
  }
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(entry.definition(), &text);
  shell.out() << text;
}

grpc::Status Get(Shell& shell, const std::string& name, bool definition) {
  v1::GetCatalogEntryRequest request;
  request.set_name(ExpandTopName("catalog", name));
  v1::GetCatalogEntryResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::GetCatalogEntry, request, &response);
  return shell.Report(status, response, [&] {
    if (definition) {
      ShowDefinition(shell, response.entry());
    } else {
      ShowPage(shell, response.entry());
    }
  });
}

}  // namespace

void AddCatalogCommands(CLI::App& app, Shell& shell) {
  auto* group =
      app.add_subcommand("catalog", "The providers that the server knows")
          ->require_subcommand(1);
  const auto name = std::make_shared<std::string>();

  group->add_subcommand("list", "List them")->callback([&shell] {
    shell.Finish(List(shell));
  });

  auto* show = group->add_subcommand(
      "show", "Show one: its scopes, its setup, its redirect URI");
  show->add_option("ENTRY", *name, "Its id, such as pinterest")->required();
  const auto definition = std::make_shared<bool>(false);
  show->add_flag("--definition", *definition,
                 "The whole definition, in the form of a catalog file");
  show->callback([&shell, name, definition] {
    shell.Finish(Get(shell, *name, *definition));
  });
  AddCatalogAddedCommands(*group, shell);
  AddCatalogFileCommands(*group, shell);
}

}  // namespace valetkey::cli
