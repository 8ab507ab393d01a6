// The door as a program and a provider see it, through a whole sidecar.

#include "service/sidecar/egress_door.h"

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/net/http/raw_test_server.h"
#include "service/sidecar/sidecar.h"
#include "service/sidecar/sidecar_fixture.h"

namespace valetkey::sidecar {
namespace {

// Sends a text and reads until the other side closes.
class Caller {
 public:
  explicit Caller(int port) {
    socket_.connect(
        {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  }
  void Send(const std::string& text) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(text), ignored);
  }
  std::string ReadToEnd() {
    boost::system::error_code ignored;
    std::string answer;
    asio::read(socket_, asio::dynamic_buffer(answer), ignored);
    return answer;
  }

 private:
  asio::io_context context_;
  asio::ip::tcp::socket socket_{context_};
};

bool Has(const std::string& text, absl::string_view part) {
  return absl::StrContains(text, part);
}

class EgressDoorTest : public SidecarFixture {
 protected:
  // A provider that is what a function makes of it.
  void Provider(RawTestServer::Script script) {
    provider_.emplace(std::move(script));
    fake_.SetApiBaseUrl("c-7", "https://api.provider.example/v5");
  }
  // Echoes requests, but answers 401 to those without a token of `good`.
  void EchoingProvider(const std::string& good) {
    Provider([good](RawConnection& connection) {
      while (true) {
        const std::string request = connection.ReadRequest();
        if (request.empty()) return;
        if (Has(request,
                absl::StrCat("Authorization: Bearer ", good, "\r\n"))) {
          connection.Answer(request);
        } else {
          connection.Write(
              "HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\nrefused");
        }
      }
    });
  }
  void Start() {
    SidecarOptions options;
    options.upstream = fake_.client_options();
    options.socket.addresses = {
        absl::StrCat("unix:", (folder_ / "s").string())};
    options.health_listen = "";
    options.shutdown_grace = absl::Seconds(2);
    options.inject.doors = {{.listen = "127.0.0.1:0", .connection = "c-7"}};
    options.cache.max_stale = max_stale_;
    if (provider_) {
      options.inject.http.origin_overrides = {
          {"https://api.provider.example",
           std::string(absl::StripSuffix(provider_->Url(), "/"))}};
    }
    sidecar_.emplace(options);
    const absl::Status started = sidecar_->Start();
    ASSERT_TRUE(started.ok()) << started;
    if (!provider_) return;
    // Until it knows where it leads.
    ASSERT_TRUE(
        Eventually([&] { return !Has(Send("OPTIONS *"), "TARGET_UNKNOWN"); }));
  }
  // Sends a request without its end; the answer to the end of the connection.
  std::string Send(const std::string& start, const std::string& header = "",
                   const std::string& body = "") {
    Caller caller(sidecar_->door_ports()[0]);
    caller.Send(absl::StrCat(
        start, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", header,
        body.empty() ? ""
                     : absl::StrCat("Content-Length: ", body.size(), "\r\n"),
        "\r\n", body));
    return caller.ReadToEnd();
  }

  absl::Duration max_stale_ = absl::Hours(1);
  std::optional<RawTestServer> provider_;
  std::optional<Sidecar> sidecar_;
};

TEST_F(EgressDoorTest, AddsTheTokenAndPassesTheRestOn) {
  EchoingProvider("secret-1");
  Start();
  const std::string answer =
      Send("POST /v5/pins?board=7", "X-Trace: t-1\r\nTE: trailers\r\n",
           "{\"title\": \"a\"}");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(Has(answer, "POST /v5/pins?board=7 HTTP/1.1\r\n")) << answer;
  EXPECT_TRUE(Has(answer, "X-Trace: t-1\r\n"));
  EXPECT_TRUE(Has(answer, "\r\n\r\n{\"title\": \"a\"}"));
  EXPECT_FALSE(Has(answer, "TE: trailers"));
  EXPECT_FALSE(Has(answer, "Host: localhost"));
}

TEST_F(EgressDoorTest, ACallersCredentialIsRefusedAndReachesNobody) {
  EchoingProvider("secret-1");
  Start();
  const int before = provider_->connections();
  const std::string answer =
      Send("GET /v5/pins", "Authorization: Bearer mine\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(Has(answer, "ValetKey-Error: REQUEST_REFUSED\r\n"));
  EXPECT_TRUE(Has(answer, "Authorization carries a credential"));
  EXPECT_FALSE(Has(answer, "mine"));
  EXPECT_TRUE(absl::StartsWith(Send("GET http://evil.example/v5/pins"),
                               "HTTP/1.1 403 "));
  EXPECT_EQ(provider_->connections(), before);
}

TEST_F(EgressDoorTest, A401BringsANewTokenAndTheRequestIsSentOnceMore) {
  EchoingProvider("secret-2");
  Start();
  ASSERT_TRUE(Eventually([&] { return fake_.Calls("GetToken") == 1; }));
  // The provider takes this one alone, and nobody has told us.
  fake_.Hold("WatchEvents");
  const std::string body(60'000, 'b');
  fake_.SetToken("c-7", "secret-2");
  const std::string answer = Send("PUT /v5/pins/1", "", body);
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n"))
      << answer.substr(0, 300);
  EXPECT_TRUE(absl::EndsWith(answer, body));
}

TEST_F(EgressDoorTest, AProviderThatRefusesAllTokensWearsNoneOut) {
  EchoingProvider("none that we have");
  Start();
  for (int i = 0; i < 5; ++i) {
    const std::string answer = Send("GET /v5/pins");
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 401 ")) << answer;
    EXPECT_TRUE(absl::EndsWith(answer, "refused"));
  }
  // One token more than the first: generation 2.
  std::int64_t newest = 0;
  for (const auto& request : fake_.TokenRequests()) {
    newest = std::max(newest, request.rejected_generation());
  }
  EXPECT_EQ(newest, 1) << fake_.Calls("GetToken");
}

TEST_F(EgressDoorTest, ABodyTooLargeToKeepIsNotSentTwice) {
  std::atomic<int> requests = 0;
  Provider([&](RawConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      ++requests;
      connection.Write(
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Start();
  const std::string answer =
      Send("POST /v5/media", "", std::string(200'000, 'm'));
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 401 ")) << answer;
  EXPECT_EQ(requests, 1);
}

TEST_F(EgressDoorTest, BothBodiesPassInPieces) {
  constexpr std::size_t kSize = std::size_t{20} << 20;
  Provider([](RawConnection& connection) {
    const std::string request = connection.ReadRequest();
    connection.Answer(
        absl::StrCat(request.size(), " ", std::string(kSize, 'd')));
  });
  Start();
  const std::string answer = Send("POST /v5/media", "Expect: 100-continue\r\n",
                                  std::string(kSize, 'u'));
  EXPECT_GT(answer.size(), kSize);
  EXPECT_TRUE(Has(answer.substr(0, 2000), "HTTP/1.1 200 OK"))
      << answer.substr(0, 300);
}

TEST_F(EgressDoorTest, TheAnswerComesAsItIs) {
  Provider([](RawConnection& connection) {
    while (true) {
      const std::string request = connection.ReadRequest();
      if (request.empty()) return;
      if (absl::StartsWith(request, "HEAD")) {
        connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      } else if (absl::StartsWith(request, "DELETE")) {
        connection.Write("HTTP/1.1 204 No Content\r\nX-Left: 9\r\n\r\n");
      } else {
        connection.Write(
            "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\n"
            "Set-Cookie: session=1\r\n"
            "Location: https://api.provider.example/v5/x\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
      }
    }
  });
  Start();
  std::string answer = Send("GET /v5/pins");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 429 ")) << answer;
  EXPECT_TRUE(Has(answer, "Retry-After: 7\r\n"));
  EXPECT_TRUE(Has(answer, "Location: /v5/x\r\n"));
  EXPECT_FALSE(Has(answer, "Set-Cookie"));
  EXPECT_TRUE(Has(answer, "3\r\nabc\r\n0\r\n\r\n"));
  answer = Send("HEAD /v5/pins");
  EXPECT_TRUE(Has(answer, "Content-Length: 5\r\n")) << answer;
  answer = Send("DELETE /v5/pins/1");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 204 ")) << answer;
  EXPECT_TRUE(Has(answer, "X-Left: 9\r\n"));
}

TEST_F(EgressDoorTest, AnAnswerThatBreaksOffIsNotTakenForAWholeOne) {
  Provider([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  Start();
  const std::string answer = Send("GET /v5/pins");
  EXPECT_TRUE(Has(answer, "Content-Length: 100\r\n")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nhalf"));
}

TEST_F(EgressDoorTest, ARevokedConnectionGivesNoTokenAndSaysSo) {
  EchoingProvider("secret-1");
  Start();
  ASSERT_TRUE(absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 200"));
  fake_.Revoke("c-7");
  ASSERT_TRUE(Eventually(
      [&] { return absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 502 "); }));
  EXPECT_TRUE(
      Has(Send("GET /v5/pins"), "ValetKey-Error: CONNECTION_REVOKED\r\n"));
}

TEST_F(EgressDoorTest, WithoutADefinitionsWordItLeadsNowhere) {
  Start();
  ASSERT_TRUE(Eventually(
      [&] { return Has(Send("GET /v5/pins"), "set its api_base_url"); }));
  EXPECT_TRUE(absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 502 "));
}

TEST_F(EgressDoorTest, ItLearnsWhereItLeadsOnceTheServerIsThere) {
  EchoingProvider("secret-1");
  fake_.Stop();
  SidecarOptions options;
  options.upstream = fake_.client_options();
  options.socket.addresses = {absl::StrCat("unix:", (folder_ / "s").string())};
  options.health_listen = "";
  options.inject.doors = {{.listen = "127.0.0.1:0", .connection = "c-7"}};
  options.inject.http.origin_overrides = {
      {"https://api.provider.example",
       std::string(absl::StripSuffix(provider_->Url(), "/"))}};
  sidecar_.emplace(options);
  ASSERT_TRUE(sidecar_->Start().ok());
  const std::string answer = Send("GET /v5/pins");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(Has(answer, "Retry-After: 1\r\n"));
  fake_.Start();
  EXPECT_TRUE(Eventually(
      [&] { return absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 200 "); }));
}

TEST_F(EgressDoorTest, GoesOnFromMemoryWhenTheServerGoesAway) {
  EchoingProvider("secret-1");
  Start();
  ASSERT_TRUE(absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 200"));
  fake_.Stop();
  for (int i = 0; i < 3; ++i) {
    const std::string answer = Send("GET /v5/pins");
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 ")) << answer;
  }
}

TEST_F(EgressDoorTest, ButNotForLongerThanMaxStale) {
  EchoingProvider("secret-1");
  max_stale_ = absl::Seconds(2);
  Start();
  ASSERT_TRUE(absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 200"));
  fake_.Stop();
  EXPECT_TRUE(Eventually(
      [&] { return absl::StartsWith(Send("GET /v5/pins"), "HTTP/1.1 503 "); }));
}

TEST_F(EgressDoorTest, APrivateAddressIsNotReached) {
  EchoingProvider("secret-1");
  fake_.SetApiBaseUrl("c-7", provider_->Url("/v5"));
  Start();
  const int before = provider_->connections();
  const std::string answer = Send("GET /v5/pins");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 502 ")) << answer;
  EXPECT_TRUE(Has(answer, "not public")) << answer;
  EXPECT_EQ(provider_->connections(), before);
}

TEST_F(EgressDoorTest, StopEndsWhatTheProviderHolds) {
  std::promise<void> arrived;
  Provider([&](RawConnection& connection) {
    connection.ReadRequest();
    arrived.set_value();
    connection.WaitForEnd();
  });
  Start();
  Caller caller(sidecar_->door_ports()[0]);
  caller.Send("GET /v5/pins HTTP/1.1\r\nHost: localhost\r\n\r\n");
  arrived.get_future().get();
  const absl::Time before = absl::Now();
  sidecar_->Stop();
  EXPECT_LT(absl::Now() - before, absl::Seconds(6));
  EXPECT_TRUE(absl::StartsWith(caller.ReadToEnd(), "HTTP/1.1 502 "));
}

}  // namespace
}  // namespace valetkey::sidecar
