// What every command shares: the global options, where to print, and calls to
// the server with their key, deadline and credentials.
//
// A command returns the grpc::Status of what it did; Fail() in failure.h turns
// it into a line for a person and an exit code. What the person typed wrongly
// is thrown as CLI::ValidationError, which is CLI11's way. Not thread-safe.

#ifndef VALETKEY_CMD_VALETKEY_SHELL_H_
#define VALETKEY_CMD_VALETKEY_SHELL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <istream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "service/cmd/valetkey/format.h"

namespace valetkey::cli {

struct GlobalOptions {
  std::string address = "127.0.0.1:8800";
  std::string application;  // an id or a name; empty: none
  std::string api_key;
  std::string api_key_file;
  bool tls = false;
  std::string tls_ca;    // a file of PEM certificates; empty: the system's
  std::string tls_cert;  // the client's certificate chain
  std::string tls_key;
  bool insecure_plaintext = false;
  bool json = false;
  std::string timeout = "30s";
};

class Shell {
 public:
  // The streams outlive the shell.
  Shell(std::istream& in, std::ostream& out, std::ostream& err)
      : in_(in), out_(out), err_(err) {}

  GlobalOptions options;

  std::istream& in() { return in_; }
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  bool json() const { return options.json; }

  // Prints the error, if it is one, and keeps its exit code.
  void Finish(const grpc::Status& status);
  int exit_code() const { return exit_code_; }

  // One unary call:
  //   shell.Call<v1::TokenService>(
  //       &v1::TokenService::StubInterface::GetToken, request, &response);
  template <typename Service, typename Request, typename Response>
  grpc::Status Call(grpc::Status (Service::StubInterface::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    Prepare(context, /*with_deadline=*/true);
    return (Service::NewStub(Channel()).get()->*method)(&context, request,
                                                        response);
  }

  // Puts the API key and, if asked, the deadline into a call.
  void Prepare(grpc::ClientContext& context, bool with_deadline);
  const std::shared_ptr<grpc::Channel>& Channel();

  // "applications/{a}", from --application.
  std::string Application() const;
  // A full name from a short one; see ExpandName().
  std::string Name(absl::string_view collection, absl::string_view text) const;

  // A message as JSON: many lines, or one where it is one of a stream.
  void PrintJson(const google::protobuf::Message& message,
                 bool one_line = false);
  // Passes the status on; if it is OK, prints the response first, as JSON or
  // by `show`.
  template <typename Show>
  grpc::Status Report(const grpc::Status& status,
                      const google::protobuf::Message& response, Show show) {
    if (!status.ok()) return status;
    if (json()) {
      PrintJson(response);
    } else {
      show();
    }
    return status;
  }
  // The time for a person; "" if it is not set.
  std::string Time(bool is_set, const google::protobuf::Timestamp& time) const;

  // Asks before something is destroyed; true without asking if `yes` or if no
  // person is there to be asked.
  bool Confirm(const std::string& question, bool yes);

 private:
  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  int exit_code_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
};

// The value, or what is wrong with the option as CLI11 wants it said.
template <typename StatusOrValue>
auto Checked(const std::string& option, StatusOrValue value) {
  if (!value.ok()) {
    throw CLI::ValidationError(option, std::string(value.status().message()));
  }
  return *std::move(value);
}

// The whole of a file, without line ends at its end; "-" is `in`.
std::string ReadFile(const std::string& option, const std::string& path,
                     std::istream& in);

// --label K=V and its kind into a protobuf map.
template <typename Map>
void FillMap(const std::map<std::string, std::string>& pairs, Map* map) {
  for (const auto& [key, value] : pairs) (*map)[key] = value;
}

// "a=1, b=2" in the order of the keys.
template <typename Map>
std::string PairsText(const Map& map) {
  std::string text;
  for (const auto& [key, value] :
       std::map<std::string, std::string>(map.begin(), map.end())) {
    text += (text.empty() ? "" : ", ") + key + "=" + value;
  }
  return text;
}

// A repeated string field as "a b c".
template <typename Repeated>
std::string ListText(const Repeated& values, absl::string_view separator) {
  std::string text;
  for (const std::string& value : values) {
    if (!text.empty()) text.append(separator.data(), separator.size());
    text += value;
  }
  return text;
}

// The command groups, each in its own file.
void AddApplicationCommands(CLI::App& app, Shell& shell);
void AddKeyCommands(CLI::App& app, Shell& shell);
void AddCatalogCommands(CLI::App& app, Shell& shell);
// The part of it that needs no server.
void AddCatalogFileCommands(CLI::App& catalog, Shell& shell);
// The part of it that changes it.
void AddCatalogAddedCommands(CLI::App& catalog, Shell& shell);
void AddProviderCommands(CLI::App& app, Shell& shell);
void AddConnectCommand(CLI::App& app, Shell& shell);
void AddConnectionCommands(CLI::App& app, Shell& shell);
void AddTokenCommands(CLI::App& app, Shell& shell);
void AddWatchCommand(CLI::App& app, Shell& shell);
void AddHealthCommand(CLI::App& app, Shell& shell);
void AddStatusCommand(CLI::App& app, Shell& shell);
void AddStoreCommands(CLI::App& app, Shell& shell);
void AddPolicyCommands(CLI::App& app, Shell& shell);

// Runs one command line; argv[0] is the program. Returns the exit code.
int Run(int argc, const char* const* argv, std::istream& in, std::ostream& out,
        std::ostream& err);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_SHELL_H_
