#include "service/net/http/curl_http_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/async/task_scope.h"
#include "service/net/http/raw_test_server.h"
#include "service/net/http/test_certificates.h"

namespace valetkey {
namespace {

using boost::system::error_code;

constexpr char kCanary[] = "canary-7d1e";

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

// With a secret everywhere that an error could quote.
HttpRequest Post(const std::string& url) {
  HttpRequest request;
  request.method = "POST";
  request.url = absl::StrCat(url, "?secret=", kCanary);
  request.headers.Add("Authorization", absl::StrCat("Basic ", kCanary));
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.body = absl::StrCat("refresh_token=", kCanary);
  return request;
}

class CurlHttpClientTest : public ::testing::Test {
 protected:
  CurlHttpClientTest() { options_.allow_private_addresses = true; }

  HttpClient& client() {
    if (client_ == nullptr) {
      auto made = NewCurlHttpClient(pool_, options_);
      EXPECT_TRUE(made.ok()) << made.status();
      client_ = *std::move(made);
    }
    return *client_;
  }

  std::future<HttpResult> Start(HttpRequest request,
                                absl::Duration timeout = absl::Seconds(20)) {
    return asio::co_spawn(pool_.At(next_++ % pool_.size()).executor(),
                          client().Send(std::move(request), timeout),
                          asio::use_future);
  }
  HttpResult Send(HttpRequest request,
                  absl::Duration timeout = absl::Seconds(20)) {
    return Start(std::move(request), timeout).get();
  }
  // A failure that says what it must, and no secret.
  void ExpectFailure(const HttpResult& result, bool maybe_sent) {
    EXPECT_EQ(result.status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(result.maybe_sent, maybe_sent) << result.status;
    EXPECT_FALSE(absl::StrContains(result.status.ToString(), kCanary))
        << result.status;
  }
  // The script's answer to a POST fails, after the request was sent.
  void ExpectLost(RawTestServer::Script script,
                  absl::Duration timeout = absl::Seconds(20)) {
    RawTestServer server(std::move(script));
    ExpectFailure(Send(Post(server.Url("/token")), timeout), true);
    EXPECT_EQ(server.connections(), 1);
  }

  CurlOptions options_;
  ReactorPool pool_{2};
  std::unique_ptr<HttpClient> client_;
  int next_ = 0;
};

TEST_F(CurlHttpClientTest, CarriesARequestAndItsAnswer) {
  std::string seen;
  RawTestServer server([&seen](RawConnection& connection) {
    seen = connection.ReadRequest();
    connection.Write(
        "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
        "Retry-After:   7  \r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\n{\"a\":1\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n");
  });
  const HttpResult result = Send(Post(server.Url("/v5/oauth/token")));
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.response.status, 401);
  EXPECT_EQ(result.response.body, "{\"a\":1}");
  ASSERT_NE(result.response.headers.Find("retry-after"), nullptr);
  EXPECT_EQ(*result.response.headers.Find("retry-after"), "7");
  EXPECT_EQ(result.response.headers.Find("X-Interim"), nullptr);
  EXPECT_EQ(result.response.headers.Find("X-Trailer"), nullptr);
  EXPECT_TRUE(absl::StartsWith(
      seen,
      absl::StrCat("POST /v5/oauth/token?secret=", kCanary, " HTTP/1.1\r\n")))
      << seen;
  EXPECT_TRUE(absl::StrContains(
      seen, absl::StrCat("\r\nAuthorization: Basic ", kCanary, "\r\n")));
  EXPECT_TRUE(absl::StrContains(seen, "\r\nUser-Agent: ValetKey/"));
  EXPECT_FALSE(absl::StrContains(seen, "Expect"));
  EXPECT_TRUE(
      absl::EndsWith(seen, absl::StrCat("\r\n\r\nrefresh_token=", kCanary)));
}

TEST_F(CurlHttpClientTest, MethodsAreWrittenAsGiven) {
  std::vector<std::string> seen;
  RawTestServer server([&seen](RawConnection& connection) {
    while (true) {
      const std::string request = connection.ReadRequest();
      if (request.empty()) return;
      seen.push_back(request.substr(0, request.find(' ')));
      if (seen.back() == "HEAD") {
        connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
      } else {
        connection.Answer("x");
      }
    }
  });
  for (const char* method : {"GET", "HEAD", "POST", "DELETE", "PUT"}) {
    HttpRequest request = Get(server.Url());
    request.method = method;
    const HttpResult result = Send(request);
    EXPECT_TRUE(result.status.ok()) << method << result.status;
  }
  EXPECT_EQ(seen,
            (std::vector<std::string>{"GET", "HEAD", "POST", "DELETE", "PUT"}));
}

TEST_F(CurlHttpClientTest, RedirectsAreNotFollowed) {
  RawTestServer target([](RawConnection& c) { c.ReadRequest(); });
  RawTestServer server([&target](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write(
        absl::StrCat("HTTP/1.1 302 Found\r\nLocation: ", target.Url(),
                     "\r\nContent-Length: 0\r\n\r\n"));
  });
  EXPECT_EQ(Send(Get(server.Url())).response.status, 302);
  EXPECT_EQ(target.connections(), 0);
}

TEST_F(CurlHttpClientTest, HundredInParallel) {
  RawTestServer server([](RawConnection& connection) {
    while (true) {
      const std::string request = connection.ReadRequest();
      if (request.empty()) return;
      connection.Answer(request.substr(0, request.find(" HTTP")));
    }
  });
  std::vector<std::future<HttpResult>> results;
  for (int i = 0; i < 100; ++i) {
    HttpRequest request = Get(server.Url(absl::StrCat("/", i)));
    if (i % 2 == 0) request.method = "POST";
    results.push_back(Start(std::move(request)));
  }
  for (int i = 0; i < 100; ++i) {
    const HttpResult result = results[i].get();
    ASSERT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.response.body,
              absl::StrCat(i % 2 == 0 ? "POST /" : "GET /", i));
  }
}

TEST_F(CurlHttpClientTest, ReadsReuseAConnectionAndWritesTakeTheirOwn) {
  RawTestServer server([](RawConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      connection.Answer(absl::StrCat(connection.number()));
    }
  });
  const auto send = [&](HttpRequest request) {
    // Always from one reactor: each has connections of its own.
    next_ = 0;
    return Send(std::move(request)).response.body;
  };
  EXPECT_EQ(send(Get(server.Url())), "0");
  EXPECT_EQ(send(Get(server.Url())), "0");
  EXPECT_EQ(send(Post(server.Url())), "1");
  EXPECT_EQ(send(Post(server.Url())), "2");
  EXPECT_EQ(server.connections(), 3);
}

// The server takes the second request of a connection and dies without a word.
TEST_F(CurlHttpClientTest, DeadKeptAliveConnection) {
  std::atomic<int> posts{0};
  std::atomic<int> gets{0};
  RawTestServer server([&](RawConnection& connection) {
    for (int i = 0; i < 2; ++i) {
      const std::string request = connection.ReadRequest();
      if (absl::StartsWith(request, "POST")) ++posts;
      if (absl::StartsWith(request, "GET")) ++gets;
      // The one POST is not answered, on whatever connection it comes.
      if (i == 1 || absl::StartsWith(request, "POST")) return;
      connection.Answer("x");
    }
  });
  EXPECT_TRUE(Send(Get(server.Url())).status.ok());
  next_ = 0;
  // A read may be repeated on another connection.
  const HttpResult read = Send(Get(server.Url()));
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(gets, 3);
  next_ = 0;
  // A write is seen once, though a kept-alive connection was there to use.
  ExpectFailure(Send(Post(server.Url())), true);
  EXPECT_EQ(posts, 1);
}

TEST_F(CurlHttpClientTest, SlowHeader) {
  ExpectLost(
      [](RawConnection& connection) {
        connection.ReadRequest();
        connection.Write("HTTP/1.1 200 OK\r\nX-Slow: ");
        connection.WaitForEnd();
      },
      absl::Milliseconds(200));
}

TEST_F(CurlHttpClientTest, SlowBody) {
  ExpectLost(
      [](RawConnection& connection) {
        connection.ReadRequest();
        connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
        connection.WaitForEnd();
      },
      absl::Milliseconds(200));
}

TEST_F(CurlHttpClientTest, CutOffAnswers) {
  for (const char* text :
       {"", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nA: b\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\"",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"}) {
    SCOPED_TRACE(text);
    ExpectLost([text](RawConnection& connection) {
      connection.ReadRequest();
      connection.Write(text);
    });
  }
}

TEST_F(CurlHttpClientTest, Garbage) {
  for (const char* text :
       {"\x16\x03\x01garbage\n\n", "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/9.9 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"}) {
    SCOPED_TRACE(text);
    ExpectLost([text](RawConnection& connection) {
      connection.ReadRequest();
      connection.Write(absl::StrCat(text, kCanary));
    });
  }
}

TEST_F(CurlHttpClientTest, HugeAnswers) {
  ExpectLost([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\n\r\n");
    const std::string block(65536, 'x');
    while (connection.Write(block)) continue;
  });
  ExpectLost([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\n");
    const std::string line = absl::StrCat("X-A: ", std::string(1000, 'x'));
    while (connection.Write(absl::StrCat(line, "\r\n"))) continue;
  });
}

TEST_F(CurlHttpClientTest, LargestAnswer) {
  options_.max_response_bytes = 100;
  RawTestServer server([](RawConnection& connection) {
    const std::string request = connection.ReadRequest();
    const int size = std::atoi(request.substr(5).c_str());
    connection.Answer(std::string(size, 'x'));
  });
  EXPECT_TRUE(Send(Get(server.Url("/100"))).status.ok());
  ExpectFailure(Send(Get(server.Url("/101"))), true);
}

TEST_F(CurlHttpClientTest, RefusedPort) {
  std::string url;
  {
    RawTestServer server([](RawConnection&) {});
    url = server.Url();
  }
  ExpectFailure(Send(Post(url)), false);
}

TEST_F(CurlHttpClientTest, UnknownHost) {
  ExpectFailure(Send(Post("http://no-such-host.invalid/"), absl::Seconds(5)),
                false);
}

TEST_F(CurlHttpClientTest, TimeOutWhileConnecting) {
  // Nobody accepts, and the backlog is full: connecting hangs.
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context);
  acceptor.open(asio::ip::tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  acceptor.listen(1);
  std::vector<asio::ip::tcp::socket> fill;
  for (int i = 0; i < 8; ++i) {
    fill.emplace_back(context).open(asio::ip::tcp::v4());
    fill.back().native_non_blocking(true);
    const auto endpoint = acceptor.local_endpoint();
    ::connect(fill.back().native_handle(), endpoint.data(),
              static_cast<socklen_t>(endpoint.size()));
  }
  const auto port = acceptor.local_endpoint().port();
  ExpectFailure(Send(Post(absl::StrCat("http://127.0.0.1:", port)),
                     absl::Milliseconds(300)),
                false);
  options_.connect_timeout = absl::Milliseconds(300);
  client_ = nullptr;
  ExpectFailure(Send(Post(absl::StrCat("http://127.0.0.1:", port))), false);
}

TEST_F(CurlHttpClientTest, TimeOutInTheTlsHandshake) {
  RawTestServer server([](RawConnection& c) { c.WaitForEnd(); });
  options_.connect_timeout = absl::Milliseconds(300);
  ExpectFailure(Send(Post(absl::StrCat("https://127.0.0.1:", server.port()))),
                false);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlHttpClientTest, NoTimeLeftOrNothingToSend) {
  RawTestServer server([](RawConnection& c) { c.ReadRequest(); });
  ExpectFailure(Send(Post(server.Url()), absl::ZeroDuration()), false);
  ExpectFailure(Send(Post("ftp://127.0.0.1/")), false);
  ExpectFailure(Send(Post("no url")), false);
  HttpRequest request = Get(server.Url());
  request.headers.Add("X-A", "b\r\nX-Injected: 1");
  ExpectFailure(Send(request), false);
  request = Get(server.Url());
  request.method = "GET / HTTP/1.1\r\nX";
  ExpectFailure(Send(request), false);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlHttpClientTest, Tls) {
  TestAuthority authority;
  const TestCertificate certificate =
      authority.Issue("server", "DNS:localhost");
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_chain(asio::buffer(certificate.certificate_pem));
  tls.use_private_key(asio::buffer(certificate.key_pem),
                      asio::ssl::context::pem);
  std::atomic<int> requests{0};
  RawTestServer server([&](RawConnection& connection) {
    asio::ssl::stream<asio::ip::tcp::socket&> stream(connection.socket(), tls);
    error_code error;
    stream.handshake(asio::ssl::stream_base::server, error);
    if (error) return;
    std::string data;
    asio::read_until(stream, asio::dynamic_buffer(data), "\r\n\r\n", error);
    if (error) return;
    ++requests;
    asio::write(stream,
                asio::buffer(std::string(
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
                error);
  });
  const std::string named = absl::StrCat("https://localhost:", server.port());
  const std::string other = absl::StrCat("https://127.0.0.1:", server.port());
  ExpectFailure(Send(Post(named)), false);  // an authority nobody knows
  TestFolder folder;
  options_.ca_file = folder.Write("ca.pem", authority.pem());
  client_ = nullptr;
  ExpectFailure(Send(Post(other)), false);  // another host's certificate
  EXPECT_EQ(requests, 0);
  const HttpResult result = Send(Post(named));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.response.body, "ok");
}

TEST_F(CurlHttpClientTest, PrivateAddressesAreRefused) {
  RawTestServer server([](RawConnection& connection) {
    connection.Answer(connection.ReadRequest());
  });
  options_.allow_private_addresses = false;
  ExpectFailure(Send(Post(server.Url())), false);
  ExpectFailure(Send(Post(absl::StrCat("http://localhost:", server.port()))),
                false);
  ExpectFailure(Send(Post(absl::StrCat("http://2130706433:", server.port()))),
                false);
  EXPECT_EQ(server.connections(), 0);

  // But for the target of an override.
  options_.origin_overrides.push_back(
      {"https://api.pinterest.com", absl::StrCat(server.Url("/emulator"))});
  client_ = nullptr;
  const HttpResult result =
      Send(Get("https://api.pinterest.com/v5/user_account?a=b"));
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(absl::StartsWith(result.response.body,
                               "GET /emulator/v5/user_account?a=b HTTP/1.1"));
}

TEST_F(CurlHttpClientTest, ProxiesOfTheEnvironmentOnlyWhenAsked) {
  RawTestServer proxy([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Answer("proxy");
  });
  RawTestServer server([](RawConnection& connection) {
    connection.ReadRequest();
    connection.Answer("direct");
  });
  setenv("http_proxy", proxy.Url().c_str(), 1);
  EXPECT_EQ(Send(Get(server.Url())).response.body, "direct");
  options_.proxy_from_environment = true;
  client_ = nullptr;
  EXPECT_EQ(Send(Get(server.Url())).response.body, "proxy");
  unsetenv("http_proxy");
  options_.proxy_from_environment = false;
  options_.proxy = proxy.Url();
  client_ = nullptr;
  EXPECT_EQ(Send(Get(server.Url())).response.body, "proxy");
  options_.origin_overrides.push_back({"http://a.example", server.Url()});
  options_.origin_overrides.back().to.pop_back();
  client_ = nullptr;
  EXPECT_EQ(Send(Get("http://a.example/")).response.body, "direct");
}

Task<void> SendAndKeep(HttpClient* client, std::string url,
                       std::promise<HttpResult>* result) {
  result->set_value(co_await client->Send(Post(url), absl::Seconds(60)));
}

TEST_F(CurlHttpClientTest, ACancelledCallerLeavesAtOnce) {
  std::promise<void> arrived;
  RawTestServer server([&arrived](RawConnection& connection) {
    connection.ReadRequest();
    if (connection.number() == 0) arrived.set_value();
    connection.WaitForEnd();
  });
  TaskScope scope;
  std::promise<HttpResult> result;
  scope.Spawn(pool_.At(0).executor(), "send",
              SendAndKeep(&client(), server.Url(), &result));
  arrived.get_future().wait();
  scope.Close();
  EXPECT_TRUE(scope.Join(absl::Seconds(20)));
  ExpectFailure(result.get_future().get(), true);
  // The transfer is still running: it ends with the client.
  client_ = nullptr;
}

TEST_F(CurlHttpClientTest, ACallersContextMayEndFirst) {
  std::promise<void> arrived;
  RawTestServer server([&arrived](RawConnection& connection) {
    connection.ReadRequest();
    if (connection.number() == 0) arrived.set_value();
    connection.WaitForEnd();
  });
  auto context = std::make_unique<asio::io_context>();
  auto result = asio::co_spawn(
      *context, client().Send(Post(server.Url()), absl::Milliseconds(300)),
      asio::use_future);
  context->run_for(std::chrono::milliseconds(20));
  arrived.get_future().wait();
  context = nullptr;
  EXPECT_THROW(result.get(), std::future_error);
  // Longer than the transfer, whose answer finds nobody.
  ExpectFailure(Send(Post(absl::StrCat("https://127.0.0.1:", server.port())),
                     absl::Milliseconds(600)),
                false);
}

TEST_F(CurlHttpClientTest, OptionsAreChecked) {
  options_.ca_file = "/no/such/file.pem";
  EXPECT_FALSE(NewCurlHttpClient(pool_, options_).ok());
  options_.ca_file = "";
  options_.origin_overrides.push_back({"pinterest", "http://127.0.0.1:1"});
  EXPECT_FALSE(NewCurlHttpClient(pool_, options_).ok());
}

TEST(ParseOriginOverrideTest, Reads) {
  const auto rule =
      ParseOriginOverride("https://API.pinterest.com/=http://127.0.0.1:4000/");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->from, "https://api.pinterest.com");
  EXPECT_EQ(rule->to, "http://127.0.0.1:4000");
  for (const char* wrong : {"", "=", "https://a.example", "a.example=b.example",
                            "https://a.example/path=http://b.example",
                            "https://a.example=", "=http://b.example",
                            "https://a.example=ftp://b.example",
                            "https://a.example=http://b.example/?x=1",
                            "https://a.example?x=http://b.example"}) {
    EXPECT_FALSE(ParseOriginOverride(wrong).ok()) << wrong;
  }
}

TEST(ParseOriginOverrideTest, Applies) {
  const std::vector<OriginOverride> rules = {
      {"https://a.example", "http://127.0.0.1:4000"},
      {"http://a.example:8080", "http://127.0.0.1:5000/x"}};
  EXPECT_EQ(ApplyOriginOverrides(rules, "https://a.example"),
            "http://127.0.0.1:4000/");
  EXPECT_EQ(ApplyOriginOverrides(rules, "https://A.example:443/b?c=%20d"),
            "http://127.0.0.1:4000/b?c=%20d");
  EXPECT_EQ(ApplyOriginOverrides(rules, "https://a.example/#/b?c=d"),
            "http://127.0.0.1:4000/#/b?c=d");
  EXPECT_EQ(ApplyOriginOverrides(rules, "http://a.example:8080/b"),
            "http://127.0.0.1:5000/x/b");
  for (const char* other :
       {"http://a.example/", "https://a.example.evil/", "https://b.example/",
        "https://a.example:444/", "no url"}) {
    EXPECT_EQ(ApplyOriginOverrides(rules, other), other);
  }
}

}  // namespace
}  // namespace valetkey
