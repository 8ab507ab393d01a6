#include "service/cmd/valetkey/shell.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "service/cmd/valetkey/failure.h"
#include "service/cmd/valetkey/parse.h"

namespace valetkey::cli {
namespace {

// Where Debian and its kin keep the system's certificate authorities. gRPC's
// own list, which it takes by default, lacks what the administrator added.
constexpr char kSystemAuthorities[] = "/etc/ssl/certs/ca-certificates.crt";

std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const GlobalOptions& options, std::istream& in) {
  const bool tls = options.tls || !options.tls_ca.empty() ||
                   !options.tls_cert.empty() || !options.tls_key.empty();
  if (!tls) {
    if (!options.insecure_plaintext && !IsLocalAddress(options.address)) {
      throw CLI::ValidationError(
          "--address",
          absl::StrCat("the API key would cross the network to ",
                       options.address,
                       " in plain text: use --tls, or --insecure-plaintext if "
                       "you insist"));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    throw CLI::ValidationError("--tls-cert", "goes together with --tls-key");
  }
  grpc::SslCredentialsOptions ssl;
  if (!options.tls_ca.empty()) {
    ssl.pem_root_certs = ReadFile("--tls-ca", options.tls_ca, in);
  } else if (access(kSystemAuthorities, R_OK) == 0) {
    ssl.pem_root_certs = ReadFile("--tls-ca", kSystemAuthorities, in);
  }
  if (!options.tls_cert.empty()) {
    ssl.pem_cert_chain = ReadFile("--tls-cert", options.tls_cert, in);
    ssl.pem_private_key = ReadFile("--tls-key", options.tls_key, in);
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

void Shell::Finish(const grpc::Status& status) {
  if (status.ok()) return;
  const Failure failure = DescribeFailure(status);
  err_ << failure.text;
  exit_code_ = failure.exit_code;
}

void Shell::Prepare(grpc::ClientContext& context, bool with_deadline) {
  std::string key = options.api_key;
  if (!options.api_key_file.empty()) {
    key = ReadFile("--api-key-file", options.api_key_file, in_);
  }
  if (!key.empty()) {
    context.AddMetadata("authorization", absl::StrCat("Bearer ", key));
  }
  if (with_deadline) {
    const absl::Duration timeout =
        Checked("--timeout", ParseDuration(options.timeout));
    context.set_deadline(std::chrono::system_clock::now() +
                         absl::ToChronoMicroseconds(timeout));
  }
}

const std::shared_ptr<grpc::Channel>& Shell::Channel() {
  if (channel_ == nullptr) {
    grpc::ChannelArguments arguments;
    // A proxy of the environment is not meant for this machine itself.
    if (IsLocalAddress(options.address)) {
      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    }
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    channel_ = grpc::CreateCustomChannel(options.address,
                                         Credentials(options, in_), arguments);
  }
  return channel_;
}

std::string Shell::Application() const {
  if (options.application.empty()) {
    throw CLI::ValidationError("--application",
                               "is required (or set VALETKEY_APPLICATION)");
  }
  return ExpandTopName("applications", options.application);
}

std::string Shell::Name(absl::string_view collection,
                        absl::string_view text) const {
  return Checked("NAME", ExpandName(options.application, collection, text));
}

void Shell::PrintJson(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions json;
  json.add_whitespace = !one_line;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, json);
  if (!status.ok()) {
    Finish({grpc::StatusCode::INTERNAL, "the answer cannot be shown as JSON"});
    return;
  }
  out_ << text;
  if (one_line) out_ << '\n';
  out_.flush();
}

std::string Shell::Time(bool is_set,
                        const google::protobuf::Timestamp& time) const {
  if (!is_set) return "";
  return TimeText(
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
      absl::Now(), absl::LocalTimeZone());
}

bool Shell::Confirm(const std::string& question, bool yes) {
  if (yes || isatty(STDIN_FILENO) == 0) return true;
  err_ << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(in_, answer);
  if (answer == "y" || answer == "yes") return true;
  err_ << "nothing was changed\n";
  return false;
}

std::string ReadFile(const std::string& option, const std::string& path,
                     std::istream& in) {
  std::ifstream file;
  std::istream* source = &in;
  if (path != "-") {
    file.open(path, std::ios::binary);
    source = &file;
  }
  std::string text{std::istreambuf_iterator<char>(*source), {}};
  if (path != "-" && (!file.is_open() || file.bad())) {
    throw CLI::ValidationError(option, absl::StrCat("cannot read ", path));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
    text.pop_back();
  }
  return text;
}

}  // namespace valetkey::cli
