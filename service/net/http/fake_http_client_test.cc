#include "service/net/http/fake_http_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <vector>

#include "gtest/gtest.h"
#include "service/async/reactor.h"

namespace valetkey {
namespace {

class FakeHttpClientTest : public ::testing::Test {
 protected:
  std::future<HttpResult> Start(const std::string& url,
                                absl::Duration timeout = absl::Seconds(20)) {
    HttpRequest request;
    request.url = url;
    return asio::co_spawn(pool_.At(next_++ % 2).executor(),
                          http_.Send(request, timeout), asio::use_future);
  }

  int next_ = 0;
  FakeHttpClient http_{[](const HttpRequest& request) {
    return FakeHttpClient::Answer(200, request.url);
  }};
  ReactorPool pool_{2};
};

TEST_F(FakeHttpClientTest, AnswersAndRecords) {
  http_.Enqueue(FakeHttpClient::Refused());
  EXPECT_FALSE(Start("a").get().maybe_sent);
  EXPECT_EQ(Start("b", absl::Seconds(3)).get().response.body, "b");
  ASSERT_EQ(http_.request_count(), 2);
  EXPECT_EQ(http_.requests()[1].url, "b");
  EXPECT_EQ(http_.timeouts()[1], absl::Seconds(3));
  http_.SetHandler(nullptr);
  EXPECT_EQ(Start("c").get().response.status, 404);
}

TEST_F(FakeHttpClientTest, HoldsUntilReleased) {
  http_.Hold();
  std::vector<std::future<HttpResult>> results;
  for (const char* url : {"a", "b", "c"}) {
    results.push_back(Start(url));
    ASSERT_TRUE(
        http_.WaitForHeld(static_cast<int>(results.size()), absl::Seconds(20)));
  }
  EXPECT_TRUE(http_.ReleaseOne());
  EXPECT_EQ(results[0].get().response.body, "a");
  EXPECT_EQ(http_.held(), 2);
  http_.ReleaseAll();
  EXPECT_EQ(results[1].get().response.body, "b");
  EXPECT_EQ(results[2].get().response.body, "c");
  EXPECT_FALSE(http_.ReleaseOne());
  EXPECT_EQ(Start("d").get().response.body, "d");
}

TEST_F(FakeHttpClientTest, AHeldAnswerIsLostAtTheTimeout) {
  http_.Hold();
  const HttpResult result = Start("a", absl::Milliseconds(20)).get();
  EXPECT_EQ(result.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(result.maybe_sent);
  EXPECT_EQ(http_.held(), 0);
  EXPECT_FALSE(http_.WaitForRequests(2, absl::Milliseconds(20)));
  EXPECT_TRUE(http_.WaitForRequests(1, absl::Milliseconds(20)));
}

}  // namespace
}  // namespace valetkey
