// valetkey catalog: add, update, delete, of definitions of one's own.

#include "absl/strings/str_cat.h"
#include "service/catalog/check_text.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/provider_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ProviderService::StubInterface;

struct Arguments {
  std::string file;
  std::string entry;
  std::string etag;
  bool yes = false;
};

void Show(Shell& shell, const v1::CatalogEntry& entry) {
  Details details;
  details.Add("entry", entry.name());
  details.Add("display name", entry.definition().display_name());
  details.Add("redirect uri to register", entry.redirect_uri());
  details.Add("etag", entry.etag());
  details.Print(shell.out());
}

grpc::Status Add(Shell& shell, const Arguments& arguments) {
  v1::CreateCatalogEntryRequest request;
  request.set_text(ReadFile("FILE", arguments.file, shell.in()));
  v1::CreateCatalogEntryResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::CreateCatalogEntry, request, &response);
  return shell.Report(status, response, [&] { Show(shell, response.entry()); });
}

// The entry is the one that the file says it is.
std::string NameIn(const std::string& text) {
  const catalog::CheckedText checked = catalog::CheckText(text);
  if (!checked.definition) {
    const catalog::Finding& fault = checked.faults.front();
    throw CLI::ValidationError(
        "FILE", absl::StrCat("line ", fault.line, ": ", fault.message));
  }
  if (checked.definition->id().empty()) {
    throw CLI::ValidationError("FILE", "it has no id");
  }
  return absl::StrCat("catalog/", checked.definition->id());
}

grpc::Status Update(Shell& shell, const Arguments& arguments) {
  v1::UpdateCatalogEntryRequest request;
  request.set_text(ReadFile("FILE", arguments.file, shell.in()));
  request.set_name(NameIn(request.text()));
  request.set_etag(arguments.etag);
  v1::UpdateCatalogEntryResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::UpdateCatalogEntry, request, &response);
  return shell.Report(status, response, [&] { Show(shell, response.entry()); });
}

grpc::Status Delete(Shell& shell, const Arguments& arguments) {
  v1::DeleteCatalogEntryRequest request;
  request.set_name(ExpandTopName("catalog", arguments.entry));
  request.set_etag(arguments.etag);
  if (!shell.Confirm("delete " + request.name() + "?", arguments.yes)) {
    return grpc::Status::OK;
  }
  v1::DeleteCatalogEntryResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::DeleteCatalogEntry, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << "deleted " << Printable(request.name()) << "\n";
  });
}

void AddEtag(CLI::App* command, Arguments& arguments) {
  command->add_option("--etag", arguments.etag,
                      "Only if it is still this one, as show prints it");
}

}  // namespace

void AddCatalogAddedCommands(CLI::App& catalog, Shell& shell) {
  const auto arguments = std::make_shared<Arguments>();
  auto* add = catalog.add_subcommand(
      "add", "Add a definition of your own, for all servers of the store");
  add->add_option("FILE", arguments->file,
                  "The definition; - is standard input. See lint, dry-run")
      ->required();
  add->callback([&shell, arguments] { shell.Finish(Add(shell, *arguments)); });

  auto* update =
      catalog.add_subcommand("update", "Change a definition that was added");
  update
      ->add_option("FILE", arguments->file,
                   "The definition, with the same id; - is standard input")
      ->required();
  AddEtag(update, *arguments);
  update->callback(
      [&shell, arguments] { shell.Finish(Update(shell, *arguments)); });

  auto* remove = catalog.add_subcommand(
      "delete", "Delete a definition that was added and no provider uses");
  remove->add_option("ENTRY", arguments->entry, "Its id")->required();
  AddEtag(remove, *arguments);
  remove->add_flag("-y,--yes", arguments->yes, "Do not ask");
  remove->callback(
      [&shell, arguments] { shell.Finish(Delete(shell, *arguments)); });
}

}  // namespace valetkey::cli
