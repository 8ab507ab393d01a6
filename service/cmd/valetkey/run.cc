#include <cstdlib>

#include "service/cmd/valetkey/failure.h"
#include "service/cmd/valetkey/shell.h"

namespace valetkey::cli {
namespace {

constexpr char kFooter[] =
    R"help(A NAME may be short where the rest is known: c-7 or shop/c-7 for
applications/shop/connections/c-7.

Exit codes:
  0  done
  1  the command line is wrong
  2  not found, exists already, or a value was refused
  3  somebody must act first: consent again, mend the provider, ...
  4  not now: the same command may succeed later
  5  the API key is missing, wrong or lacks a right
  6  a fault of the server's own

Example:
  export VALETKEY_API_KEY=vk_... VALETKEY_APPLICATION=shop
  valetkey connect pinterest --subject ann
  curl -H "Authorization: Bearer $(valetkey token c-7)" ...
)help";

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--address", options.address,
                 "The server: host:port, or unix:/path")
      ->envname("VALETKEY_ADDRESS")
      ->capture_default_str();
  app.add_option("--application", options.application,
                 "The application that short names belong to")
      ->envname("VALETKEY_APPLICATION");
  auto* key = app.add_option("--api-key", options.api_key,
                             "The API key; others on this machine can see a "
                             "command line, so set VALETKEY_API_KEY instead")
                  ->envname("VALETKEY_API_KEY");
  key->option_text("TEXT (Env:VALETKEY_API_KEY)");
  app.add_option("--api-key-file", options.api_key_file,
                 "A file with the API key; goes before VALETKEY_API_KEY");
  app.add_flag("--tls", options.tls, "Use TLS with the system's authorities");
  app.add_option("--tls-ca", options.tls_ca,
                 "Use TLS with the authorities in this PEM file");
  app.add_option("--tls-cert", options.tls_cert,
                 "The client certificate, PEM; with --tls-key");
  app.add_option("--tls-key", options.tls_key, "Its private key, PEM");
  app.add_flag("--insecure-plaintext", options.insecure_plaintext,
               "Send the API key over the network without TLS");
  app.add_flag("--json", options.json,
               "Print JSON: one object, or one a line for streams");
  app.add_option("--timeout", options.timeout, "How long to wait for an answer")
      ->capture_default_str();
}

}  // namespace

int Run(int argc, const char* const* argv, std::istream& in, std::ostream& out,
        std::ostream& err) {
  // The error line says it all; gRPC's own lines would only frighten.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  Shell shell(in, out, err);
  CLI::App app("The command line of ValetKey, a broker of OAuth tokens.",
               "valetkey");
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand after the command too
  AddGlobalOptions(app, shell.options);
  AddApplicationCommands(app, shell);
  AddKeyCommands(app, shell);
  AddCatalogCommands(app, shell);
  AddProviderCommands(app, shell);
  AddConnectCommand(app, shell);
  AddConnectionCommands(app, shell);
  AddTokenCommands(app, shell);
  AddWatchCommand(app, shell);
  AddStatusCommand(app, shell);
  AddStoreCommands(app, shell);
  AddPolicyCommands(app, shell);
  AddHealthCommand(app, shell);
  app.add_subcommand("version", "Print the version")->callback([&shell] {
    shell.out() << "valetkey " << VALETKEY_VERSION << "\n";
  });
  app.footer(kFooter);  // last, or every command would inherit it
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help, out, err);
  } catch (const CLI::ParseError& error) {
    err << "valetkey: " << error.what() << "\n";
    const auto used = app.get_subcommands();
    err << "  see 'valetkey " << (used.empty() ? "" : used[0]->get_name() + " ")
        << "--help'\n";
    return kExitUsage;
  }
  return shell.exit_code();
}

}  // namespace valetkey::cli
