// Just enough of an HTTP/1.1 server on loopback for examples and tests: one
// request a connection, one connection at a time. Not for anything else.

#ifndef VALETKEY_CLIENT_EXAMPLES_HTTP_SERVER_H_
#define VALETKEY_CLIENT_EXAMPLES_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpReply {
  int status = 200;
  std::string body;
  std::string location;
};

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  // Serves on 127.0.0.1, on a free port if it is 0, with a thread of its own.
  HttpServer(int port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:8080".
  const std::string& origin() const { return origin_; }

 private:
  void Serve();

  const Handler handler_;
  int listener_ = -1;
  std::string origin_;
  std::thread thread_;
};

#endif  // VALETKEY_CLIENT_EXAMPLES_HTTP_SERVER_H_
