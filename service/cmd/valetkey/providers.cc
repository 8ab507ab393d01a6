// valetkey providers: list, add, show, update, delete.

#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/secret_input.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/provider_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ProviderService::StubInterface;

struct Arguments {
  std::string id;
  std::string catalog_entry;
  std::string environment;
  std::string display_name;
  std::string client_id;
  std::string client_secret_file;
  bool no_client_secret = false;
  bool new_client_secret = false;
  std::string second_secret_file;
  bool no_second_secret = false;
  std::vector<std::string> scopes;
  std::string redirect_uri;
  std::string pkce;
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
  bool yes = false;
};

std::string StateText(const v1::Provider& provider) {
  return EnumText(v1::ProviderState_Name(provider.state()), "PROVIDER_STATE_");
}

void Show(Shell& shell, const v1::Provider& provider) {
  Details details;
  details.Add("name", provider.name());
  details.Add("display name", provider.display_name());
  details.Add("state", StateText(provider));
  details.Add("catalog entry", provider.catalog_entry());
  details.Add("environment", provider.environment());
  details.Add("client id", provider.client_id());
  details.Add("client secret", provider.second_client_secret_set()
                                   ? "stored, and a second one"
                               : provider.client_secret_set() ? "stored"
                                                              : "none");
  details.Add("scopes", provider.scopes().empty()
                            ? "the catalog entry's default"
                            : ListText(provider.scopes(), " "));
  details.Add("redirect uri", provider.redirect_uri());
  details.Add("pkce",
              provider.pkce() == v1::PKCE_MODE_UNSPECIFIED
                  ? "as the catalog entry says"
                  : EnumText(v1::PkceMode_Name(provider.pkce()), "PKCE_MODE_"));
  details.Add("inputs", PairsText(provider.inputs()));
  details.Add("created",
              shell.Time(provider.has_create_time(), provider.create_time()));
  details.Add("updated",
              shell.Time(provider.has_update_time(), provider.update_time()));
  details.Add("etag", provider.etag());
  details.Print(shell.out());
}

grpc::Status List(Shell& shell) {
  v1::ListProvidersRequest request;
  request.set_parent(shell.Application());
  v1::ListProvidersResponse all;
  do {
    v1::ListProvidersResponse page;
    const grpc::Status status =
        shell.Call<v1::ProviderService>(&Stub::ListProviders, request, &page);
    if (!status.ok()) return status;
    all.mutable_providers()->MergeFrom(page.providers());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return shell.Report(grpc::Status::OK, all, [&] {
    Table table({"PROVIDER", "ENTRY", "ENVIRONMENT", "CLIENT ID", "STATE"});
    for (const auto& provider : all.providers()) {
      table.AddRow({ShortName(provider.name()),
                    ShortName(provider.catalog_entry()), provider.environment(),
                    provider.client_id(), StateText(provider)});
    }
    table.Print(shell.out());
  });
}

v1::PkceMode ParsePkce(const std::string& text) {
  return static_cast<v1::PkceMode>(Checked(
      "--pkce", ParseEnum(*v1::PkceMode_descriptor(), "PKCE_MODE_", text)));
}

std::string AskForSecret(Shell& shell, const Arguments& arguments) {
  return ReadSecret(
      shell, "--client-secret-file", arguments.client_secret_file,
      "Client secret of " + arguments.client_id + " (not shown as you type)");
}

grpc::Status Add(Shell& shell, const Arguments& arguments) {
  v1::CreateProviderRequest request;
  request.set_parent(shell.Application());
  request.set_provider_id(arguments.id);
  auto* provider = request.mutable_provider();
  provider->set_display_name(arguments.display_name);
  provider->set_catalog_entry(ExpandTopName(
      "catalog", arguments.catalog_entry.empty() ? arguments.id
                                                 : arguments.catalog_entry));
  provider->set_environment(arguments.environment);
  provider->set_client_id(arguments.client_id);
  for (const auto& scope : arguments.scopes) provider->add_scopes(scope);
  provider->set_redirect_uri(arguments.redirect_uri);
  if (!arguments.pkce.empty()) provider->set_pkce(ParsePkce(arguments.pkce));
  ReadInputs(shell, arguments.inputs, arguments.input_files,
             provider->mutable_inputs());
  if (!arguments.no_client_secret) {
    provider->set_client_secret(AskForSecret(shell, arguments));
  }
  v1::CreateProviderResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::CreateProvider, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.provider()); });
}

grpc::Status Get(Shell& shell, const Arguments& arguments) {
  v1::GetProviderRequest request;
  request.set_name(shell.Name("providers", arguments.id));
  v1::GetProviderResponse response;
  const grpc::Status status =
      shell.Call<v1::ProviderService>(&Stub::GetProvider, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.provider()); });
}

// An option that was given is a field that changes.
grpc::Status Update(Shell& shell, const Arguments& arguments,
                    const CLI::App& command) {
  v1::UpdateProviderRequest request;
  auto* provider = request.mutable_provider();
  auto* mask = request.mutable_update_mask();
  provider->set_name(shell.Name("providers", arguments.id));
  const auto given = [&](const std::string& option, const char* field) {
    if (command.count(option) == 0) return false;
    mask->add_paths(field);
    return true;
  };
  if (given("--display-name", "display_name")) {
    provider->set_display_name(arguments.display_name);
  }
  if (given("--client-id", "client_id")) {
    provider->set_client_id(arguments.client_id);
  }
  if (given("--scope", "scopes")) {
    for (const auto& scope : arguments.scopes) provider->add_scopes(scope);
  }
  if (given("--redirect-uri", "redirect_uri")) {
    provider->set_redirect_uri(arguments.redirect_uri);
  }
  if (given("--pkce", "pkce")) provider->set_pkce(ParsePkce(arguments.pkce));
  if (given("--input", "inputs") || given("--input-file", "inputs")) {
    ReadInputs(shell, arguments.inputs, arguments.input_files,
               provider->mutable_inputs());
  }
  if (arguments.new_client_secret || !arguments.client_secret_file.empty()) {
    mask->add_paths("client_secret");
    provider->set_client_secret(AskForSecret(shell, arguments));
  }
  if (!arguments.second_secret_file.empty()) {
    mask->add_paths("second_client_secret");
    provider->set_second_client_secret(
        ReadSecret(shell, "--second-client-secret-file",
                   arguments.second_secret_file, ""));
  }
  if (arguments.no_second_secret) mask->add_paths("second_client_secret");
  if (mask->paths_size() == 0) {
    throw CLI::ValidationError("update", "nothing to change was given");
  }
  v1::UpdateProviderResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::UpdateProvider, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.provider()); });
}

grpc::Status Delete(Shell& shell, const Arguments& arguments) {
  v1::DeleteProviderRequest request;
  request.set_name(shell.Name("providers", arguments.id));
  if (!shell.Confirm("delete " + request.name() + "?", arguments.yes)) {
    return grpc::Status::OK;
  }
  v1::DeleteProviderResponse response;
  const grpc::Status status = shell.Call<v1::ProviderService>(
      &Stub::DeleteProvider, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << "deleted " << Printable(request.name()) << "\n";
  });
}

// The options that add and update have in common.
void AddFieldOptions(CLI::App* command, Arguments& arguments) {
  command->add_option("--display-name", arguments.display_name,
                      "A name for people");
  command->add_option("--client-id", arguments.client_id,
                      "The client id that the provider gave");
  command->add_option("--client-secret-file", arguments.client_secret_file,
                      "A file with the client secret; - is standard input");
  command
      ->add_option("--scope", arguments.scopes,
                   "A scope to ask for when a request names none; repeat for "
                   "more; default: the catalog entry's")
      ->allow_extra_args(false);
  command->add_option("--redirect-uri", arguments.redirect_uri,
                      "As registered at the provider; default: the server's "
                      "own callback");
  command->add_option("--pkce", arguments.pkce,
                      "s256 or off; default: as the catalog entry says");
  command
      ->add_option("--input", arguments.inputs,
                   "KEY=VALUE that the catalog entry asks of an operator")
      ->allow_extra_args(false);
  command
      ->add_option("--input-file", arguments.input_files,
                   "KEY=FILE: the same, for a secret one")
      ->allow_extra_args(false);
}

}  // namespace

void AddProviderCommands(CLI::App& app, Shell& shell) {
  auto* group =
      app.add_subcommand("providers",
                         "An application's OAuth clients at providers")
          ->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();

  group->add_subcommand("list", "List them")->callback([&shell] {
    shell.Finish(List(shell));
  });

  auto* add = group->add_subcommand(
      "add", "Add one; asks for the client secret unless a file is given");
  add->add_option("ID", arguments->id, "Its id, [a-z0-9-]")->required();
  add->add_option("--catalog", arguments->catalog_entry,
                  "The catalog entry, such as pinterest; default: the ID");
  add->add_option("--environment", arguments->environment,
                  "One of the entry's environments, such as sandbox; default: "
                  "production");
  AddFieldOptions(add, *arguments);
  add->get_option("--client-id")->required();
  add->add_flag("--no-client-secret", arguments->no_client_secret,
                "The provider gave none (a public client)")
      ->excludes(add->get_option("--client-secret-file"));
  add->callback([&shell, arguments] { shell.Finish(Add(shell, *arguments)); });

  auto* show = group->add_subcommand("show", "Show one");
  show->add_option("PROVIDER", arguments->id, "Its id or name")->required();
  show->callback([&shell, arguments] { shell.Finish(Get(shell, *arguments)); });

  auto* update = group->add_subcommand("update", "Change what is given");
  update->add_option("PROVIDER", arguments->id, "Its id or name")->required();
  AddFieldOptions(update, *arguments);
  update->add_flag("--client-secret", arguments->new_client_secret,
                   "Ask for a new client secret");
  auto* second = update->add_option(
      "--second-client-secret-file", arguments->second_secret_file,
      "A file with a secret that is used when the provider refuses the client "
      "secret, for rotating it; - is standard input");
  update
      ->add_flag("--no-second-client-secret", arguments->no_second_secret,
                 "Forget it")
      ->excludes(second);
  update->callback([&shell, arguments, update] {
    shell.Finish(Update(shell, *arguments, *update));
  });

  auto* remove =
      group->add_subcommand("delete", "Delete one that has no connections");
  remove->add_option("PROVIDER", arguments->id, "Its id or name")->required();
  remove->add_flag("-y,--yes", arguments->yes, "Do not ask");
  remove->callback(
      [&shell, arguments] { shell.Finish(Delete(shell, *arguments)); });
}

}  // namespace valetkey::cli
