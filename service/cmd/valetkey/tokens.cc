// valetkey token, refresh, revoke.

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"
#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::cli {
namespace {

using Stub = v1::TokenService::StubInterface;

struct Arguments {
  std::string name;
  std::string token;
  std::vector<std::string> scopes;
  std::string min_lifetime;
  std::int64_t min_generation = 0;
  std::int64_t generation = 0;
  bool quiet = false;
};

std::string ExpiryText(const Shell& shell, const v1::Token& token) {
  return token.has_expire_time()
             ? absl::StrCat("expires ", shell.Time(true, token.expire_time()))
             : "does not expire";
}

// The token alone on standard output; what a person wants to know beside it on
// standard error, if that is a terminal.
grpc::Status GetToken(Shell& shell, const Arguments& arguments) {
  v1::GetTokenRequest request;
  request.set_name(shell.Name("connections", arguments.name));
  request.set_token(arguments.token);
  for (const auto& scope : arguments.scopes) {
    request.add_required_scopes(scope);
  }
  if (!arguments.min_lifetime.empty()) {
    const absl::Duration lifetime =
        Checked("--min-lifetime", ParseDuration(arguments.min_lifetime));
    request.mutable_min_lifetime()->set_seconds(absl::ToInt64Seconds(lifetime));
    request.mutable_min_lifetime()->set_nanos(static_cast<int>(
        absl::ToInt64Nanoseconds(lifetime % absl::Seconds(1))));
  }
  request.set_min_generation(arguments.min_generation);
  request.set_rejected_generation(arguments.generation);
  v1::GetTokenResponse response;
  const grpc::Status status =
      shell.Call<v1::TokenService>(&Stub::GetToken, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << response.token().access_token() << std::endl;
    if (!arguments.quiet && isatty(STDERR_FILENO) != 0) {
      shell.err() << "generation " << response.token().generation() << ", "
                  << ExpiryText(shell, response.token()) << "\n";
    }
  });
}

grpc::Status Refresh(Shell& shell, const Arguments& arguments) {
  v1::RefreshRequest request;
  request.set_name(shell.Name("connections", arguments.name));
  request.set_token(arguments.token);
  request.set_generation(arguments.generation);
  v1::RefreshResponse response;
  const grpc::Status status =
      shell.Call<v1::TokenService>(&Stub::Refresh, request, &response);
  return shell.Report(status, response, [&] {
    shell.out() << Printable(ShortName(request.name())) << ": generation "
                << response.token().generation() << ", "
                << ExpiryText(shell, response.token()) << "\n";
  });
}

grpc::Status Revoke(Shell& shell, const Arguments& arguments) {
  v1::RevokeRequest request;
  request.set_name(shell.Name("connections", arguments.name));
  v1::RevokeResponse response;
  const grpc::Status status =
      shell.Call<v1::TokenService>(&Stub::Revoke, request, &response);
  return shell.Report(status, response, [&] {
    Table table({"KIND", "TOKEN", "AT THE PROVIDER", "DETAIL"});
    for (const auto& token : response.tokens()) {
      table.AddRow({EnumText(v1::TokenKind_Name(token.kind()), "TOKEN_KIND_"),
                    token.token().empty() ? "main" : token.token(),
                    EnumText(v1::RevocationResult_Name(token.result()),
                             "REVOCATION_RESULT_"),
                    token.detail()});
    }
    table.Print(shell.out());
    shell.out() << (response.copy_destroyed()
                        ? "ValetKey's copy of the tokens is destroyed\n"
                        : "ValetKey still keeps its copy of the tokens; run "
                          "the command again later\n");
  });
}

}  // namespace

void AddTokenCommands(CLI::App& app, Shell& shell) {
  const auto arguments = std::make_shared<Arguments>();

  auto* token = app.add_subcommand(
      "token", "Print a valid access token, and nothing else");
  token->add_option("CONNECTION", arguments->name, "Its id or name")
      ->required();
  token->add_option("--token", arguments->token,
                    "Which of its tokens, such as user; default: the main one");
  token
      ->add_option("--scope", arguments->scopes,
                   "A scope that must have been granted; repeat for more")
      ->allow_extra_args(false);
  token->add_option("--min-lifetime", arguments->min_lifetime,
                    "It must live at least so long, such as 5m");
  token->add_option("--min-generation", arguments->min_generation,
                    "Of this generation or a later one");
  token->add_option("--rejected-generation", arguments->generation,
                    "The provider refused the token of this generation");
  token->add_flag("-q,--quiet", arguments->quiet,
                  "Say nothing on standard error");
  token->callback(
      [&shell, arguments] { shell.Finish(GetToken(shell, *arguments)); });

  auto* refresh = app.add_subcommand(
      "refresh",
      "Get a new token from the provider now (--json prints the token too)");
  refresh->add_option("CONNECTION", arguments->name, "Its id or name")
      ->required();
  refresh->add_option("--token", arguments->token,
                      "Which of its tokens; default: the main one");
  refresh->add_option("--generation", arguments->generation,
                      "Only if it is still of this generation");
  refresh->callback(
      [&shell, arguments] { shell.Finish(Refresh(shell, *arguments)); });

  auto* revoke = app.add_subcommand(
      "revoke", "End a grant, here and at the provider where it can be");
  revoke->add_option("CONNECTION", arguments->name, "Its id or name")
      ->required();
  revoke->callback(
      [&shell, arguments] { shell.Finish(Revoke(shell, *arguments)); });
}

}  // namespace valetkey::cli
