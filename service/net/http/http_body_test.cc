// Requests whose bodies are read as they come, and answers of a known length.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/net/http/http_server.h"

namespace valetkey {
namespace {

using boost::system::error_code;

// Tells how it came: "<size> <last 8 bytes> <most held at once>".
Task<void> Measure(ServerRequest request, RequestBody& body,
                   ResponseWriter& writer) {
  std::size_t size = 0;
  std::size_t most = 0;
  std::string tail;
  while (true) {
    auto piece = co_await body.Read();
    if (!piece.ok()) {
      (co_await writer.Send(PlainResponse(
           absl::IsInvalidArgument(piece.status()) ? 400 : 408, "broken")))
          .IgnoreError();
      co_return;
    }
    if (piece->empty()) break;
    size += piece->size();
    most = std::max(most, piece->size());
    tail += *piece;
    if (tail.size() > 8) tail = tail.substr(tail.size() - 8);
  }
  (co_await writer.Send(PlainResponse(
       200, absl::StrCat(request.authority, " ", size, " ", tail, " ",
                         most <= 80'000 ? "in pieces" : "whole"))))
      .IgnoreError();
}

Task<void> Refuse(ServerRequest, RequestBody&, ResponseWriter& writer) {
  (co_await writer.Send(PlainResponse(403, "no"))).IgnoreError();
}

Task<void> Sized(ServerRequest request, RequestBody&, ResponseWriter& writer) {
  const int status = request.path == "/sized/empty" ? 204 : 200;
  (co_await writer.Start(status, {}, 10)).IgnoreError();
  (co_await writer.Write("01234")).IgnoreError();
  if (request.path != "/sized/short") {
    (co_await writer.Write("56789")).IgnoreError();
  }
  (co_await writer.Finish()).IgnoreError();
}

class HttpBodyTest : public ::testing::Test {
 protected:
  // What comes back, until the server closes.
  std::string Exchange(const std::string& text) {
    if (server_ == nullptr) {
      options_.max_body_bytes = 1000;
      options_.body_timeout = absl::Seconds(1);
      server_ = std::make_unique<HttpServer>(pool_, options_);
      server_->HandleStreaming("/measure", &Measure);
      server_->HandleStreaming("/refuse", &Refuse);
      server_->HandleStreaming("/sized", &Sized);
      EXPECT_TRUE(server_->Start().ok());
    }
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), ignored);
    return answer;
  }

  HttpServerOptions options_;
  ReactorPool pool_{1};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpBodyTest, ComesInPiecesWhateverItsSize) {
  const std::string body = std::string(3'000'000, 'a') + "the-end!";
  const std::string answer =
      Exchange(absl::StrCat("POST /measure HTTP/1.1\r\nHost: a.example\r\n"
                            "Connection: close\r\nContent-Length: ",
                            body.size(), "\r\n\r\n", body));
  EXPECT_TRUE(absl::StrContains(answer, "a.example 3000008 the-end! in pieces"))
      << answer;
}

TEST_F(HttpBodyTest, ChunksAndTheNextRequestAreToldApart) {
  const std::string request =
      "POST http://b.example/measure HTTP/1.1\r\nHost: a.example\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  const std::string answer =
      Exchange(absl::StrCat(request,
                            "GET /measure HTTP/1.1\r\nHost: a.example\r\n"
                            "Connection: close\r\n\r\n"));
  EXPECT_TRUE(absl::StrContains(answer, "b.example 11 lo world in pieces"))
      << answer;
  EXPECT_TRUE(absl::StrContains(answer, "a.example 0  in pieces")) << answer;
}

TEST_F(HttpBodyTest, AClientThatWaitsIsToldToGoOn) {
  const std::string answer = Exchange(
      "POST /measure HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 100 Continue\r\n\r\n"))
      << answer;
  // It sent nothing.
  EXPECT_TRUE(absl::StrContains(answer, "HTTP/1.1 408 ")) << answer;
}

TEST_F(HttpBodyTest, ARefusedBodyEndsTheConnection) {
  const std::string answer = Exchange(
      "POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: 60\r\n\r\nGET /measure HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 403 ")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "Connection: close")) << answer;
  EXPECT_FALSE(absl::StrContains(answer, "HTTP/1.1 200")) << answer;
}

TEST_F(HttpBodyTest, WhatIsNoBodyIsSaid) {
  const std::string answer = Exchange(
      "POST /measure HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 400 ")) << answer;
}

TEST_F(HttpBodyTest, AnAnswerOfKnownLength) {
  const std::string end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  std::string answer = Exchange("GET /sized" + end);
  EXPECT_TRUE(absl::StrContains(answer, "Content-Length: 10\r\n")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n0123456789")) << answer;
  answer = Exchange("HEAD /sized" + end);
  EXPECT_TRUE(absl::StrContains(answer, "Content-Length: 10\r\n")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n")) << answer;
  answer = Exchange("GET /sized/empty" + end);
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 204 ")) << answer;
  EXPECT_FALSE(absl::StrContains(answer, "Content-Length")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n")) << answer;
  // Cut off, and not taken for the whole.
  answer = Exchange("GET /sized/short HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n01234")) << answer;
}

}  // namespace
}  // namespace valetkey
