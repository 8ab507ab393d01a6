// valetkey connect: begins consent, shows the URL, waits until it is finished.

#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/cmd/valetkey/follow.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/secret_input.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/connection_service.grpc.pb.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

struct Arguments {
  std::string provider;
  std::string subject;
  std::string connection;
  std::vector<std::string> scopes;
  std::string return_uri;
  std::vector<std::string> labels;
  std::vector<std::string> parameters;
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
  bool open = false;
  bool no_wait = false;
};

// Opens the URL in a browser, without a shell in between. False if there is
// no such program.
bool OpenInBrowser(const std::string& url) {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    for (const char* program : {"xdg-open", "open"}) {
      execlp(program, program, url.c_str(), static_cast<char*>(nullptr));
    }
    _exit(127);
  }
  int result = 0;
  return waitpid(child, &result, 0) == child && WIFEXITED(result) &&
         WEXITSTATUS(result) == 0;
}

v1::AuthorizeRequest MakeRequest(Shell& shell, const Arguments& arguments) {
  v1::AuthorizeRequest request;
  request.set_provider(shell.Name("providers", arguments.provider));
  request.set_subject(arguments.subject);
  for (const auto& scope : arguments.scopes) request.add_scopes(scope);
  if (!arguments.connection.empty()) {
    request.set_connection(shell.Name("connections", arguments.connection));
  } else if (arguments.subject.empty()) {
    throw CLI::ValidationError(
        "--subject", "is required, unless --connection names an existing one");
  }
  request.set_return_uri(arguments.return_uri);
  FillMap(Checked("--label", ParsePairs(arguments.labels)),
          request.mutable_labels());
  FillMap(Checked("--parameter", ParsePairs(arguments.parameters)),
          request.mutable_extra_parameters());
  ReadInputs(shell, arguments.inputs, arguments.input_files,
             request.mutable_inputs());
  return request;
}

// A cursor from before the consent began, so that its end cannot be missed.
grpc::Status CursorOfNow(Shell& shell, const std::string& application,
                         std::string& cursor) {
  v1::ListConnectionsRequest request;
  request.set_parent(application);
  request.set_page_size(1);
  v1::ListConnectionsResponse response;
  const grpc::Status status = shell.Call<v1::ConnectionService>(
      &v1::ConnectionService::StubInterface::ListConnections, request,
      &response);
  cursor = response.cursor();
  return status;
}

// Waits for the connection's event, then shows the connection.
grpc::Status AwaitConsent(Shell& shell, const std::string& application,
                          const std::string& cursor,
                          const v1::AuthorizeResponse& authorization) {
  v1::WatchEventsRequest request;
  request.set_parent(application);
  request.set_cursor(cursor);
  request.set_connection(authorization.connection());
  request.add_types(v1::EVENT_TYPE_CONNECTED);
  request.add_types(v1::EVENT_TYPE_REAUTHORIZED);
  FollowOptions follow;
  follow.deadline =
      absl::FromUnixSeconds(authorization.expire_time().seconds());
  follow.on_message = [](const v1::WatchEventsResponse& message) {
    return !message.has_event();
  };
  const grpc::Status watched = Follow(shell, request, follow);
  if (watched.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            "nobody finished the consent before its URL expired"};
  }
  if (!watched.ok()) return watched;
  v1::GetConnectionRequest get;
  get.set_name(authorization.connection());
  v1::GetConnectionResponse response;
  const grpc::Status status = shell.Call<v1::ConnectionService>(
      &v1::ConnectionService::StubInterface::GetConnection, get, &response);
  return shell.Report(status, response, [&] {
    const auto& connection = response.connection();
    Details details;
    details.Add("connected", connection.name());
    details.Add("account", connection.account().display_name());
    details.Add("scopes", ListText(connection.scopes(), " "));
    details.Add("missing scopes", ListText(connection.missing_scopes(), " "));
    details.Add("token expires", shell.Time(connection.has_expire_time(),
                                            connection.expire_time()));
    details.Print(shell.out());
  });
}

grpc::Status Connect(Shell& shell, const Arguments& arguments) {
  const v1::AuthorizeRequest request = MakeRequest(shell, arguments);
  const std::string application =
      request.provider().substr(0, request.provider().find("/providers/"));
  std::string cursor;
  if (!arguments.no_wait) {
    const grpc::Status status = CursorOfNow(shell, application, cursor);
    if (!status.ok()) return status;
  }
  v1::AuthorizeResponse response;
  const grpc::Status status = shell.Call<v1::TokenService>(
      &v1::TokenService::StubInterface::Authorize, request, &response);
  if (!status.ok()) return status;
  if (arguments.no_wait && shell.json()) {
    shell.PrintJson(response);
  } else if (arguments.no_wait) {
    shell.out() << Printable(response.authorization_uri()) << std::endl;
  } else {
    // Standard output is for the result.
    shell.err() << "Open this in a browser ("
                << RelativeTime(
                       absl::FromUnixSeconds(response.expire_time().seconds()) -
                       absl::Now())
                << " it expires):\n\n  "
                << Printable(response.authorization_uri()) << "\n\n";
  }
  if (arguments.open && !OpenInBrowser(response.authorization_uri())) {
    shell.err() << "valetkey: no browser could be opened here\n";
  }
  if (arguments.no_wait) return grpc::Status::OK;
  shell.err() << "waiting for the consent; Ctrl-C ends the waiting only\n";
  return AwaitConsent(shell, application, cursor, response);
}

}  // namespace

void AddConnectCommand(CLI::App& app, Shell& shell) {
  const auto arguments = std::make_shared<Arguments>();
  auto* connect = app.add_subcommand(
      "connect", "Begin a person's consent and wait until it is finished");
  connect->add_option("PROVIDER", arguments->provider, "Its id or name")
      ->required();
  connect->add_option("--subject", arguments->subject,
                      "The application's own id of the person");
  connect->add_option("--connection", arguments->connection,
                      "Re-authorize this connection; it keeps its name");
  connect
      ->add_option("--scope", arguments->scopes,
                   "A scope to ask for; repeat for more; default: the "
                   "provider's")
      ->allow_extra_args(false);
  connect->add_option("--return-uri", arguments->return_uri,
                      "Where the browser goes afterwards; must be registered");
  connect
      ->add_option("--label", arguments->labels,
                   "KEY=VALUE on the new connection; repeat for more")
      ->allow_extra_args(false);
  connect
      ->add_option("--parameter", arguments->parameters,
                   "KEY=VALUE in the URL, if the catalog entry allows it")
      ->allow_extra_args(false);
  connect
      ->add_option("--input", arguments->inputs,
                   "KEY=VALUE that the catalog entry asks of the person")
      ->allow_extra_args(false);
  connect
      ->add_option("--input-file", arguments->input_files,
                   "KEY=FILE: the same, for a secret one")
      ->allow_extra_args(false);
  connect->add_flag("--open", arguments->open, "Open the URL in a browser");
  connect->add_flag("--no-wait", arguments->no_wait,
                    "Print the URL and end at once");
  connect->callback(
      [&shell, arguments] { shell.Finish(Connect(shell, *arguments)); });
}

}  // namespace valetkey::cli
