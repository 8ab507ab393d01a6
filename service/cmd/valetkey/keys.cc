// valetkey keys: list, create, revoke.

#include "absl/time/clock.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/application_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ApplicationService::StubInterface;

struct Arguments {
  std::string name;
  std::string display_name;
  std::vector<std::string> rights;
  bool all_rights = false;
  std::string expires_in;
};

std::string RightsText(const v1::Key& key) {
  std::string text;
  for (const int right : key.rights()) {
    if (!text.empty()) text += ' ';
    text += EnumText(v1::Right_Name(static_cast<v1::Right>(right)), "RIGHT_");
  }
  return text;
}

// Whether the key works, and until when.
std::string StateText(const Shell& shell, const v1::Key& key) {
  if (key.has_revoke_time()) {
    return "revoked " + shell.Time(true, key.revoke_time());
  }
  if (!key.has_expire_time()) return "valid";
  const bool over =
      absl::FromUnixSeconds(key.expire_time().seconds()) < absl::Now();
  return (over ? "expired " : "valid until ") +
         shell.Time(true, key.expire_time());
}

grpc::Status List(Shell& shell) {
  v1::ListKeysRequest request;
  request.set_parent(shell.Application());
  v1::ListKeysResponse all;
  do {
    v1::ListKeysResponse page;
    const grpc::Status status =
        shell.Call<v1::ApplicationService>(&Stub::ListKeys, request, &page);
    if (!status.ok()) return status;
    all.mutable_keys()->MergeFrom(page.keys());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (shell.json()) {
    shell.PrintJson(all);
    return grpc::Status::OK;
  }
  Table table({"KEY", "DISPLAY NAME", "RIGHTS", "STATE", "LAST USED"});
  for (const auto& key : all.keys()) {
    table.AddRow({ShortName(key.name()), key.display_name(), RightsText(key),
                  StateText(shell, key),
                  key.has_last_use_time()
                      ? shell.Time(true, key.last_use_time())
                      : "never"});
  }
  table.Print(shell.out());
  return grpc::Status::OK;
}

grpc::Status Create(Shell& shell, const Arguments& arguments) {
  v1::CreateKeyRequest request;
  request.set_parent(shell.Application());
  request.set_display_name(arguments.display_name);
  for (const std::string& text : arguments.rights) {
    request.add_rights(static_cast<v1::Right>(Checked(
        "--right", ParseEnum(*v1::Right_descriptor(), "RIGHT_", text))));
  }
  if (arguments.all_rights) {
    for (int right = v1::Right_MIN + 1; right <= v1::Right_MAX; ++right) {
      request.add_rights(static_cast<v1::Right>(right));
    }
  }
  if (request.rights_size() == 0) {
    throw CLI::ValidationError("--right", "at least one, or --all-rights");
  }
  if (!arguments.expires_in.empty()) {
    const absl::Time end =
        absl::Now() +
        Checked("--expires-in", ParseDuration(arguments.expires_in));
    request.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(end));
  }
  v1::CreateKeyResponse response;
  const grpc::Status status =
      shell.Call<v1::ApplicationService>(&Stub::CreateKey, request, &response);
  if (!status.ok()) return status;
  if (shell.json()) {
    shell.PrintJson(response);
    return status;
  }
  // The secret alone on standard output, so that KEY=$(valetkey keys create …)
  // holds nothing else.
  shell.err() << "made " << Printable(response.key().name()) << " ("
              << RightsText(response.key())
              << "); its secret, which cannot be shown again:\n";
  shell.out() << response.secret() << std::endl;
  return status;
}

grpc::Status Revoke(Shell& shell, const Arguments& arguments) {
  v1::RevokeKeyRequest request;
  request.set_name(shell.Name("keys", arguments.name));
  v1::RevokeKeyResponse response;
  const grpc::Status status =
      shell.Call<v1::ApplicationService>(&Stub::RevokeKey, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << "revoked " << Printable(request.name()) << "\n";
  });
}

}  // namespace

void AddKeyCommands(CLI::App& app, Shell& shell) {
  auto* group = app.add_subcommand("keys", "The API keys of an application")
                    ->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();

  group->add_subcommand("list", "List keys, revoked ones too")
      ->callback([&shell] { shell.Finish(List(shell)); });

  auto* create = group->add_subcommand(
      "create", "Make a key; only its secret goes to standard output");
  create->add_option("--display-name", arguments->display_name,
                     "A name for people");
  auto* right =
      create
          ->add_option("--right", arguments->rights,
                       "read-metadata, read-tokens, connect, revoke or "
                       "administer; repeat for more")
          ->allow_extra_args(false);
  create->add_flag("--all-rights", arguments->all_rights, "All of them")
      ->excludes(right);
  create->add_option("--expires-in", arguments->expires_in,
                     "When it ceases to work, such as 90d; default: never");
  create->callback(
      [&shell, arguments] { shell.Finish(Create(shell, *arguments)); });

  auto* revoke = group->add_subcommand("revoke", "Make a key useless at once");
  revoke->add_option("KEY", arguments->name, "Its id or name")->required();
  revoke->callback(
      [&shell, arguments] { shell.Finish(Revoke(shell, *arguments)); });
}

}  // namespace valetkey::cli
