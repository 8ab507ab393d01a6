#include "service/net/sql/testing/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace valetkey::sql {
namespace {

// The folder of the newest server's programs; "" if there is none.
std::string Programs() {
  std::string best;
  int best_version = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    int version = 0;
    const std::string folder = entry.path().string() + "/bin";
    if (absl::SimpleAtoi(entry.path().filename().string(), &version) &&
        version > best_version &&
        access((folder + "/initdb").c_str(), X_OK) == 0) {
      best = folder;
      best_version = version;
    }
  }
  if (!best.empty()) return best;
  const char* path = getenv("PATH");
  for (absl::string_view folder :
       absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (access(absl::StrCat(folder, "/initdb").c_str(), X_OK) == 0 &&
        access(absl::StrCat(folder, "/postgres").c_str(), X_OK) == 0) {
      return std::string(folder);
    }
  }
  return "";
}

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

// Whom the server runs as; null if that is ourselves.
const passwd* ServerUser() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

// Starts a program; its output goes to the file.
pid_t Execute(const std::vector<std::string>& arguments,
              const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const passwd* user = ServerUser();
  const int output =
      open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t pid = fork();
  if (pid != 0) {
    close(output);
    return pid;
  }
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 ||
       setuid(user->pw_uid) != 0)) {
    _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (chdir("/") != 0) _exit(126);
  execv(argv[0], argv.data());
  _exit(127);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

// Writes a file that only the server's user can read.
void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
  chmod(path.c_str(), 0600);
  if (const passwd* user = ServerUser()) {
    if (chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) return;
  }
}

}  // namespace

bool PostgresServer::Installed() { return !Programs().empty(); }

PostgresServer::PostgresServer(PostgresServerOptions options)
    : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Start(
    PostgresServerOptions options) {
  std::unique_ptr<PostgresServer> server(
      new PostgresServer(std::move(options)));
  // A socket's path has at most 107 bytes: not in a deep build folder.
  std::string folder = "/tmp/vk-postgres-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::InternalError("no temporary folder");
  }
  server->folder_ = folder;
  if (const passwd* user = ServerUser()) {
    if (chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::InternalError("the folder cannot be given away");
    }
  }
  absl::Status status = server->Initialize();
  if (status.ok()) status = server->Launch();
  if (!status.ok()) return status;
  return server;
}

PostgresServer* PostgresServer::Shared() {
  static const std::unique_ptr<PostgresServer> shared = [] {
    auto started = Start({});
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
      return std::unique_ptr<PostgresServer>();
    }
    return *std::move(started);
  }();
  return shared.get();
}

PostgresServer::~PostgresServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status PostgresServer::Initialize() {
  WriteFile(folder_ + "/password", password_ + "\n");
  const pid_t pid =
      Execute({Programs() + "/initdb", "--pgdata=" + folder_ + "/data",
               "--username=valetkey", "--pwfile=" + folder_ + "/password",
               "--auth-local=trust", "--auth-host=scram-sha-256",
               "--encoding=UTF8", "--locale=C", "--no-sync"},
              folder_ + "/log");
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    return absl::InternalError(
        absl::StrCat("initdb failed: ", ReadFile(folder_ + "/log")));
  }
  if (options_.tcp) port_ = FreePort();
  std::string config = absl::StrCat(
      "unix_socket_directories = '", folder_, "'\n", "listen_addresses = '",
      options_.tcp ? "127.0.0.1" : "", "'\n",
      "port = ", options_.tcp ? port_ : 5432, "\nmax_connections = 60\n",
      "shared_buffers = 32MB\nfsync = ", options_.fsync ? "on" : "off", "\n");
  for (const std::string& line : options_.settings) {
    absl::StrAppend(&config, line, "\n");
  }
  if (!options_.certificate.empty()) {
    WriteFile(folder_ + "/server.pem", options_.certificate);
    WriteFile(folder_ + "/server.key", options_.key);
    absl::StrAppend(&config, "ssl = on\nssl_cert_file = '", folder_,
                    "/server.pem'\nssl_key_file = '", folder_,
                    "/server.key'\n");
    WriteFile(folder_ + "/data/pg_hba.conf",
              "local all all trust\n"
              "hostssl all all 127.0.0.1/32 scram-sha-256\n");
  }
  WriteFile(folder_ + "/data/postgresql.conf", config);
  return absl::OkStatus();
}

absl::Status PostgresServer::Launch() {
  const absl::Time limit = absl::Now() + absl::Seconds(60);
  std::string last = "it does not answer";
  while (absl::Now() < limit) {
    if (pid_ <= 0) {
      pid_ = Execute({Programs() + "/postgres", "-D", folder_ + "/data"},
                     folder_ + "/log");
      if (pid_ < 0) return absl::InternalError("fork failed");
    }
    absl::StatusOr<std::string> answer = Query("postgres", "SELECT 1");
    if (answer.ok()) return absl::OkStatus();
    last = std::string(answer.status().message());
    // What was killed may still hold its memory: then it is tried again.
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    absl::SleepFor(absl::Milliseconds(pid_ > 0 ? 5 : 100));
  }
  Kill();
  return absl::DeadlineExceededError(
      absl::StrCat(last, "; ", ReadFile(folder_ + "/log")));
}

absl::StatusOr<std::string> PostgresServer::NewDatabase() {
  const std::string name = absl::StrCat("test_", getpid(), "_", ++databases_);
  absl::StatusOr<std::string> made =
      Query("postgres", absl::StrCat("CREATE DATABASE ", name));
  if (!made.ok()) return made.status();
  return name;
}

std::string PostgresServer::Url(const std::string& database) const {
  return absl::StrCat("postgres:///", database, "?host=", folder_,
                      "&user=valetkey",
                      port_ != 0 ? absl::StrCat("&port=", port_) : "");
}

std::string PostgresServer::TcpUrl(const std::string& database,
                                   const std::string& password) const {
  return absl::StrCat("postgres://valetkey:", password, "@127.0.0.1:", port_,
                      "/", database);
}

absl::StatusOr<std::string> PostgresServer::Query(
    const std::string& database, const std::string& sql) const {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(absl::StrCat(Url(database), "&connect_timeout=5").c_str()),
      PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return absl::UnavailableError(PQerrorMessage(connection.get()));
  }
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(connection.get(), sql.c_str()), PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    return absl::InternalError(PQresultErrorMessage(result.get()));
  }
  if (PQntuples(result.get()) == 0) return std::string();
  return std::string(PQgetvalue(result.get(), 0, 0));
}

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> found = {pid_};
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc", ignored)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    // "pid (name) state parent ..."; a name may hold anything.
    const std::string stat = ReadFile(entry.path().string() + "/stat");
    const std::size_t end = stat.rfind(')');
    if (end == std::string::npos) continue;
    const std::vector<std::string> fields =
        absl::StrSplit(stat.substr(end + 1), ' ', absl::SkipEmpty());
    pid_t parent = 0;
    if (fields.size() > 1 && absl::SimpleAtoi(fields[1], &parent) &&
        parent == pid_) {
      found.push_back(pid);
    }
  }
  return found;
}

void PostgresServer::Signal(int number) {
  if (pid_ <= 0) return;
  for (pid_t pid : Processes()) kill(pid, number);
}

void PostgresServer::Kill() {
  if (pid_ <= 0) return;
  // Stopped at first, so that it starts nothing meanwhile.
  kill(pid_, SIGSTOP);
  Signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::Status PostgresServer::Restart() {
  Kill();
  return Launch();
}

void PostgresServer::Pause() { Signal(SIGSTOP); }
void PostgresServer::Resume() { Signal(SIGCONT); }

}  // namespace valetkey::sql
