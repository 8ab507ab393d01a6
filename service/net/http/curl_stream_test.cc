#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/net/http/curl_http_client.h"
#include "service/net/http/raw_test_server.h"

namespace valetkey {
namespace {

struct Outcome {
  absl::Status status;
  HttpResponseHead head;
  std::string body;
  int pieces_sent = 0;
};

struct Job {
  HttpRequestHead request;
  // The body, in pieces; null: none.
  std::function<std::string(int)> piece;
  absl::Duration silence = absl::Seconds(20);
};

Task<Outcome> RunJob(HttpStreamClient& client, Job job) {
  Outcome outcome;
  auto exchange = client.Open(job.request, job.silence);
  outcome.status = exchange.status();
  if (!exchange.ok()) co_return outcome;
  HttpExchange& open = **exchange;
  while (job.piece && !open.answered()) {
    std::string piece = job.piece(outcome.pieces_sent);
    if (piece.empty()) break;
    outcome.status = co_await open.Write(std::move(piece));
    if (!outcome.status.ok()) break;
    ++outcome.pieces_sent;
  }
  if (outcome.status.ok()) {
    open.EndBody();
    auto head = co_await open.ReadHead();
    outcome.status = head.status();
    if (head.ok()) outcome.head = *std::move(head);
  }
  while (outcome.status.ok()) {
    auto piece = co_await open.Read();
    outcome.status = piece.status();
    if (!piece.ok() || piece->empty()) break;
    outcome.body += *piece;
  }
  co_return outcome;
}

class CurlStreamTest : public ::testing::Test {
 protected:
  CurlStreamTest() { options_.allow_private_addresses = true; }

  Outcome Run(Job job) {
    if (client_ == nullptr) client_ = *NewCurlStreamClient(pool_, options_);
    return asio::co_spawn(pool_.At(0).executor(),
                          RunJob(*client_, std::move(job)), asio::use_future)
        .get();
  }

  ReactorPool pool_{1};
  CurlOptions options_;
  std::unique_ptr<HttpStreamClient> client_;
};

Job To(const RawTestServer& server, const std::string& method = "GET") {
  Job job;
  job.request.method = method;
  job.request.url = server.Url("/v5/pins?a=b");
  return job;
}

TEST_F(CurlStreamTest, AnAnswerOfManyMegabytesComesInPieces) {
  constexpr std::size_t kSize = std::size_t{8} << 20;
  RawTestServer server([](RawConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      connection.Answer(std::string(kSize, 'x'));
    }
  });
  options_.max_response_bytes = 10;  // of whole answers only
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = Run(To(server));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.head.status, 200);
    EXPECT_EQ(outcome.body.size(), kSize);
  }
  EXPECT_EQ(server.connections(), 1);
}

// What a reader does not take is not held here: the other side has to wait.
Task<std::size_t> ReadAfterAWhile(HttpStreamClient& client, Job job,
                                  std::atomic<std::size_t>& written,
                                  std::size_t& while_waiting) {
  auto exchange = client.Open(job.request, job.silence);
  EXPECT_TRUE(exchange.ok());
  (*exchange)->EndBody();
  EXPECT_TRUE((co_await (*exchange)->ReadHead()).ok());
  asio::steady_timer timer(co_await asio::this_coro::executor);
  // Until nothing more is taken from it.
  for (int still = 0; still < 20; ++still) {
    const std::size_t before = written;
    timer.expires_after(std::chrono::milliseconds(20));
    co_await timer.async_wait(asio::use_awaitable);
    if (written != before) still = 0;
  }
  while_waiting = written;
  std::size_t size = 0;
  while (true) {
    const auto piece = co_await (*exchange)->Read();
    EXPECT_TRUE(piece.ok()) << piece.status();
    if (!piece.ok() || piece->empty()) co_return size;
    size += piece->size();
  }
}

TEST_F(CurlStreamTest, ASlowReaderHoldsTheOtherSideUp) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  constexpr std::size_t kPieces = 96;
  std::atomic<std::size_t> written = 0;
  RawTestServer server([&](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write(absl::StrCat(
        "HTTP/1.1 200 OK\r\nContent-Length: ", kPiece * kPieces, "\r\n\r\n"));
    const std::string piece(kPiece, 'x');
    for (std::size_t i = 0; i < kPieces && connection.Write(piece); ++i) {
      written += kPiece;
    }
    connection.WaitForEnd();
  });
  client_ = *NewCurlStreamClient(pool_, options_);
  std::size_t while_waiting = 0;
  const std::size_t size =
      asio::co_spawn(
          pool_.At(0).executor(),
          ReadAfterAWhile(*client_, To(server), written, while_waiting),
          asio::use_future)
          .get();
  EXPECT_EQ(size, kPiece * kPieces);
  // The rest is what sockets hold.
  EXPECT_LT(while_waiting, kPiece * kPieces / 2);
}

TEST_F(CurlStreamTest, ABodyOfKnownLengthIsSentAsItComes) {
  RawTestServer server([](RawConnection& connection) {
    const std::string request = connection.ReadRequest();
    connection.Answer(request);
  });
  Job job = To(server, "PATCH");
  job.request.headers.Add("Content-Type", "image/png");
  job.request.has_body = true;
  job.request.length = 30000;
  job.piece = [](int i) { return i < 30 ? std::string(1000, 'y') : ""; };
  const Outcome outcome = Run(std::move(job));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(absl::StartsWith(outcome.body, "PATCH /v5/pins?a=b HTTP/1.1"))
      << outcome.body.substr(0, 300);
  EXPECT_TRUE(absl::StrContains(outcome.body, "Content-Length: 30000"));
  EXPECT_TRUE(absl::StrContains(outcome.body, "Content-Type: image/png"));
  EXPECT_FALSE(absl::StrContains(outcome.body, "Expect:"));
  EXPECT_TRUE(absl::EndsWith(outcome.body, std::string(30000, 'y')));
  EXPECT_EQ(outcome.pieces_sent, 30);
}

TEST_F(CurlStreamTest, ABodyOfUnknownLengthIsSentInChunks) {
  RawTestServer server([](RawConnection& connection) {
    std::string request = connection.ReadRequest();
    while (!absl::EndsWith(request, "0\r\n\r\n")) {
      const std::string more = connection.ReadSome();
      if (more.empty()) return;
      request += more;
    }
    connection.Answer(request);
  });
  Job job = To(server, "POST");
  job.request.has_body = true;
  job.piece = [](int i) { return i < 3 ? absl::StrCat("piece-", i) : ""; };
  const Outcome outcome = Run(std::move(job));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(absl::StrContains(outcome.body, "Transfer-Encoding: chunked"));
  for (const char* piece : {"piece-0", "piece-1", "piece-2"}) {
    EXPECT_TRUE(absl::StrContains(outcome.body, piece));
  }
}

TEST_F(CurlStreamTest, AnAnswerBeforeTheEndOfTheBodyIsRead) {
  RawTestServer server([](RawConnection& connection) {
    connection.ReadSome();
    connection.Write(
        "HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n"
        "Connection: close\r\n\r\nbig");
    // Closing with unread data would reset the connection, answer and all.
    connection.WaitForEnd();
  });
  Job job = To(server, "POST");
  job.request.has_body = true;
  // It never ends.
  job.piece = [](int) { return std::string(1000, 'z'); };
  const Outcome outcome = Run(std::move(job));
  EXPECT_EQ(outcome.head.status, 413);
  EXPECT_EQ(outcome.body, "big");
}

TEST_F(CurlStreamTest, InterimAnswersAreNotTheAnswer) {
  RawTestServer server([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    connection.Answer("late");
  });
  const Outcome outcome = Run(To(server));
  EXPECT_EQ(outcome.head.status, 200);
  EXPECT_EQ(outcome.head.headers.Find("Link"), nullptr);
  EXPECT_EQ(outcome.body, "late");
}

TEST_F(CurlStreamTest, AnAnswerThatIsCutOffIsAnError) {
  RawTestServer server([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  const Outcome outcome = Run(To(server));
  EXPECT_TRUE(absl::IsUnavailable(outcome.status)) << outcome.status;
  EXPECT_EQ(outcome.body, "half");
}

TEST_F(CurlStreamTest, SilenceEndsIt) {
  RawTestServer server([](RawConnection& connection) {
    connection.ReadRequest();
    connection.ReadRequest();  // until the other side goes
  });
  Job job = To(server);
  job.silence = absl::Seconds(1);
  const Outcome outcome = Run(std::move(job));
  EXPECT_TRUE(absl::IsUnavailable(outcome.status)) << outcome.status;
}

TEST_F(CurlStreamTest, PrivateAddressesAreNotReachedUnlessAllowed) {
  RawTestServer server(
      [](RawConnection& connection) { connection.ReadRequest(); });
  options_.allow_private_addresses = false;
  const Outcome outcome = Run(To(server));
  EXPECT_TRUE(absl::StrContains(outcome.status.message(), "not public"))
      << outcome.status;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlStreamTest, RedirectsAreAnswers) {
  RawTestServer server([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
        "Content-Length: 0\r\n\r\n");
  });
  const Outcome outcome = Run(To(server));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.head.status, 302);
}

Task<void> OpenAndLeave(HttpStreamClient& client, Job job,
                        std::shared_future<void> arrived) {
  auto exchange = client.Open(job.request, job.silence);
  EXPECT_TRUE(exchange.ok());
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (arrived.wait_for(std::chrono::seconds(0)) !=
         std::future_status::ready) {
    timer.expires_after(std::chrono::milliseconds(2));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

TEST_F(CurlStreamTest, OneThatIsGivenUpEndsItsConnection) {
  std::promise<void> arrived;
  std::promise<bool> gone;
  RawTestServer server([&](RawConnection& connection) {
    connection.ReadRequest();
    arrived.set_value();
    gone.set_value(connection.ReadRequest().empty());
  });
  client_ = *NewCurlStreamClient(pool_, options_);
  asio::co_spawn(
      pool_.At(0).executor(),
      OpenAndLeave(*client_, To(server), arrived.get_future().share()),
      asio::use_future)
      .get();
  EXPECT_TRUE(gone.get_future().get());
}

}  // namespace
}  // namespace valetkey
