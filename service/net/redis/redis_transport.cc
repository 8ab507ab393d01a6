#include "service/net/redis/redis_transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace valetkey::redis {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

absl::Status Failed(absl::string_view step, error_code error) {
  return absl::UnavailableError(
      absl::StrCat("redis: ", step, ": ", error.message()));
}

class UnixTransport final : public RedisTransport {
 public:
  UnixTransport(asio::any_io_executor executor, RedisUrl url)
      : url_(std::move(url)), socket_(executor) {}

  Task<absl::Status> Connect() override {
    // Asio throws where a path does not fit into sockaddr_un.
    if (url_.path.size() >= sizeof(sockaddr_un::sun_path)) {
      co_return absl::InvalidArgumentError(
          "redis: the path of the socket is too long");
    }
    auto [error] =
        co_await socket_.async_connect(Local::endpoint(url_.path), kAwait);
    if (error) co_return Failed("connect", error);
    co_return absl::OkStatus();
  }
  void Read(asio::mutable_buffer buffer, IoHandler handler) override {
    socket_.async_read_some(buffer, std::move(handler));
  }
  void Write(asio::const_buffer data, IoHandler handler) override {
    asio::async_write(socket_, data, std::move(handler));
  }
  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  const RedisUrl url_;
  Local::socket socket_;
};

// Resolves the host and connects to the first address that answers.
class TcpConnector {
 public:
  explicit TcpConnector(asio::any_io_executor executor) : resolver_(executor) {}

  Task<absl::Status> Connect(tcp::socket& socket, const RedisUrl& url) {
    error_code not_an_address;
    const auto address = asio::ip::make_address(url.host, not_an_address);
    error_code error;
    if (!not_an_address) {
      // No resolver, and so no thread of its own.
      const tcp::endpoint endpoint(address,
                                   static_cast<unsigned short>(url.port));
      std::tie(error) = co_await socket.async_connect(endpoint, kAwait);
    } else {
      auto [failure, found] = co_await resolver_.async_resolve(
          url.host, std::to_string(url.port), kAwait);
      if (failure) co_return Failed("resolve", failure);
      if (closed_) co_return absl::CancelledError("redis: closed");
      std::tie(error, std::ignore) =
          co_await asio::async_connect(socket, found, kAwait);
    }
    if (error) co_return Failed("connect", error);
    if (closed_) co_return absl::CancelledError("redis: closed");
    socket.set_option(tcp::no_delay(true), error);
    co_return absl::OkStatus();
  }
  // getaddrinfo cannot be interrupted: what waits for it ends when it does.
  void Close() {
    closed_ = true;
    resolver_.cancel();
  }

 private:
  tcp::resolver resolver_;
  bool closed_ = false;
};

class TcpTransport final : public RedisTransport {
 public:
  TcpTransport(asio::any_io_executor executor, RedisUrl url)
      : url_(std::move(url)), connector_(executor), socket_(executor) {}

  Task<absl::Status> Connect() override {
    return connector_.Connect(socket_, url_);
  }
  void Read(asio::mutable_buffer buffer, IoHandler handler) override {
    socket_.async_read_some(buffer, std::move(handler));
  }
  void Write(asio::const_buffer data, IoHandler handler) override {
    asio::async_write(socket_, data, std::move(handler));
  }
  void Close() override {
    connector_.Close();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  const RedisUrl url_;
  TcpConnector connector_;
  tcp::socket socket_;
};

class TlsTransport final : public RedisTransport {
 public:
  TlsTransport(asio::any_io_executor executor, RedisUrl url)
      : url_(std::move(url)),
        connector_(executor),
        context_(asio::ssl::context::tls_client),
        executor_(executor) {}

  // Reads the files.
  absl::Status Prepare() {
    error_code error;
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    if (url_.ca.empty()) {
      context_.set_default_verify_paths(error);
    } else {
      context_.load_verify_file(url_.ca, error);
    }
    if (error) return Failed("ca", error);
    if (!url_.certificate.empty()) {
      context_.use_certificate_chain_file(url_.certificate, error);
      if (error) return Failed("cert", error);
      context_.use_private_key_file(url_.key, asio::ssl::context::pem, error);
      if (error) return Failed("key", error);
    }
    const std::string& name =
        url_.server_name.empty() ? url_.host : url_.server_name;
    stream_.emplace(executor_, context_);
    stream_->set_verify_mode(asio::ssl::verify_peer, error);
    if (error) return Failed("tls", error);
    stream_->set_verify_callback(asio::ssl::host_name_verification(name),
                                 error);
    if (error) return Failed("tls", error);
    error_code is_name;
    asio::ip::make_address(name, is_name);
    // RFC 6066, section 3: addresses are not sent as server names.
    if (is_name) {
      SSL_set_tlsext_host_name(stream_->native_handle(), name.c_str());
    }
    return absl::OkStatus();
  }

  Task<absl::Status> Connect() override {
    absl::Status status =
        co_await connector_.Connect(stream_->next_layer(), url_);
    if (!status.ok()) co_return status;
    auto [error] = co_await stream_->async_handshake(
        asio::ssl::stream_base::client, kAwait);
    if (error) co_return Failed("tls handshake", error);
    co_return absl::OkStatus();
  }
  void Read(asio::mutable_buffer buffer, IoHandler handler) override {
    stream_->async_read_some(buffer, std::move(handler));
  }
  void Write(asio::const_buffer data, IoHandler handler) override {
    asio::async_write(*stream_, data, std::move(handler));
  }
  // Without close_notify: nothing is lost that was not answered.
  void Close() override {
    connector_.Close();
    error_code ignored;
    stream_->next_layer().close(ignored);
  }

 private:
  const RedisUrl url_;
  TcpConnector connector_;
  asio::ssl::context context_;
  asio::any_io_executor executor_;
  std::optional<asio::ssl::stream<tcp::socket>> stream_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<RedisTransport>> NewRedisTransport(
    asio::any_io_executor executor, RedisUrl url) {
  std::shared_ptr<RedisTransport> transport;
  switch (url.transport) {
    case RedisUrl::Transport::kUnix:
      transport = std::make_shared<UnixTransport>(executor, std::move(url));
      break;
    case RedisUrl::Transport::kTcp:
      transport = std::make_shared<TcpTransport>(executor, std::move(url));
      break;
    case RedisUrl::Transport::kTls: {
      auto tls = std::make_shared<TlsTransport>(executor, std::move(url));
      if (absl::Status status = tls->Prepare(); !status.ok()) return status;
      transport = std::move(tls);
      break;
    }
  }
  return transport;
}

Task<absl::StatusOr<std::size_t>> ReadSome(
    std::shared_ptr<RedisTransport> transport, asio::mutable_buffer buffer) {
  auto start = [&transport, buffer](auto handler) {
    transport->Read(buffer, IoHandler(std::move(handler)));
  };
  auto [error, size] =
      co_await asio::async_initiate<decltype(kAwait),
                                    void(error_code, std::size_t)>(start,
                                                                   kAwait);
  if (error) co_return Failed("read", error);
  co_return size;
}

Task<absl::Status> WriteAll(std::shared_ptr<RedisTransport> transport,
                            asio::const_buffer data) {
  auto start = [&transport, data](auto handler) {
    transport->Write(data, IoHandler(std::move(handler)));
  };
  auto [error, size] =
      co_await asio::async_initiate<decltype(kAwait),
                                    void(error_code, std::size_t)>(start,
                                                                   kAwait);
  if (error) co_return Failed("write", error);
  co_return absl::OkStatus();
}

}  // namespace valetkey::redis
