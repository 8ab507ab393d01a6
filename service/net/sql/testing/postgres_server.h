// A real PostgreSQL for tests: in a temporary folder of its own, on a Unix
// socket and, if asked, a loopback port. Started as root it runs as another
// user, for it refuses root. It ends with this object, or with the test's
// process. Not thread-safe.
//
//   if (!PostgresServer::Installed()) GTEST_SKIP() << "no PostgreSQL";
//   auto server = PostgresServer::Start({});
//   std::string url = (*server)->Url(*(*server)->NewDatabase());

#ifndef VALETKEY_NET_SQL_TESTING_POSTGRES_SERVER_H_
#define VALETKEY_NET_SQL_TESTING_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace valetkey::sql {

struct PostgresServerOptions {
  bool fsync = false;
  bool tcp = false;  // also listen on 127.0.0.1, with a password
  // In PEM; if set, TCP takes TLS only.
  std::string certificate;
  std::string key;
  std::vector<std::string> settings;  // lines of postgresql.conf
};

class PostgresServer {
 public:
  static bool Installed();

  // Returns when it answers. Takes about a second.
  static absl::StatusOr<std::unique_ptr<PostgresServer>> Start(
      PostgresServerOptions options);
  // One for the whole process, started at the first call; null, with a line on
  // standard error, if that fails. Not to be stopped.
  static PostgresServer* Shared();
  ~PostgresServer();

  // A fresh database's name.
  absl::StatusOr<std::string> NewDatabase();
  // Of the socket, where no password is needed.
  std::string Url(const std::string& database) const;
  // "postgres://valetkey:PASSWORD@127.0.0.1:PORT/database".
  std::string TcpUrl(const std::string& database,
                     const std::string& password) const;
  const std::string& password() const { return password_; }
  const std::string& folder() const { return folder_; }
  int port() const { return port_; }

  // The first column of the first row, or "".
  absl::StatusOr<std::string> Query(const std::string& database,
                                    const std::string& sql) const;

  void Kill();             // SIGKILL to all of it, and waits
  absl::Status Restart();  // on the same addresses, with the same data
  void Pause();            // SIGSTOP to all of it
  void Resume();           // SIGCONT

 private:
  explicit PostgresServer(PostgresServerOptions options);
  absl::Status Initialize();
  absl::Status Launch();
  // The server and the processes that it has started.
  std::vector<pid_t> Processes() const;
  void Signal(int number);

  const PostgresServerOptions options_;
  std::string folder_;
  std::string password_ = "valetkey-test-password";
  int port_ = 0;
  int databases_ = 0;
  pid_t pid_ = -1;
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_TESTING_POSTGRES_SERVER_H_
