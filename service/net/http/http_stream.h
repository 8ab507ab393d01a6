// A connected byte stream, plain or TLS, behind one interface, so that all
// above is compiled once. Internal to net/http.
//
// One read and one write may be outstanding at a time. Used on its executor's
// thread only; so are the callbacks, which are never called at once.

#ifndef VALETKEY_NET_HTTP_HTTP_STREAM_H_
#define VALETKEY_NET_HTTP_HTTP_STREAM_H_

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/net/http/tls_files.h"

namespace valetkey {

using HttpSocket = asio::generic::stream_protocol::socket;

class HttpStream {
 public:
  using Done = std::function<void(boost::system::error_code, std::size_t)>;

  virtual ~HttpStream() = default;
  // Agrees on TLS; a plain stream succeeds.
  virtual void AsyncHandshake(Done done) = 0;
  virtual void AsyncReadSome(asio::mutable_buffer buffer, Done done) = 0;
  virtual void AsyncWriteSome(asio::const_buffer buffer, Done done) = 0;
  // Says that nothing more will be written; what comes can still be read.
  virtual void ShutdownSend() = 0;
  // Ends what is outstanding with an error. May be called more than once.
  virtual void Close() = 0;
  virtual bool tls() const = 0;
  // The subject of the client's verified certificate, or "".
  virtual std::string ClientSubject() const = 0;
  // The same in PEM, or null.
  virtual std::shared_ptr<const std::string> ClientCertificate() = 0;
};

// A server's TLS settings made of loaded files: TLS 1.2 and later, HTTP/1.1 by
// ALPN.
absl::StatusOr<std::shared_ptr<asio::ssl::context>> NewServerTlsContext(
    const TlsMaterial& material);

// Plain if `tls` is null.
std::unique_ptr<HttpStream> NewHttpStream(
    HttpSocket socket, std::shared_ptr<asio::ssl::context> tls);

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_STREAM_H_
