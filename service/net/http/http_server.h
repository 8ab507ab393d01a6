// An HTTP/1.1 server (RFC 9112) on the reactors: TCP or a Unix socket, plain
// or TLS, handlers as coroutines, whole answers and streams.
//
//   HttpServer server(pool, options);
//   server.Handle("/healthz", &Health);
//   server.HandlePrefix("/valetkey.v1.", [&rpc](ServerRequest request,
//                                               ResponseWriter& writer) {
//     return rpc.Serve(std::move(request), writer);
//   });
//   server.HandleStreaming("/upload", ...);  // reads the body as it comes
//   VK_RETURN_IF_ERROR(server.Start());
//   ... server.port() ...
//   server.Shutdown(absl::Seconds(20));
//
// A connection stays on one reactor; its handlers run there, one at a time.
// Handlers are functions that return a coroutine, not coroutines that capture.
// What a client does wrong on the way to a handler (a broken or too large
// request, silence) is answered with a page of `error_page` or by closing.

#ifndef VALETKEY_NET_HTTP_HTTP_SERVER_H_
#define VALETKEY_NET_HTTP_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task.h"
#include "service/base/http_message.h"
#include "service/net/http/tls_files.h"

namespace valetkey {

struct ServerRequest {
  std::string method;  // as sent: methods are case-sensitive
  std::string path;    // as sent, before "?": "/oauth/callback"
  std::string query;   // as sent, after "?"
  // Of the Host header, or of a target in absolute form, which goes before it
  // (RFC 9112 section 3.2.2): "api.example.com:8080". "" if there is none.
  std::string authority;
  HttpHeaders headers;
  std::string body;  // "" for a streaming handler
  std::string peer;  // "127.0.0.1:40112", or "unix"
  bool tls = false;
  // The client's certificate, if one was verified: its subject (RFC 2253),
  // which may be "", and the whole in PEM, else null.
  std::string client_subject;
  std::shared_ptr<const std::string> client_certificate;
};

// Why a handler should come to an end.
enum class StopReason {
  kDisconnected,  // the client has gone
  kDraining,      // the server is shutting down
};

// How a handler answers: once with Send, or with Start, any number of Write,
// and Finish. Used on the connection's executor by the handler only. A handler
// that returns without an answer makes a 500; one that leaves a stream without
// Finish cuts the connection, so that the client sees it as broken off.
// Errors are UNAVAILABLE: the client has gone, or does not read.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // Content-Length, Date and Connection are added. For HEAD the body is left
  // out. REQUIRES: nothing was sent.
  virtual Task<absl::Status> Send(HttpResponse response) = 0;

  // The status and headers of a stream; sent at once. With a length exactly so
  // many bytes have to follow, unless it answers HEAD; else it is sent in
  // chunks. REQUIRES: nothing was sent.
  virtual Task<absl::Status> Start(
      int status, HttpHeaders headers,
      std::optional<std::uint64_t> length = std::nullopt) = 0;
  // Waits until the system has taken the data: a slow client slows the
  // handler down, and fails it at the write timeout.
  virtual Task<absl::Status> Write(std::string data) = 0;
  virtual Task<absl::Status> Finish() = 0;

  // Calls back once, on the connection's executor and possibly at once, when
  // the client goes or the server shuts down while the handler runs. Not
  // called after the handler has returned. A draining stream may still write.
  virtual void OnStop(std::function<void(StopReason)> callback) = 0;
  virtual bool disconnected() const = 0;
  virtual bool draining() const = 0;
};

using HttpHandler =
    std::function<Task<void>(ServerRequest request, ResponseWriter& writer)>;

// The body of a request as it comes. Used on the connection's executor by the
// handler only.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  // The next piece; "" after the last. A client that waits for it is told to go
  // on (100 Continue). UNAVAILABLE: the client has gone, or has been silent for
  // body_timeout; INVALID_ARGUMENT: what came is no body.
  virtual Task<absl::StatusOr<std::string>> Read() = 0;
  // Whether nothing is left to be read, and how long the whole is, if that was
  // said.
  virtual bool done() const = 0;
  virtual std::optional<std::uint64_t> length() const = 0;
};

// Reads as much of the body as it wants to; what is left ends the connection
// after the answer. max_body_bytes does not apply.
using StreamingHandler = std::function<Task<void>(
    ServerRequest request, RequestBody& body, ResponseWriter& writer)>;

struct HttpServerOptions {
  // "127.0.0.1", "::", or "" for none; port 0 takes a free one.
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  // A Unix socket beside it, or instead; "" for none. A stale file is
  // replaced; the new one has mode 0660 and goes with the server.
  std::string unix_path;
  // TLS for the TCP port: set certificate_file. The Unix socket is plain.
  TlsFiles tls;
  absl::Duration tls_poll_interval = absl::Seconds(5);

  std::size_t max_header_bytes = 16 * 1024;  // request line included
  std::size_t max_body_bytes = std::size_t{4} << 20;
  int max_connections = 10000;  // more are closed at once
  // From the first byte of a request to the end of its header; and from there
  // to the end of its body. Total, so that a trickle does not help.
  absl::Duration header_timeout = absl::Seconds(10);
  // (For streaming handlers: of one silence within it.)
  absl::Duration body_timeout = absl::Seconds(60);
  absl::Duration idle_timeout = absl::Seconds(75);   // between requests
  absl::Duration write_timeout = absl::Seconds(30);  // of one write

  // Added to every answer: what is so for the whole origin.
  HttpHeaders headers;

  // What to say where no handler is asked: 400, 404, 408, 413, 414, 431, 500.
  // `path` is "" where it could not be read. Null: plain text.
  std::function<HttpResponse(int status, const std::string& path)> error_page;
};

// Thread-safe but for the setting up.
class HttpServer {
 public:
  // REQUIRES: the pool outlives the server.
  HttpServer(ReactorPool& pool, HttpServerOptions options);
  // Shuts down with no grace, if that has not been done.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // REQUIRES: not started. An exact path goes before a prefix, a longer prefix
  // before a shorter one.
  void Handle(const std::string& path, HttpHandler handler);
  void HandlePrefix(const std::string& prefix, HttpHandler handler);
  void HandleStreaming(const std::string& prefix, StreamingHandler handler);

  // Binds and begins to accept. UNAVAILABLE or INVALID_ARGUMENT, with the
  // address or file and what is wrong.
  absl::Status Start();

  // The TCP port that was taken; 0 if there is none. REQUIRES: started.
  std::uint16_t port() const;
  // Connections that are open.
  int connections() const;

  // Looks at the TLS files now, for SIGHUP; new connections use what was
  // found. OK without TLS.
  absl::Status ReloadTls();

  // Stops accepting, closes idle connections and tells running handlers;
  // waits for them at most `grace`, then cuts them off. Blocks; never on a
  // reactor's thread. Further calls do nothing.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// Adds the headers that belong on every page for a browser: no sniffing, no
// framing, no referrer (URLs of callbacks hold codes), none of the device's
// sensors, and no caching if nothing else is said.
void AddSecurityHeaders(HttpHeaders& headers,
                        absl::string_view cache_control = "no-store");

// A small answer in plain text.
HttpResponse PlainResponse(int status, absl::string_view text);

// 405 with an Allow header, as in "GET, HEAD".
HttpResponse MethodNotAllowed(absl::string_view allow);

// "Not Found" for 404; "Status" for one that is not known.
absl::string_view HttpStatusText(int status);

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_SERVER_H_
