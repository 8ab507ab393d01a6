#include "service/web/web_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/base/mutex.h"
#include "service/base/status.h"

namespace valetkey::web {
namespace {

class WebServerTest : public ::testing::Test {
 protected:
  WebServerTest() {
    handlers_.callback = [this](QueryParameters parameters) {
      return Finish(std::move(parameters));
    };
    handlers_.health = [] { return absl::OkStatus(); };
    handlers_.ready = [this] { return Ready(); };
    handlers_.metrics = [] { return std::string("valetkey_up 1\n"); };
    handlers_.version = "0.1.0";
    handlers_.documentation_url = "https://docs.example/";
  }

  Task<CallbackOutcome> Finish(QueryParameters parameters) {
    MutexLock lock(mutex_);
    ++calls_;
    seen_ = std::move(parameters);
    co_return outcome_;
  }
  Task<absl::Status> Ready() {
    MutexLock lock(mutex_);
    co_return ready_;
  }

  // One request on a connection of its own; the answer whole.
  std::string Ask(absl::string_view method, absl::string_view target,
                  absl::string_view headers = "", absl::string_view body = "") {
    if (server_ == nullptr) {
      HttpServerOptions options;
      options.error_page = &WebErrorPage;
      options.headers.Add("X-Everywhere", "yes");
      server_ = std::make_unique<HttpServer>(pool_, options);
      AddWebRoutes(*server_, handlers_);
      const absl::Status status = server_->Start();
      EXPECT_TRUE(status.ok()) << status;
    }
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    boost::system::error_code error;
    asio::write(socket,
                asio::buffer(absl::StrCat(
                    method, " ", target,
                    " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", headers,
                    "Content-Length: ", body.size(), "\r\n\r\n", body)),
                error);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    return answer;
  }
  std::string PostForm(absl::string_view body) {
    return Ask("POST", kCallbackPath,
               "Content-Type: application/x-www-form-urlencoded; "
               "charset=utf-8\r\n",
               body);
  }
  int calls() {
    MutexLock lock(mutex_);
    return calls_;
  }

  WebHandlers handlers_;
  Mutex mutex_;
  CallbackOutcome outcome_ VK_GUARDED_BY(mutex_);
  absl::Status ready_ VK_GUARDED_BY(mutex_);
  QueryParameters seen_ VK_GUARDED_BY(mutex_);
  int calls_ VK_GUARDED_BY(mutex_) = 0;
  ReactorPool pool_{1};
  std::unique_ptr<HttpServer> server_;
};

bool HasStatus(const std::string& answer, int status) {
  return absl::StartsWith(answer, absl::StrCat("HTTP/1.1 ", status, " "));
}

TEST_F(WebServerTest, CallbackByQueryAndByForm) {
  const QueryParameters expected = {{"code", "a b"}, {"state", "s"}};
  EXPECT_TRUE(HasStatus(
      Ask("GET", absl::StrCat(kCallbackPath, "?code=a%20b&state=s")), 200));
  {
    MutexLock lock(mutex_);
    EXPECT_EQ(seen_, expected);
    seen_.clear();
  }
  EXPECT_TRUE(HasStatus(PostForm("code=a+b&state=s"), 200));
  MutexLock lock(mutex_);
  EXPECT_EQ(seen_, expected);
  EXPECT_EQ(calls_, 2);
}

TEST_F(WebServerTest, CallbackEnds) {
  {
    MutexLock lock(mutex_);
    outcome_.status = MakeError(Reason::kConsentDenied, "declined");
  }
  EXPECT_TRUE(
      HasStatus(Ask("GET", "/oauth/callback?error=access_denied"), 403));
  {
    MutexLock lock(mutex_);
    outcome_.return_uri = "https://a.example/done?x=1#y";
  }
  const std::string answer = Ask("GET", "/oauth/callback?error=access_denied");
  EXPECT_TRUE(HasStatus(answer, 303));
  EXPECT_TRUE(absl::StrContains(
      answer,
      "\r\nLocation: https://a.example/done?x=1&status=declined&"
      "error=CONSENT_DENIED#y\r\n"));
}

TEST_F(WebServerTest, WhatIsNoCallbackNeverReachesTheHandler) {
  const std::string path = kCallbackPath;
  // Tools that look at links must not use up a code.
  const std::string head = Ask("HEAD", path + "?code=a&state=s");
  EXPECT_TRUE(HasStatus(head, 200));
  EXPECT_TRUE(absl::EndsWith(head, "\r\n\r\n"));
  const std::string put = Ask("PUT", path);
  EXPECT_TRUE(HasStatus(put, 405));
  EXPECT_TRUE(absl::StrContains(put, "\r\nAllow: GET, HEAD, POST\r\n"));
  EXPECT_TRUE(
      HasStatus(Ask("POST", path, "Content-Type: text/plain\r\n", "a"), 415));
  EXPECT_TRUE(HasStatus(Ask("POST", path), 415));
  for (const char* query : {"?state=a&state=b", "?code=a&code=a",
                            "?iss=a&iss=", "?error=a&error=b"}) {
    EXPECT_TRUE(HasStatus(Ask("GET", path + query), 400)) << query;
  }
  const std::string garbage =
      Ask("GET", path + "?code=" + std::string(100'000, '%'));
  EXPECT_TRUE(HasStatus(garbage, 414)) << garbage.substr(0, 200);
  EXPECT_TRUE(absl::StrContains(garbage, "was not connected"));
  EXPECT_TRUE(absl::StrContains(garbage, "Content-Security-Policy: "));
  EXPECT_EQ(calls(), 0);
}

TEST_F(WebServerTest, GarbageInTheQueryIsPassedOnBounded) {
  std::string query = "?";
  for (int i = 0; i < 3000; ++i) absl::StrAppend(&query, "%zz&=&");
  EXPECT_TRUE(HasStatus(
      Ask("GET", absl::StrCat(kCallbackPath, query.substr(0, 15000))), 200));
  MutexLock lock(mutex_);
  EXPECT_LE(seen_.size(), 100u);
}

TEST_F(WebServerTest, HealthAndReadiness) {
  EXPECT_TRUE(absl::EndsWith(Ask("GET", "/healthz"), "\r\n\r\nok\n"));
  EXPECT_TRUE(absl::EndsWith(Ask("GET", "/readyz"), "\r\n\r\nok\n"));
  EXPECT_TRUE(HasStatus(Ask("HEAD", "/readyz"), 200));
  {
    MutexLock lock(mutex_);
    ready_ = absl::UnavailableError("the store does not answer");
  }
  const std::string answer = Ask("GET", "/readyz");
  EXPECT_TRUE(HasStatus(answer, 503));
  EXPECT_TRUE(
      absl::EndsWith(answer, "\r\n\r\nnot ready: the store does not answer\n"));
  const std::string post = Ask("POST", "/healthz");
  EXPECT_TRUE(HasStatus(post, 405));
  EXPECT_TRUE(absl::StrContains(post, "\r\nAllow: GET, HEAD\r\n"));
}

TEST_F(WebServerTest, HeadersOfTheOriginAreOnEveryAnswer) {
  for (const char* path : {"/", "/healthz", "/oauth/callback", "/none"}) {
    EXPECT_TRUE(
        absl::StrContains(Ask("GET", path), "\r\nX-Everywhere: yes\r\n"))
        << path;
  }
  EXPECT_TRUE(absl::StrContains(Ask("GET", "*x"), "X-Everywhere"));
}

TEST_F(WebServerTest, MetricsAndIndex) {
  const std::string metrics = Ask("GET", "/metrics");
  EXPECT_TRUE(absl::StrContains(
      metrics, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_TRUE(absl::EndsWith(metrics, "\r\n\r\nvaletkey_up 1\n"));
  const std::string index = Ask("GET", "/");
  EXPECT_TRUE(HasStatus(index, 200));
  for (const char* part :
       {"/healthz", "/readyz", "/metrics", "0.1.0", "https://docs.example/"}) {
    EXPECT_TRUE(absl::StrContains(index, part)) << part;
  }
  EXPECT_TRUE(HasStatus(Ask("GET", "/favicon.ico"), 404));
}

TEST_F(WebServerTest, ThePortalIsWhateverElseThereIs) {
  handlers_.portal = [](const ServerRequest& request) {
    return PlainResponse(200, "portal " + request.path);
  };
  EXPECT_TRUE(absl::EndsWith(Ask("GET", "/"), "\r\n\r\nportal /"));
  EXPECT_TRUE(absl::EndsWith(Ask("GET", "/a/b?c"), "\r\n\r\nportal /a/b"));
  EXPECT_TRUE(absl::EndsWith(Ask("GET", "/healthz"), "\r\n\r\nok\n"));
}

TEST_F(WebServerTest, AMissingPortalIsSaid) {
  EXPECT_FALSE(absl::StrContains(Ask("GET", "/"), "portal"));
  server_.reset();
  handlers_.portal_missing = true;
  EXPECT_TRUE(absl::StrContains(Ask("GET", "/"), "clients/portal/run"));
}

TEST_F(WebServerTest, RoutesWithoutAFunctionAreNotThere) {
  handlers_ = WebHandlers();
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_TRUE(HasStatus(Ask("GET", path), 404)) << path;
  }
  EXPECT_TRUE(HasStatus(Ask("GET", "/oauth/callback?code=a"), 404));
  EXPECT_FALSE(absl::StrContains(Ask("GET", "/"), "/metrics"));
}

}  // namespace
}  // namespace valetkey::web
