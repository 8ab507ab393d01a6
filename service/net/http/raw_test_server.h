// A server for tests that says on each connection exactly what a function
// tells it to, so that it can misbehave in every way. Each connection has a
// thread; the destructor closes all connections and joins.

#ifndef VALETKEY_NET_HTTP_RAW_TEST_SERVER_H_
#define VALETKEY_NET_HTTP_RAW_TEST_SERVER_H_

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/async/task.h"
#include "service/base/mutex.h"

namespace valetkey {

class RawConnection {
 public:
  RawConnection(asio::ip::tcp::socket socket, int number)
      : socket_(std::move(socket)), number_(number) {}

  int number() const { return number_; }  // 0 for the first
  // The next request whole, header and body; "" at the end.
  std::string ReadRequest() {
    boost::system::error_code error;
    const std::size_t header = asio::read_until(
        socket_, asio::dynamic_buffer(data_), "\r\n\r\n", error);
    if (error) return "";
    std::size_t size = header;
    const std::size_t field = data_.find("Content-Length: ");
    if (field < header) size += std::stoul(data_.substr(field + 16));
    while (data_.size() < size && !error) {
      char chunk[4096];
      const std::size_t n = socket_.read_some(asio::buffer(chunk), error);
      data_.append(chunk, n);
    }
    std::string request = data_.substr(0, size);
    data_.erase(0, size);
    return request;
  }
  // What has come since; "" at the end.
  std::string ReadSome() {
    boost::system::error_code error;
    char chunk[4096];
    if (data_.empty()) {
      data_.append(chunk, socket_.read_some(asio::buffer(chunk), error));
    }
    return std::exchange(data_, {});
  }
  // False once the other side has gone.
  bool Write(absl::string_view text) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(text.data(), text.size()), error);
    return !error;
  }
  void Answer(absl::string_view body) {
    Write(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(),
                       "\r\n\r\n", body));
  }
  // Blocks until the other side closes.
  void WaitForEnd() {
    boost::system::error_code error;
    char chunk[4096];
    while (!error) socket_.read_some(asio::buffer(chunk), error);
  }
  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  asio::ip::tcp::socket socket_;
  const int number_;
  std::string data_;
};

class RawTestServer {
 public:
  using Script = std::function<void(RawConnection&)>;

  explicit RawTestServer(Script script)
      : script_(std::move(script)),
        acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        port_(acceptor_.local_endpoint().port()),
        thread_([this] { Accept(); }) {}

  ~RawTestServer() {
    stopping_ = true;
    // Wakes the accept, which cannot be interrupted otherwise.
    boost::system::error_code ignored;
    asio::io_context context;
    asio::ip::tcp::socket wake(context);
    wake.connect({asio::ip::address_v4::loopback(), port_}, ignored);
    thread_.join();
    {
      MutexLock lock(mutex_);
      for (const auto& open : open_) {
        ::shutdown(open->socket().native_handle(), SHUT_RDWR);
      }
    }
    for (std::thread& thread : threads_) thread.join();
  }

  std::uint16_t port() const { return port_; }
  std::string Url(absl::string_view path = "/") const {
    return absl::StrCat("http://127.0.0.1:", port_, path);
  }
  int connections() const { return connections_; }

 private:
  void Accept() {
    while (true) {
      boost::system::error_code error;
      asio::ip::tcp::socket socket(context_);
      acceptor_.accept(socket, error);
      if (stopping_ || error) return;
      auto connection =
          std::make_shared<RawConnection>(std::move(socket), connections_++);
      MutexLock lock(mutex_);
      open_.push_back(connection);
      threads_.emplace_back([this, connection] {
        script_(*connection);
        // Closed by the destructor of the last holder: end the talk now.
        MutexLock inner(mutex_);
        ::shutdown(connection->socket().native_handle(), SHUT_RDWR);
      });
    }
  }

  const Script script_;
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  const std::uint16_t port_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  Mutex mutex_;
  std::vector<std::shared_ptr<RawConnection>> open_ VK_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;  // of the accept thread, then joined
  std::thread thread_;
};

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_RAW_TEST_SERVER_H_
