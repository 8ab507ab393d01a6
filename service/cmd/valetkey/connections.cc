// valetkey connections: list, show, label, delete.

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/connection_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::ConnectionService::StubInterface;

constexpr int kLabelAttempts = 5;

struct Arguments {
  std::string name;
  std::string provider;
  std::string subject;
  std::string state;
  std::vector<std::string> labels;
  std::string query;
  bool needs_attention = false;
  int limit = 0;
  bool yes = false;
};

std::string StateText(const v1::Connection& connection) {
  return EnumText(v1::ConnectionState_Name(connection.state()),
                  "CONNECTION_STATE_");
}

std::string AccountText(const v1::Connection& connection) {
  const auto& account = connection.account();
  if (account.display_name().empty()) return account.id();
  if (account.id().empty()) return account.display_name();
  return absl::StrCat(account.display_name(), " (", account.id(), ")");
}

void Show(Shell& shell, const v1::Connection& connection) {
  Details details;
  details.Add("name", connection.name());
  details.Add("provider", connection.provider());
  details.Add("subject", connection.subject());
  details.Add("state", StateText(connection));
  details.Add("account", AccountText(connection));
  details.Add("scopes", ListText(connection.scopes(), " "));
  details.Add("missing scopes", ListText(connection.missing_scopes(), " "));
  details.Add("generation", absl::StrCat(connection.generation()));
  details.Add("created", shell.Time(connection.has_create_time(),
                                    connection.create_time()));
  details.Add("updated", shell.Time(connection.has_update_time(),
                                    connection.update_time()));
  details.Add("token expires", shell.Time(connection.has_expire_time(),
                                          connection.expire_time()));
  details.Add("last refresh", shell.Time(connection.has_last_refresh_time(),
                                         connection.last_refresh_time()));
  details.Add("next refresh", shell.Time(connection.has_next_refresh_time(),
                                         connection.next_refresh_time()));
  details.Add("refresh token dies",
              shell.Time(connection.has_refresh_expire_time(),
                         connection.refresh_expire_time()));
  if (connection.has_last_failure()) {
    const auto& failure = connection.last_failure();
    details.Add("last failure",
                absl::StrCat(failure.reason(), ": ", failure.message()));
    details.Add("failed",
                absl::StrCat(failure.count(), " times, last ",
                             shell.Time(failure.has_time(), failure.time())));
  }
  details.Add("further tokens", ListText(connection.extra_tokens(), " "));
  if (!connection.api_base_url().empty()) {
    details.Add("api", connection.api_base_url());
  }
  details.Add("labels", PairsText(connection.labels()));
  details.Add("metadata", PairsText(connection.metadata()));
  details.Add("etag", connection.etag());
  details.Print(shell.out());
}

grpc::Status List(Shell& shell, const Arguments& arguments) {
  v1::ListConnectionsRequest request;
  request.set_parent(shell.Application());
  if (!arguments.provider.empty()) {
    request.set_provider(shell.Name("providers", arguments.provider));
  }
  request.set_subject(arguments.subject);
  if (!arguments.state.empty()) {
    request.set_state(static_cast<v1::ConnectionState>(
        Checked("--state", ParseEnum(*v1::ConnectionState_descriptor(),
                                     "CONNECTION_STATE_", arguments.state))));
  }
  FillMap(Checked("--label", ParsePairs(arguments.labels)),
          request.mutable_labels());
  request.set_query(arguments.query);
  request.set_needs_attention(arguments.needs_attention);
  v1::ListConnectionsResponse all;
  bool more = true;
  while (more) {
    if (arguments.limit > 0) {
      request.set_page_size(
          std::min(1000, arguments.limit - all.connections_size()));
    }
    v1::ListConnectionsResponse page;
    const grpc::Status status = shell.Call<v1::ConnectionService>(
        &Stub::ListConnections, request, &page);
    if (!status.ok()) return status;
    all.mutable_connections()->MergeFrom(page.connections());
    // The first page's cursor misses nothing that happens while paging.
    if (all.cursor().empty()) all.set_cursor(page.cursor());
    request.set_page_token(page.next_page_token());
    more = !page.next_page_token().empty();
    if (more && arguments.limit > 0 &&
        all.connections_size() >= arguments.limit) {
      all.set_next_page_token(page.next_page_token());
      more = false;
    }
  }
  return shell.Report(grpc::Status::OK, all, [&] {
    Table table({"CONNECTION", "PROVIDER", "SUBJECT", "STATE", "ACCOUNT",
                 "TOKEN EXPIRES", "LABELS"});
    for (const auto& connection : all.connections()) {
      table.AddRow(
          {ShortName(connection.name()), ShortName(connection.provider()),
           connection.subject(), StateText(connection), AccountText(connection),
           shell.Time(connection.has_expire_time(), connection.expire_time()),
           PairsText(connection.labels())});
    }
    table.Print(shell.out());
    if (!all.next_page_token().empty()) {
      shell.err() << "there are more; --limit allows more\n";
    }
  });
}

grpc::Status Get(Shell& shell, const std::string& name,
                 v1::GetConnectionResponse& response) {
  v1::GetConnectionRequest request;
  request.set_name(shell.Name("connections", name));
  return shell.Call<v1::ConnectionService>(&Stub::GetConnection, request,
                                           &response);
}

// One attempt of Label().
grpc::Status TryLabel(Shell& shell, const Arguments& arguments,
                      const std::map<std::string, std::string>& set,
                      const std::vector<std::string>& removed,
                      v1::UpdateConnectionResponse& response) {
  v1::GetConnectionResponse current;
  const grpc::Status got = Get(shell, arguments.name, current);
  if (!got.ok()) return got;
  v1::UpdateConnectionRequest request;
  auto* connection = request.mutable_connection();
  connection->set_name(current.connection().name());
  connection->set_etag(current.connection().etag());
  *connection->mutable_labels() = current.connection().labels();
  for (const std::string& key : removed)
    connection->mutable_labels()->erase(key);
  FillMap(set, connection->mutable_labels());
  request.mutable_update_mask()->add_paths("labels");
  return shell.Call<v1::ConnectionService>(&Stub::UpdateConnection, request,
                                           &response);
}

// Reads the labels, changes those given, and writes them back on condition
// that nothing changed the connection in between, such as a refresh; then
// reads again.
grpc::Status Label(Shell& shell, const Arguments& arguments) {
  std::vector<std::string> pairs;
  std::vector<std::string> removed;
  for (const std::string& label : arguments.labels) {
    if (absl::EndsWith(label, "-") && !absl::StrContains(label, "=")) {
      removed.push_back(label.substr(0, label.size() - 1));
    } else {
      pairs.push_back(label);
    }
  }
  const auto set = Checked("LABEL", ParsePairs(pairs));
  grpc::Status status;
  v1::UpdateConnectionResponse response;
  for (int attempt = 0; attempt < kLabelAttempts; ++attempt) {
    status = TryLabel(shell, arguments, set, removed, response);
    if (status.error_code() != grpc::StatusCode::ABORTED) break;
  }
  return shell.Report(status, response, [&] {
    const std::string labels = PairsText(response.connection().labels());
    shell.out() << (labels.empty() ? "no labels" : Printable(labels)) << "\n";
  });
}

grpc::Status Delete(Shell& shell, const Arguments& arguments) {
  v1::DeleteConnectionRequest request;
  request.set_name(shell.Name("connections", arguments.name));
  if (!shell.Confirm("delete " + request.name() +
                         "? The provider is not told; 'valetkey revoke' does.",
                     arguments.yes)) {
    return grpc::Status::OK;
  }
  v1::DeleteConnectionResponse response;
  const grpc::Status status = shell.Call<v1::ConnectionService>(
      &Stub::DeleteConnection, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << "deleted " << Printable(request.name()) << "\n";
  });
}

}  // namespace

void AddConnectionCommands(CLI::App& app, Shell& shell) {
  auto* group =
      app.add_subcommand("connections", "The grants of users, and their health")
          ->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();

  auto* list = group->add_subcommand("list", "List those that match");
  list->add_option("--provider", arguments->provider, "Only of this provider");
  list->add_option("--subject", arguments->subject, "Only of this user");
  list->add_option("--state", arguments->state,
                   "active, reauthorization-required, revoking or revoked");
  list->add_option("--label", arguments->labels,
                   "KEY=VALUE that it must have; repeat for more")
      ->allow_extra_args(false);
  list->add_option("--search", arguments->query,
                   "Words that are in its id, subject, labels or account");
  list->add_flag("--needs-attention", arguments->needs_attention,
                 "Only those that need new consent, expire soon or fail");
  list->add_option("--limit", arguments->limit, "At most so many; default: all")
      ->check(CLI::PositiveNumber);
  list->callback(
      [&shell, arguments] { shell.Finish(List(shell, *arguments)); });

  auto* show = group->add_subcommand("show", "Show one with its health");
  show->add_option("CONNECTION", arguments->name, "Its id or name")->required();
  show->callback([&shell, arguments] {
    v1::GetConnectionResponse response;
    const grpc::Status status = Get(shell, arguments->name, response);
    shell.Finish(shell.Report(status, response,
                              [&] { Show(shell, response.connection()); }));
  });

  auto* label = group->add_subcommand("label", "Set and remove labels");
  label->add_option("CONNECTION", arguments->name, "Its id or name")
      ->required();
  label
      ->add_option("LABEL", arguments->labels,
                   "KEY=VALUE sets one, KEY- removes one")
      ->required();
  label->callback(
      [&shell, arguments] { shell.Finish(Label(shell, *arguments)); });

  auto* remove = group->add_subcommand(
      "delete", "Destroy the record of one; the provider is not told");
  remove->add_option("CONNECTION", arguments->name, "Its id or name")
      ->required();
  remove->add_flag("-y,--yes", arguments->yes, "Do not ask");
  remove->callback(
      [&shell, arguments] { shell.Finish(Delete(shell, *arguments)); });
}

}  // namespace valetkey::cli
