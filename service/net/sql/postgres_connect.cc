#include "service/net/sql/postgres_connect.h"

#include <fcntl.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/net/sql/postgres_error.h"

namespace valetkey::sql {
namespace {

// What libpq is to try at a time.
struct Target {
  std::string host;
  std::string address;  // of the host; "" where libpq needs none
  std::string port;
};

// Ends what an attempt waits for when its time is over.
struct Attempt {
  explicit Attempt(asio::any_io_executor executor)
      : resolver(executor), socket(executor), limit(executor) {}

  asio::ip::tcp::resolver resolver;
  asio::posix::stream_descriptor socket;
  asio::steady_timer limit;
  bool expired = false;

  static void Arm(const std::shared_ptr<Attempt>& self, absl::Duration time) {
    self->limit.expires_after(absl::ToChronoNanoseconds(time));
    self->limit.async_wait([self](boost::system::error_code error) {
      if (error) return;
      self->expired = true;
      self->resolver.cancel();
      boost::system::error_code ignored;
      self->socket.close(ignored);
    });
  }
};

// The addresses of a host; itself if libpq needs no help with it.
Task<absl::StatusOr<std::vector<Target>>> Resolve(
    std::shared_ptr<Attempt> attempt, PostgresHost host, std::string endpoint) {
  std::vector<Target> targets;
  boost::system::error_code error;
  asio::ip::make_address(host.name, error);
  if (host.name.empty() || host.name[0] == '/' || !error) {
    targets.push_back({host.name, "", host.port});
    co_return targets;
  }
  const auto results = co_await attempt->resolver.async_resolve(
      host.name, "", asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    co_return DatabaseError(
        endpoint,
        absl::StrCat("the host ", host.name, " is not found: ",
                     attempt->expired ? "no answer in time" : error.message()));
  }
  for (const auto& entry : results) {
    targets.push_back(
        {host.name, entry.endpoint().address().to_string(), host.port});
  }
  co_return targets;
}

PostgresHandle Start(const PostgresOptions& options, const Target& target) {
  std::map<std::string, std::string> parameters = options.url.parameters;
  if (!target.host.empty()) parameters["host"] = target.host;
  if (!target.address.empty()) parameters["hostaddr"] = target.address;
  if (!target.port.empty()) parameters["port"] = target.port;
  parameters.try_emplace("application_name", options.application_name);
  parameters.try_emplace("target_session_attrs", "read-write");
  parameters.try_emplace("gssencmode", "disable");  // it may block
  parameters["client_encoding"] = "UTF8";
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  const std::string password(options.url.password.Reveal());
  if (options.url.has_password) {
    names.push_back("password");
    values.push_back(password.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return PostgresHandle(
      PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0));
}

// Waits until libpq's socket, which may be another one each time, is ready.
Task<absl::Status> WaitForSocket(std::shared_ptr<Attempt> attempt,
                                 PGconn* connection, bool to_read,
                                 std::string endpoint) {
  const int copy = fcntl(PQsocket(connection), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) co_return DatabaseError(endpoint, "no socket");
  attempt->socket.assign(copy);
  boost::system::error_code error;
  co_await attempt->socket.async_wait(
      to_read ? asio::posix::stream_descriptor::wait_read
              : asio::posix::stream_descriptor::wait_write,
      asio::redirect_error(asio::use_awaitable, error));
  boost::system::error_code ignored;
  attempt->socket.close(ignored);
  if (attempt->expired) {
    co_return DatabaseError(endpoint, "no connection within the time");
  }
  if (error) co_return DatabaseError(endpoint, error.message());
  co_return absl::OkStatus();
}

Task<absl::StatusOr<PostgresHandle>> Try(std::shared_ptr<Attempt> attempt,
                                         const PostgresOptions& options,
                                         Target target) {
  const std::string endpoint = options.url.Endpoint();
  PostgresHandle connection = Start(options, target);
  if (connection == nullptr) co_return DatabaseError(endpoint, "no memory");
  // By default notices are printed.
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
  while (wanted != PGRES_POLLING_OK) {
    if (wanted == PGRES_POLLING_FAILED ||
        PQstatus(connection.get()) == CONNECTION_BAD) {
      co_return DatabaseError(endpoint,
                              OneLine(PQerrorMessage(connection.get())));
    }
    VK_CO_RETURN_IF_ERROR(co_await WaitForSocket(
        attempt, connection.get(), wanted == PGRES_POLLING_READING, endpoint));
    wanted = PQconnectPoll(connection.get());
  }
  if (PQserverVersion(connection.get()) < 130000) {
    co_return DatabaseError(endpoint, "the server is older than PostgreSQL 13");
  }
  if (PQsetnonblocking(connection.get(), 1) != 0 ||
      PQenterPipelineMode(connection.get()) != 1) {
    co_return DatabaseError(endpoint, "libpq refuses pipeline mode");
  }
  co_return connection;
}

// Of several failures the one that says most: of a server that answered.
void KeepError(absl::Status error, absl::Status* kept) {
  if (kept->ok() || absl::StrContains(error.message(), "FATAL")) {
    *kept = std::move(error);
  }
}

}  // namespace

Task<absl::StatusOr<PostgresHandle>> ConnectPostgres(
    const PostgresOptions& options) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::string endpoint = options.url.Endpoint();
  absl::Status failure;
  for (const PostgresHost& host : options.url.hosts) {
    auto lookup = std::make_shared<Attempt>(executor);
    Attempt::Arm(lookup, options.connect_timeout);
    auto targets = co_await Resolve(lookup, host, endpoint);
    lookup->limit.cancel();
    if (!targets.ok()) {
      KeepError(targets.status(), &failure);
      continue;
    }
    for (const Target& target : *targets) {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        co_return DatabaseError(endpoint, "closed");
      }
      auto attempt = std::make_shared<Attempt>(executor);
      Attempt::Arm(attempt, options.connect_timeout);
      auto connection = co_await Try(attempt, options, target);
      attempt->limit.cancel();
      if (connection.ok()) co_return connection;
      KeepError(connection.status(), &failure);
    }
  }
  co_return failure;
}

}  // namespace valetkey::sql
