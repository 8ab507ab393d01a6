#include "service/net/http/http_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/async/task_scope.h"
#include "service/base/log.h"
#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/net/http/http_connection.h"
#include "service/net/http/http_stream.h"

namespace valetkey {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

// After an error of accept, out of file descriptors above all.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
// Handlers whose clients were cut off still run to their end.
constexpr absl::Duration kAbortTime = absl::Seconds(60);

absl::Status CannotListen(absl::string_view where, const error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", where, ": ", error.message()));
}

// A socket file that nobody answers on is left from an earlier process.
absl::Status RemoveStaleSocket(asio::io_context& context,
                               const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", path, ": another file is there"));
  }
  Local::socket probe(context);
  error_code error;
  probe.connect(Local::endpoint(path), error);
  if (!error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", path, ": a server listens there"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

std::string NameOf(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6()
             ? absl::StrCat("[", address, "]:", endpoint.port())
             : absl::StrCat(address, ":", endpoint.port());
}

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(ReactorPool& pool, HttpServerOptions options)
      : pool_(pool),
        options_(std::move(options)),
        tcp_(pool.At(0).context()),
        local_(pool.At(0).context()) {}

  void Handle(const std::string& path, HttpHandler handler) {
    exact_[path].handler = std::move(handler);
  }
  void HandlePrefix(const std::string& prefix, HttpHandler handler) {
    prefixes_[prefix].handler = std::move(handler);
  }
  void HandleStreaming(const std::string& prefix, StreamingHandler handler) {
    prefixes_[prefix].streaming = std::move(handler);
  }

  absl::Status Start();
  absl::Status ReloadTls(bool force);
  void Shutdown(absl::Duration grace);
  std::uint16_t port() const { return port_; }
  int connections() const {
    return connection_count_.load(std::memory_order_relaxed);
  }

 private:
  using Contexts = std::shared_ptr<asio::ssl::context>;

  absl::Status Listen();
  absl::Status ListenLocal();
  template <class Acceptor>
  Task<void> Accept(Acceptor* acceptor, bool local);
  void Add(asio::any_io_executor executor, HttpSocket socket, std::string peer,
           bool local);
  Task<void> Serve(std::shared_ptr<HttpConnection> connection);
  Task<void> PollTls();
  // Calls a member on every connection's own thread.
  void ForAll(void (HttpConnection::*call)());
  const HttpRoute* Find(const std::string& path) const;

  ReactorPool& pool_;
  const HttpServerOptions options_;
  // Longest prefix first.
  std::map<std::string, HttpRoute> exact_;
  std::map<std::string, HttpRoute, std::greater<>> prefixes_;
  tcp::acceptor tcp_;
  Local::acceptor local_;
  std::uint16_t port_ = 0;
  bool owns_file_ = false;
  std::unique_ptr<TlsFileWatcher> tls_files_;
  TaskScope scope_;
  std::atomic<int> connection_count_{0};
  int next_ = 0;  // reactor 0's thread

  Mutex mutex_;
  bool draining_ VK_GUARDED_BY(mutex_) = false;
  bool shut_down_ VK_GUARDED_BY(mutex_) = false;
  Contexts tls_context_ VK_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<HttpConnection>> open_ VK_GUARDED_BY(mutex_);
};

absl::Status HttpServer::Impl::Start() {
  if (!options_.tls.certificate_file.empty()) {
    VK_ASSIGN_OR_RETURN(tls_files_, TlsFileWatcher::Open(options_.tls));
    VK_ASSIGN_OR_RETURN(Contexts context,
                        NewServerTlsContext(*tls_files_->current()));
    MutexLock lock(mutex_);
    tls_context_ = std::move(context);
  }
  if (!options_.address.empty()) VK_RETURN_IF_ERROR(Listen());
  if (!options_.unix_path.empty()) VK_RETURN_IF_ERROR(ListenLocal());
  const auto executor = pool_.At(0).executor();
  if (tcp_.is_open()) {
    scope_.Spawn(executor, "accept http", Accept(&tcp_, false));
  }
  if (local_.is_open()) {
    scope_.Spawn(executor, "accept http on a unix socket",
                 Accept(&local_, true));
  }
  if (tls_files_ != nullptr) {
    scope_.Spawn(executor, "watch tls files", PollTls());
  }
  return absl::OkStatus();
}

absl::Status HttpServer::Impl::Listen() {
  error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error) {
    return InvalidField(
        "address", absl::StrCat("expected an IP address; \"", options_.address,
                                "\" is none"));
  }
  const tcp::endpoint endpoint(address, options_.port);
  tcp_.open(endpoint.protocol(), error);
  if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) tcp_.bind(endpoint, error);
  if (!error) tcp_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(NameOf(endpoint), error);
  port_ = tcp_.local_endpoint().port();
  return absl::OkStatus();
}

absl::Status HttpServer::Impl::ListenLocal() {
  const std::string& path = options_.unix_path;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return InvalidField("unix_path", "expected a path of at most 107 bytes");
  }
  VK_RETURN_IF_ERROR(RemoveStaleSocket(pool_.At(0).context(), path));
  error_code error;
  local_.open(Local(), error);
  // Before bind, so that there is no moment in which others may connect.
  if (!error) fchmod(local_.native_handle(), 0660);
  if (!error) local_.bind(Local::endpoint(path), error);
  if (!error) local_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(path, error);
  chmod(path.c_str(), 0660);
  owns_file_ = true;
  return absl::OkStatus();
}

template <class Acceptor>
Task<void> HttpServer::Impl::Accept(Acceptor* acceptor, bool local) {
  while (true) {
    // Each connection has a reactor of its own from the start.
    Reactor& reactor = pool_.At(next_++ % pool_.size());
    typename Acceptor::protocol_type::socket socket(reactor.context());
    error_code error;
    co_await acceptor->async_accept(
        socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      if (error != asio::error::connection_aborted) {
        Log(LogLevel::kWarning, "a connection could not be accepted",
            {{"error", error.message()}});
        if (!co_await SleepFor(kAcceptPause)) co_return;
      }
      continue;
    }
    std::string peer = "unix";
    if constexpr (std::is_same_v<Acceptor, tcp::acceptor>) {
      const tcp::endpoint remote = socket.remote_endpoint(error);
      if (error) continue;  // gone already
      peer = NameOf(remote);
      socket.set_option(tcp::no_delay(true), error);
    }
    Add(reactor.executor(), HttpSocket(std::move(socket)), std::move(peer),
        local);
  }
}

void HttpServer::Impl::Add(asio::any_io_executor executor, HttpSocket socket,
                           std::string peer, bool local) {
  if (connections() >= options_.max_connections) return;
  MutexLock lock(mutex_);
  if (draining_) return;
  auto connection = std::make_shared<HttpConnection>(
      executor,
      NewHttpStream(std::move(socket), local ? nullptr : tls_context_),
      std::move(peer), options_,
      [this](const std::string& path) { return Find(path); });
  // Not cancelled at shutdown: running requests are told, and may end.
  if (!scope_.SpawnUncancelled(executor, "http connection",
                               Serve(connection))) {
    return;
  }
  connection_count_.fetch_add(1, std::memory_order_relaxed);
  open_.insert(std::move(connection));
}

Task<void> HttpServer::Impl::Serve(std::shared_ptr<HttpConnection> connection) {
  co_await HttpConnection::Run(connection);
  MutexLock lock(mutex_);
  open_.erase(connection);
  connection_count_.fetch_sub(1, std::memory_order_relaxed);
}

Task<void> HttpServer::Impl::PollTls() {
  while (co_await SleepFor(options_.tls_poll_interval)) {
    if (const absl::Status status = ReloadTls(false); !status.ok()) {
      Log(LogLevel::kError, "changed tls files cannot be used",
          {{"error", status}});
    }
  }
}

absl::Status HttpServer::Impl::ReloadTls(bool force) {
  if (tls_files_ == nullptr) return absl::OkStatus();
  const auto before = tls_files_->current();
  VK_RETURN_IF_ERROR(force ? tls_files_->Reload() : tls_files_->Poll());
  const auto now = tls_files_->current();
  if (now == before) return absl::OkStatus();
  VK_ASSIGN_OR_RETURN(Contexts context, NewServerTlsContext(*now));
  Log(LogLevel::kInfo, "tls files reloaded",
      {{"certificate_expires", now->expire_time}});
  MutexLock lock(mutex_);
  tls_context_ = std::move(context);
  return absl::OkStatus();
}

void HttpServer::Impl::ForAll(void (HttpConnection::*call)()) {
  MutexLock lock(mutex_);
  for (const auto& connection : open_) {
    asio::post(connection->executor(),
               [connection, call] { ((*connection).*call)(); });
  }
}

void HttpServer::Impl::Shutdown(absl::Duration grace) {
  {
    MutexLock lock(mutex_);
    if (std::exchange(shut_down_, true)) return;
    draining_ = true;
  }
  scope_.Close();
  ForAll(&HttpConnection::Drain);
  if (grace <= absl::ZeroDuration() || !scope_.Join(grace)) {
    ForAll(&HttpConnection::Abort);
    scope_.Join(kAbortTime);
  }
  error_code ignored;
  tcp_.close(ignored);
  local_.close(ignored);
  if (owns_file_) unlink(options_.unix_path.c_str());
}

const HttpRoute* HttpServer::Impl::Find(const std::string& path) const {
  const auto exact = exact_.find(path);
  if (exact != exact_.end()) return &exact->second;
  for (const auto& [prefix, route] : prefixes_) {
    if (absl::StartsWith(path, prefix)) return &route;
  }
  return nullptr;
}

HttpServer::HttpServer(ReactorPool& pool, HttpServerOptions options)
    : impl_(std::make_shared<Impl>(pool, std::move(options))) {}

HttpServer::~HttpServer() { impl_->Shutdown(absl::ZeroDuration()); }

void HttpServer::Handle(const std::string& path, HttpHandler handler) {
  impl_->Handle(path, std::move(handler));
}

void HttpServer::HandlePrefix(const std::string& prefix, HttpHandler handler) {
  impl_->HandlePrefix(prefix, std::move(handler));
}

void HttpServer::HandleStreaming(const std::string& prefix,
                                 StreamingHandler handler) {
  impl_->HandleStreaming(prefix, std::move(handler));
}

absl::Status HttpServer::Start() { return impl_->Start(); }

std::uint16_t HttpServer::port() const { return impl_->port(); }

int HttpServer::connections() const { return impl_->connections(); }

absl::Status HttpServer::ReloadTls() { return impl_->ReloadTls(true); }

void HttpServer::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

}  // namespace valetkey
