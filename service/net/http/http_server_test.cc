#include "service/net/http/http_server.h"

#include <sys/stat.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "service/async/promise.h"
#include "service/net/http/test_certificates.h"

namespace valetkey {
namespace {

using boost::system::error_code;

// Says back what it was asked.
Task<void> Echo(ServerRequest request, ResponseWriter& writer) {
  HttpResponse response =
      PlainResponse(200, absl::StrCat(request.method, " ", request.path, " ",
                                      request.query, " ", request.body));
  response.headers.Add("X-Evil", "a\r\nX-Injected: 1");
  (co_await writer.Send(std::move(response))).IgnoreError();
}

Task<void> Silent(ServerRequest, ResponseWriter&) { co_return; }

Task<void> ThreeChunks(ServerRequest, ResponseWriter& writer) {
  HttpHeaders headers;
  headers.Add("Content-Type", "text/plain");
  EXPECT_TRUE((co_await writer.Start(200, headers)).ok());
  for (const char* chunk : {"one,", "", "two,", "three"}) {
    EXPECT_TRUE((co_await writer.Write(chunk)).ok());
  }
  EXPECT_TRUE((co_await writer.Finish()).ok());
}

Task<void> HalfAStream(ServerRequest, ResponseWriter& writer) {
  (co_await writer.Start(200, {})).IgnoreError();
  (co_await writer.Write("half")).IgnoreError();
}

// Streams without end; tells what stopped it and how much was taken.
struct Endless {
  std::atomic<std::int64_t> written{0};
  std::promise<StopReason> stopped;
  std::promise<void> ended;

  Task<void> Write(ServerRequest, ResponseWriter& writer) {
    writer.OnStop([this](StopReason reason) { stopped.set_value(reason); });
    absl::Status status = co_await writer.Start(200, {});
    while (status.ok()) {
      status = co_await writer.Write(std::string(65536, 'x'));
      if (status.ok()) written += 65536;
    }
    ended.set_value();
  }
};

// Begins a stream and waits to be told to end; the answer is whole then.
struct Patient {
  std::promise<void> begun;
  std::promise<StopReason> stopped;

  Task<void> Wait(ServerRequest, ResponseWriter& writer) {
    auto stop = std::make_shared<Promise<StopReason>>(
        co_await asio::this_coro::executor);
    writer.OnStop([stop](StopReason reason) { stop->Set(reason); });
    (co_await writer.Start(200, {})).IgnoreError();
    begun.set_value();
    co_await WaitFor(stop, absl::InfiniteDuration());
    stopped.set_value(stop->value());
    (co_await writer.Write("last words")).IgnoreError();
    (co_await writer.Finish()).IgnoreError();
  }
};

// A blocking client that says what it is told to.
template <class Protocol>
class RawClient {
 public:
  explicit RawClient(const typename Protocol::endpoint& endpoint)
      : socket_(context_) {
    socket_.connect(endpoint);
  }
  RawClient& Send(absl::string_view text) {
    error_code ignored;
    asio::write(socket_, asio::buffer(text.data(), text.size()), ignored);
    return *this;
  }
  // One answer with a Content-Length.
  std::string Read() {
    error_code error;
    const std::size_t header = asio::read_until(
        socket_, asio::dynamic_buffer(data_), "\r\n\r\n", error);
    if (error) return std::exchange(data_, "");
    std::size_t size = header;
    const std::size_t field = data_.find("Content-Length: ");
    if (field < header) size += std::stoul(data_.substr(field + 16));
    if (data_.size() < size) {
      asio::read(socket_, asio::dynamic_buffer(data_),
                 asio::transfer_exactly(size - data_.size()), error);
    }
    std::string answer = data_.substr(0, size);
    data_.erase(0, size);
    return answer;
  }
  std::string ReadToEnd() {
    error_code error;
    asio::read(socket_, asio::dynamic_buffer(data_), error);
    return std::exchange(data_, "");
  }
  typename Protocol::socket& socket() { return socket_; }

 private:
  asio::io_context context_;
  typename Protocol::socket socket_;
  std::string data_;
};
using TcpClient = RawClient<asio::ip::tcp>;
using UnixClient = RawClient<asio::local::stream_protocol>;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServer& server() {
    if (server_ != nullptr) return *server_;
    options_.error_page = [](int status, const std::string& path) {
      return PlainResponse(status, absl::StrCat("page ", status, " ", path));
    };
    server_ = std::make_unique<HttpServer>(pool_, options_);
    server_->Handle("/echo", &Echo);
    server_->Handle("/silent", &Silent);
    server_->Handle("/chunks", &ThreeChunks);
    server_->Handle("/half", &HalfAStream);
    server_->HandlePrefix("/tree/", &Echo);
    server_->HandlePrefix("/tree/silent/", &Silent);
    server_->Handle("/endless",
                    [this](ServerRequest request, ResponseWriter& writer) {
                      return endless_.Write(std::move(request), writer);
                    });
    server_->Handle("/patient",
                    [this](ServerRequest request, ResponseWriter& writer) {
                      return patient_.Wait(std::move(request), writer);
                    });
    const absl::Status status = server_->Start();
    EXPECT_TRUE(status.ok()) << status;
    return *server_;
  }
  TcpClient Connect() {
    return TcpClient({asio::ip::address_v4::loopback(), server().port()});
  }
  // What comes back, until the server closes.
  std::string Exchange(absl::string_view text) {
    return Connect().Send(text).ReadToEnd();
  }

  HttpServerOptions options_;
  Endless endless_;
  Patient patient_;
  ReactorPool pool_{2};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  auto client = Connect();
  EXPECT_NE(server().port(), 0);
  for (int i = 0; i < 3; ++i) {
    client.Send(
        "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        "\r\nbody");
    const std::string answer = client.Read();
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nPOST /echo a=b body"));
    EXPECT_TRUE(absl::StrContains(answer, "\r\nDate: "));
    EXPECT_FALSE(absl::StrContains(answer, "Connection:"));
    EXPECT_FALSE(absl::StrContains(answer, "Injected")) << answer;
  }
  client.Send("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.ReadToEnd();
  EXPECT_TRUE(absl::StrContains(answer, "\r\nContent-Length: 12\r\n"));
  EXPECT_TRUE(absl::StrContains(answer, "\r\nConnection: close\r\n"));
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n"));
}

TEST_F(HttpServerTest, Routes) {
  auto client = Connect();
  const auto get = [&client](absl::string_view target) {
    client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    return client.Read();
  };
  EXPECT_TRUE(absl::EndsWith(get("/tree/a/b?c"), "GET /tree/a/b c "));
  EXPECT_TRUE(absl::EndsWith(get("http://x/echo?y"), "GET /echo y "));
  EXPECT_TRUE(absl::EndsWith(get("/echo/"), "page 404 /echo/"));
  EXPECT_TRUE(absl::EndsWith(get("/tree"), "page 404 /tree"));
  EXPECT_TRUE(absl::EndsWith(get("*"), "page 404 *"));
  EXPECT_TRUE(absl::EndsWith(get("http://x"), "page 404 /"));
  EXPECT_TRUE(absl::EndsWith(get("/tree/silent/x"), "page 500 /tree/silent/x"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  auto client = Connect();
  std::string requests = "\r\n";
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&requests, "POST /tree/", i,
                    " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX-T: 1\r\n\r\n");
  }
  client.Send(requests);
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(
        absl::EndsWith(client.Read(), absl::StrCat("POST /tree/", i, "  abc")));
  }
}

TEST_F(HttpServerTest, ByteByByte) {
  auto client = Connect();
  client.socket().set_option(asio::ip::tcp::no_delay(true));
  for (const char c : absl::string_view(
           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")) {
    client.Send(absl::string_view(&c, 1));
  }
  EXPECT_TRUE(absl::EndsWith(client.Read(), "POST /echo  abc"));
}

TEST_F(HttpServerTest, TooLarge) {
  options_.max_body_bytes = 1000;
  const std::string target = Exchange(
      absl::StrCat("GET /oauth/callback?code=", std::string(100'000, 'x'),
                   " HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(absl::StartsWith(target, "HTTP/1.1 414 ")) << target;
  EXPECT_TRUE(absl::EndsWith(target, "page 414 /oauth/callback"));
  const std::string header = Exchange(absl::StrCat(
      "GET /a?b HTTP/1.1\r\nHost: x\r\nX-A: ", std::string(100'000, 'x'),
      "\r\n\r\n"));
  EXPECT_TRUE(absl::EndsWith(header, "page 431 /a")) << header;
  const std::string body = Exchange(
      absl::StrCat("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n"
                   "\r\n",
                   std::string(1001, 'x')));
  EXPECT_TRUE(absl::EndsWith(body, "page 413 /a")) << body;
  const std::string chunked = Exchange(
      absl::StrCat("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
                   "\r\n\r\n7d0\r\n",
                   std::string(2000, 'x'), "\r\n0\r\n\r\n"));
  EXPECT_TRUE(absl::EndsWith(chunked, "page 413 /a")) << chunked;
}

TEST_F(HttpServerTest, GarbageIsRefused) {
  for (const absl::string_view text :
       {absl::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        absl::string_view("GET\r\n\r\n"),
        absl::string_view("GET /echo\r\n\r\n"),
        absl::string_view("GET  /echo HTTP/1.1\r\n\r\n"),
        absl::string_view("GET /echo HTTP/3.7\r\n\r\n"),
        absl::string_view("GET echo HTTP/1.1\r\nHost: x\r\n\r\n"),
        absl::string_view("G\0T /echo HTTP/1.1\r\nHost: x\r\n\r\n", 31),
        absl::string_view("GET /echo HTTP/1.1\r\nHost x\r\n\r\n"),
        absl::string_view("GET /echo HTTP/1.1\r\n\r\n"),
        absl::string_view("GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        absl::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        absl::string_view("POST /echo HTTP/1.1\r\nHost: x\r\n"
                          "Content-Length: -1\r\n\r\n"),
        absl::string_view("POST /echo HTTP/1.1\r\nHost: x\r\n"
                          "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        absl::string_view("POST /echo HTTP/1.1\r\nHost: x\r\n"
                          "Content-Length: 5\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        absl::string_view("POST /echo HTTP/1.1\r\nHost: x\r\n"
                          "Transfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    const std::string answer = Exchange(text);
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 400 ")) << text << answer;
    EXPECT_TRUE(absl::StrContains(answer, "\r\nConnection: close\r\n"));
  }
}

TEST_F(HttpServerTest, ExpectContinue) {
  auto client = Connect();
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  EXPECT_EQ(client.Read(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_TRUE(absl::EndsWith(client.Read(), "POST /echo  abc"));
}

TEST_F(HttpServerTest, SlowLoris) {
  options_.header_timeout = absl::Milliseconds(150);
  options_.body_timeout = absl::Milliseconds(150);
  options_.idle_timeout = absl::Milliseconds(150);
  for (const char* begin :
       {"GET /echo HTTP/1.1\r\nHost: x\r\nX-A: ",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"}) {
    auto client = Connect();
    client.Send(begin);
    // A byte now and then does not buy time.
    const absl::Time give_up = absl::Now() + absl::Seconds(10);
    while (client.socket().available() == 0 && absl::Now() < give_up) {
      client.Send("x");
      absl::SleepFor(absl::Milliseconds(20));
    }
    EXPECT_TRUE(absl::StartsWith(client.Read(), "HTTP/1.1 408 ")) << begin;
  }
  EXPECT_EQ(Connect().ReadToEnd(), "");
  auto kept = Connect();
  kept.Send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(kept.Read(), "");
  EXPECT_EQ(kept.ReadToEnd(), "");
}

TEST_F(HttpServerTest, ConnectionsAreLimited) {
  options_.max_connections = 2;
  auto first = Connect();
  auto second = Connect();
  const char* const request = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_NE(first.Send(request).Read(), "");
  EXPECT_NE(second.Send(request).Read(), "");
  EXPECT_EQ(server().connections(), 2);
  EXPECT_EQ(Connect().ReadToEnd(), "");
  EXPECT_NE(first.Send(request).Read(), "");
}

TEST_F(HttpServerTest, Streams) {
  auto client = Connect();
  client.Send(
      "GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /chunks HTTP/1.0\r\n\r\n");
  const std::string answers = client.ReadToEnd();
  const std::size_t second = answers.find("HTTP/1.1 200", 10);
  ASSERT_NE(second, std::string::npos) << answers;
  const std::string chunked = answers.substr(0, second);
  EXPECT_TRUE(absl::EndsWith(chunked,
                             "Transfer-Encoding: chunked\r\n\r\n4\r\none,\r\n"
                             "4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n"))
      << chunked;
  EXPECT_TRUE(absl::EndsWith(answers, "\r\n\r\none,two,three")) << answers;
  EXPECT_FALSE(absl::StrContains(answers.substr(second), "Transfer-Encoding"));
}

TEST_F(HttpServerTest, AnUnfinishedStreamIsCut) {
  const std::string answer = Exchange("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n4\r\nhalf\r\n")) << answer;
}

TEST_F(HttpServerTest, ASlowReaderHoldsTheStreamBack) {
  options_.write_timeout = absl::Milliseconds(300);
  auto client = Connect();
  client.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(endless_.stopped.get_future().get(), StopReason::kDisconnected);
  endless_.ended.get_future().wait();
  // No more than the sockets' buffers took.
  EXPECT_LT(endless_.written, 32 << 20);
}

TEST_F(HttpServerTest, AHandlerIsToldThatItsClientHasGone) {
  {
    auto client = Connect();
    client.Send("GET /patient HTTP/1.1\r\nHost: x\r\n\r\n");
    patient_.begun.get_future().wait();
  }
  EXPECT_EQ(patient_.stopped.get_future().get(), StopReason::kDisconnected);
}

TEST_F(HttpServerTest, ShutdownLetsStreamsEnd) {
  auto client = Connect();
  client.Send("GET /patient HTTP/1.1\r\nHost: x\r\n\r\n");
  patient_.begun.get_future().wait();
  auto idle = Connect();
  const auto port = server().port();
  server().Shutdown(absl::Seconds(20));
  EXPECT_EQ(patient_.stopped.get_future().get(), StopReason::kDraining);
  EXPECT_TRUE(
      absl::EndsWith(client.ReadToEnd(), "a\r\nlast words\r\n0\r\n\r\n"));
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_EQ(server().connections(), 0);
  asio::io_context context;
  asio::ip::tcp::socket late(context);
  error_code error;
  late.connect({asio::ip::address_v4::loopback(), port}, error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST_F(HttpServerTest, ShutdownCutsWhatDoesNotEnd) {
  options_.write_timeout = absl::Minutes(5);
  auto client = Connect();
  client.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.Read(), "");
  const absl::Time begin = absl::Now();
  server().Shutdown(absl::Milliseconds(100));
  EXPECT_EQ(endless_.stopped.get_future().get(), StopReason::kDraining);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

TEST_F(HttpServerTest, UnixSocket) {
  TestFolder folder;
  options_.unix_path = folder.Path("http.sock");
  options_.address = "";
  {
    // Left over from a process that was killed.
    asio::io_context context;
    asio::local::stream_protocol::acceptor stale(context, {options_.unix_path});
  }
  EXPECT_EQ(server().port(), 0);
  struct stat info = {};
  ASSERT_EQ(stat(options_.unix_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  UnixClient client({options_.unix_path});
  client.Send("GET /echo?u HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(client.Read(), "GET /echo u "));
  // Not taken from a server that is alive.
  HttpServer other(pool_, options_);
  EXPECT_FALSE(other.Start().ok());
  client.Send("GET /echo?u HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.Read(), "");
  server().Shutdown(absl::Seconds(5));
  EXPECT_NE(stat(options_.unix_path.c_str(), &info), 0);
}

TEST_F(HttpServerTest, StartSaysWhatIsWrong) {
  const auto start = [this](HttpServerOptions options) {
    return std::string(HttpServer(pool_, options).Start().message());
  };
  HttpServerOptions options;
  options.address = "localhost";
  EXPECT_TRUE(absl::StrContains(start(options), "\"localhost\""));
  options.address = "127.0.0.1";
  options.port = server().port();
  EXPECT_TRUE(absl::StrContains(start(options),
                                absl::StrCat("127.0.0.1:", options.port)));
  options.address = "";
  TestFolder folder;
  options.unix_path = folder.Write("precious", "content");
  EXPECT_TRUE(absl::StrContains(start(options), "another file"));
  EXPECT_TRUE(std::ifstream(options.unix_path).good());
  options.unix_path = std::string(200, 'x');
  EXPECT_TRUE(absl::StrContains(start(options), "unix_path"));
}

}  // namespace
}  // namespace valetkey
