#include "service/net/redis/testing/redis_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "service/net/redis/testing/certificates.h"

namespace valetkey::redis {
namespace {

// Free at the moment; nothing keeps another process from taking it.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

// Starts a program; its output goes to the file descriptor.
pid_t Execute(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

bool RedisServer::Installed() {
  const char* path = getenv("PATH");
  for (absl::string_view folder :
       absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (access(absl::StrCat(folder, "/redis-server").c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

RedisServer::RedisServer(RedisServerOptions options)
    : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<RedisServer>> RedisServer::Start(
    RedisServerOptions options) {
  std::unique_ptr<RedisServer> server(new RedisServer(std::move(options)));
  // A socket's path has at most 107 bytes: not in a deep build folder.
  std::string folder = "/tmp/vk-redis-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::InternalError("no temporary folder");
  }
  server->folder_ = folder;
  if (server->options_.tls) {
    if (absl::Status status = WriteCertificates(folder); !status.ok()) {
      return status;
    }
  }
  absl::Status status;
  // Another process may take the port first.
  for (int attempt = 0; attempt < 5; ++attempt) {
    server->port_ = FreePort();
    server->tls_port_ = server->options_.tls ? FreePort() : 0;
    server->bus_port_ = server->options_.cluster ? FreePort() : 0;
    status = server->Launch();
    if (status.ok()) return server;
  }
  return status;
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status RedisServer::Launch() {
  std::ofstream config(folder_ + "/redis.conf");
  config << "port " << port_ << "\nbind 127.0.0.1\n"
         << "unixsocket " << folder_ << "/redis.sock\nunixsocketperm 700\n"
         << "save \"\"\nappendonly no\ndaemonize no\nenable-debug-command yes\n"
         << "dir " << folder_ << "\n";
  if (options_.tls) {
    config << "tls-port " << tls_port_ << "\ntls-ca-cert-file " << folder_
           << "/ca.pem\ntls-cert-file " << folder_
           << "/server.pem\ntls-key-file " << folder_
           << "/server.key\ntls-auth-clients "
           << (options_.require_client_certificate ? "yes" : "no") << "\n";
  }
  if (!options_.password.empty()) {
    config << "requirepass " << options_.password << "\n";
  }
  for (const std::string& user : options_.acl_users) {
    config << "user " << user << "\n";
  }
  if (options_.cluster) {
    config << "cluster-enabled yes\ncluster-port " << bus_port_
           << "\ncluster-config-file nodes.conf\n";
  }
  for (const std::string& line : options_.config) config << line << "\n";
  config.close();
  const int log = open((folder_ + "/log").c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<std::string> command = {"redis-server", folder_ + "/redis.conf"};
  if (options_.sentinel) command.push_back("--sentinel");
  pid_ = Execute(command, log);
  close(log);
  if (pid_ < 0) return absl::InternalError("fork failed");
  return WaitUntilItAnswers();
}

absl::Status RedisServer::WaitUntilItAnswers() {
  const absl::Time limit = absl::Now() + absl::Seconds(20);
  while (absl::Now() < limit) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      std::ifstream log(folder_ + "/log");
      std::string text((std::istreambuf_iterator<char>(log)),
                       std::istreambuf_iterator<char>());
      return absl::InternalError(
          absl::StrCat("redis-server ended at once: ", text));
    }
    absl::StatusOr<std::string> answer = Cli({"PING"});
    if (answer.ok() && absl::StartsWith(*answer, "PONG")) {
      return absl::OkStatus();
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  Kill();
  return absl::DeadlineExceededError("redis-server does not answer");
}

std::string RedisServer::UnixUrl() const {
  return absl::StrCat("unix://", folder_, "/redis.sock");
}
std::string RedisServer::TcpUrl() const {
  return absl::StrCat("redis://127.0.0.1:", port_);
}
std::string RedisServer::TlsUrl() const {
  return absl::StrCat("rediss://localhost:", tls_port_, "?ca=", folder_,
                      "/ca.pem&cert=", folder_, "/client.pem&key=", folder_,
                      "/client.key");
}
std::string RedisServer::CaFile() const { return folder_ + "/ca.pem"; }

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::Status RedisServer::Restart() {
  Kill();
  return Launch();
}

void RedisServer::Pause() { kill(pid_, SIGSTOP); }
void RedisServer::Resume() { kill(pid_, SIGCONT); }

absl::StatusOr<std::string> RedisServer::Cli(
    const std::vector<std::string>& arguments) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return absl::InternalError("pipe");
  std::vector<std::string> command = {"redis-cli", "-s",
                                      folder_ + "/redis.sock"};
  if (!options_.password.empty()) {
    command.insert(command.end(),
                   {"--no-auth-warning", "-a", options_.password});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  const pid_t pid = Execute(command, pipe_ends[1]);
  close(pipe_ends[1]);
  std::string output;
  char buffer[4096];
  ssize_t size;
  while ((size = read(pipe_ends[0], buffer, sizeof(buffer))) > 0) {
    output.append(buffer, static_cast<std::size_t>(size));
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) return absl::UnavailableError(output);
  return output;
}

}  // namespace valetkey::redis
