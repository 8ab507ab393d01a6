// One client's connection to the HTTP server: reads requests, runs their
// handlers and writes the answers, one after the other. Internal to net/http.
//
// A read is outstanding most of the time, also while a handler runs: that is
// how a client's leaving is seen. What arrives early (pipelining) is kept for
// the next request, and no more than a little is read ahead. Used on the
// executor's thread only.

#ifndef VALETKEY_NET_HTTP_HTTP_CONNECTION_H_
#define VALETKEY_NET_HTTP_HTTP_CONNECTION_H_

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/net/http/http_server.h"
#include "service/net/http/http_stream.h"

namespace valetkey {

// Who answers: one of the two.
struct HttpRoute {
  HttpHandler handler;
  StreamingHandler streaming;
};

class HttpRequestParser;

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // Null: nobody.
  using FindRoute = std::function<const HttpRoute*(const std::string&)>;

  // `options` and what `find` uses outlive Run.
  HttpConnection(asio::any_io_executor executor,
                 std::unique_ptr<HttpStream> stream, std::string peer,
                 const HttpServerOptions& options, FindRoute find);
  ~HttpConnection();

  // Serves until the connection ends.
  static Task<void> Run(std::shared_ptr<HttpConnection> self);

  const asio::any_io_executor& executor() const { return executor_; }
  // Ends it if it is idle, else after the running request, which is told.
  void Drain();
  // Ends it now.
  void Abort();

 private:
  friend class HttpResponseWriter;
  class Body;
  using TimePoint = std::chrono::steady_clock::time_point;

  // Wakes the one coroutine that waits; it looks for itself what has changed.
  class Event {
   public:
    explicit Event(const asio::any_io_executor& executor) : timer_(executor) {}
    void Notify() { timer_.cancel(); }
    Task<void> WaitUntil(TimePoint deadline);

   private:
    asio::steady_timer timer_;
  };

  Task<void> Serve();
  Task<bool> Handshake();
  // False if the connection is to end.
  Task<bool> ServeOne();
  // 0: `request` is there, whole or, for a streaming handler, its header. -1:
  // the connection is to end. Otherwise the status to answer with.
  Task<int> ReadRequest(ServerRequest& request);
  Task<int> ReadHeader(ServerRequest& request);
  Task<int> ReadWholeBody(ServerRequest& request);
  // Parses what has arrived; the status to answer with, or 0.
  int Parse();
  // Waits for more to parse, and asks for it; 0, or as ReadRequest.
  Task<int> Await(TimePoint deadline);
  Task<absl::StatusOr<std::string>> ReadBody();
  bool BodyIsLeft() const;
  Task<void> Dispatch(ServerRequest request);
  Task<void> AnswerError(int status, std::string path);
  HttpResponse ErrorResponse(int status, const std::string& path) const;
  // Lets the client read the last answer before the connection is closed.
  Task<void> Linger();

  void BeginRead();
  // True if more has arrived; false at the end, the deadline or, while idle,
  // when draining.
  Task<bool> AwaitRead(TimePoint deadline);
  Task<absl::Status> WriteAll(std::string data);
  void NotifyStop(StopReason reason);

  const asio::any_io_executor executor_;
  const std::unique_ptr<HttpStream> stream_;
  const std::string peer_;
  const HttpServerOptions& options_;
  const FindRoute find_;

  Event read_event_;
  Event write_event_;
  std::array<char, 8192> incoming_;  // of the outstanding read
  std::string data_;                 // arrived, not yet parsed
  bool reading_ = false;
  bool read_ended_ = false;

  bool idle_ = false;  // waits for the first byte of a request
  bool draining_ = false;
  bool aborted_ = false;

  // Of the running request.
  std::unique_ptr<HttpRequestParser> parser_;
  const HttpRoute* route_ = nullptr;
  bool continue_wanted_ = false;
  bool parsed_some_ = false;
  bool stuck_ = false;  // the parser wants more than has arrived
  bool handling_ = false;
  bool keep_alive_ = false;
  bool http10_ = false;
  bool head_ = false;
  std::function<void(StopReason)> on_stop_;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_HTTP_CONNECTION_H_
