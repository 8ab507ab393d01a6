// valetkey applications: list, create, show, update, delete.

#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/application_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ApplicationService::StubInterface;

struct Arguments {
  std::string id;
  std::string display_name;
  std::vector<std::string> return_uris;
  bool clear_return_uris = false;
  bool yes = false;
};

void Show(Shell& shell, const v1::Application& application) {
  Details details;
  details.Add("name", application.name());
  details.Add("display name", application.display_name());
  for (const std::string& uri : application.return_uris()) {
    details.Add("return uri", uri);
  }
  details.Add("created", shell.Time(application.has_create_time(),
                                    application.create_time()));
  details.Add("updated", shell.Time(application.has_update_time(),
                                    application.update_time()));
  details.Add("etag", application.etag());
  details.Print(shell.out());
}

grpc::Status List(Shell& shell) {
  v1::ListApplicationsRequest request;
  v1::ListApplicationsResponse all;
  do {
    v1::ListApplicationsResponse page;
    const grpc::Status status = shell.Call<v1::ApplicationService>(
        &Stub::ListApplications, request, &page);
    if (!status.ok()) return status;
    all.mutable_applications()->MergeFrom(page.applications());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (shell.json()) {
    shell.PrintJson(all);
    return grpc::Status::OK;
  }
  Table table({"APPLICATION", "DISPLAY NAME", "RETURN URIS", "CREATED"});
  for (const auto& application : all.applications()) {
    table.AddRow(
        {ShortName(application.name()), application.display_name(),
         ListText(application.return_uris(), " "),
         shell.Time(application.has_create_time(), application.create_time())});
  }
  table.Print(shell.out());
  return grpc::Status::OK;
}

grpc::Status Create(Shell& shell, const Arguments& arguments) {
  v1::CreateApplicationRequest request;
  request.set_application_id(arguments.id);
  auto* application = request.mutable_application();
  application->set_display_name(arguments.display_name);
  for (const auto& uri : arguments.return_uris) {
    application->add_return_uris(uri);
  }
  v1::CreateApplicationResponse response;
  const grpc::Status status = shell.Call<v1::ApplicationService>(
      &Stub::CreateApplication, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.application()); });
}

grpc::Status Get(Shell& shell, const Arguments& arguments) {
  v1::GetApplicationRequest request;
  request.set_name(arguments.id);
  v1::GetApplicationResponse response;
  const grpc::Status status = shell.Call<v1::ApplicationService>(
      &Stub::GetApplication, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.application()); });
}

grpc::Status Update(Shell& shell, const Arguments& arguments,
                    bool set_display_name) {
  v1::UpdateApplicationRequest request;
  auto* application = request.mutable_application();
  application->set_name(arguments.id);
  auto* mask = request.mutable_update_mask();
  if (set_display_name) {
    application->set_display_name(arguments.display_name);
    mask->add_paths("display_name");
  }
  if (!arguments.return_uris.empty() || arguments.clear_return_uris) {
    for (const auto& uri : arguments.return_uris) {
      application->add_return_uris(uri);
    }
    mask->add_paths("return_uris");
  }
  if (mask->paths_size() == 0) {
    throw CLI::ValidationError("update", "nothing to change was given");
  }
  v1::UpdateApplicationResponse response;
  const grpc::Status status = shell.Call<v1::ApplicationService>(
      &Stub::UpdateApplication, request, &response);
  return shell.Report(status, response,
                      [&] { Show(shell, response.application()); });
}

grpc::Status Delete(Shell& shell, const Arguments& arguments) {
  if (!shell.Confirm("delete " + arguments.id + " and its keys?",
                     arguments.yes)) {
    return grpc::Status::OK;
  }
  v1::DeleteApplicationRequest request;
  request.set_name(arguments.id);
  v1::DeleteApplicationResponse response;
  const grpc::Status status = shell.Call<v1::ApplicationService>(
      &Stub::DeleteApplication, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << "deleted " << arguments.id << "\n";
  });
}

std::string FullName(const std::string& id) {
  return id.find('/') == std::string::npos ? "applications/" + id : id;
}

}  // namespace

void AddApplicationCommands(CLI::App& app, Shell& shell) {
  auto* group = app.add_subcommand("applications",
                                   "The applications that own connections")
                    ->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();

  group->add_subcommand("list", "List applications")->callback([&shell] {
    shell.Finish(List(shell));
  });

  auto* create = group->add_subcommand("create", "Make an application");
  create->add_option("ID", arguments->id, "Its id, [a-z0-9-]")->required();
  create->add_option("--display-name", arguments->display_name,
                     "A name for people");
  create
      ->add_option("--return-uri", arguments->return_uris,
                   "Where a browser may go after consent; repeat for more")
      ->allow_extra_args(false);
  create->callback(
      [&shell, arguments] { shell.Finish(Create(shell, *arguments)); });

  auto* show = group->add_subcommand("show", "Show one");
  show->add_option("ID", arguments->id, "Its id")->required();
  show->callback([&shell, arguments] {
    arguments->id = FullName(arguments->id);
    shell.Finish(Get(shell, *arguments));
  });

  auto* update = group->add_subcommand("update", "Change one");
  update->add_option("ID", arguments->id, "Its id")->required();
  auto* display_name = update->add_option(
      "--display-name", arguments->display_name, "A name for people");
  auto* uris = update
                   ->add_option("--return-uri", arguments->return_uris,
                                "Replaces all return URIs; repeat for more")
                   ->allow_extra_args(false);
  update
      ->add_flag("--no-return-uris", arguments->clear_return_uris,
                 "Remove all return URIs")
      ->excludes(uris);
  update->callback([&shell, arguments, display_name] {
    arguments->id = FullName(arguments->id);
    shell.Finish(Update(shell, *arguments, display_name->count() > 0));
  });

  auto* remove = group->add_subcommand(
      "delete", "Delete one that has no providers or connections");
  remove->add_option("ID", arguments->id, "Its id")->required();
  remove->add_flag("-y,--yes", arguments->yes, "Do not ask");
  remove->callback([&shell, arguments] {
    arguments->id = FullName(arguments->id);
    shell.Finish(Delete(shell, *arguments));
  });
}

}  // namespace valetkey::cli
