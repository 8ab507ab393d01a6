#include "service/sidecar/token_cache.h"

#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "service/sidecar/sidecar_fixture.h"

namespace valetkey::sidecar {
namespace {

class TokenCacheTest : public SidecarFixture {
 protected:
  TokenCacheTest() : client_(*client::Client::Create(fake_.client_options())) {}

  static v1::GetTokenRequest Request(const std::string& name = kName) {
    v1::GetTokenRequest request;
    request.set_name(name);
    return request;
  }
  // The access token; "" if memory does not answer.
  static std::string Ask(TokenCache& cache,
                         const v1::GetTokenRequest& request = Request()) {
    cache.Tend();
    const std::optional<grpc::Slice> answer = cache.TryAnswer(request);
    if (!answer) return "";
    v1::GetTokenResponse response;
    EXPECT_TRUE(response.ParseFromArray(answer->begin(),
                                        static_cast<int>(answer->size())));
    last_ = response.token();
    return response.token().access_token();
  }
  static bool EventuallyAnswers(TokenCache& cache, const std::string& token) {
    return Eventually([&] { return Ask(cache) == token; });
  }
  static v1::Token last_;

  client::Client client_;
};
v1::Token TokenCacheTest::last_;

TEST_F(TokenCacheTest, KnowsWhatTheServerHasAnswered) {
  client::FakeTokenOptions options;
  options.scopes = {"pins:read"};
  options.refresh_in = absl::Minutes(48);
  fake_.SetToken("c-7", "secret-2", options);
  TokenCache cache(client_, {});
  EXPECT_EQ(Ask(cache), "");
  EXPECT_EQ(fake_.Calls("GetToken"), 0);
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-2"));
  EXPECT_EQ(last_.token_type(), "bearer");
  EXPECT_EQ(last_.generation(), 2);
  EXPECT_EQ(last_.scopes(0), "pins:read");
  const auto seconds = [](const google::protobuf::Timestamp& time) {
    return time.seconds() - absl::ToUnixSeconds(absl::Now());
  };
  EXPECT_NEAR(static_cast<double>(seconds(last_.expire_time())), 3600, 5);
  EXPECT_NEAR(static_cast<double>(seconds(last_.refresh_time())), 2880, 5);
  const int calls = fake_.Calls("GetToken");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Ask(cache), "secret-2");
  EXPECT_EQ(fake_.Calls("GetToken"), calls);
  EXPECT_EQ(cache.size(), 1u);
}

TEST_F(TokenCacheTest, SaysOnlyWhatTheServerWouldSay) {
  client::FakeTokenOptions options;
  options.scopes = {"pins:read", "boards:read"};
  fake_.SetToken("c-7", "secret-2", options);
  TokenCache cache(client_, {});
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-2"));
  const auto answers = [&](auto change) {
    v1::GetTokenRequest request = Request();
    change(request);
    return !Ask(cache, request).empty();
  };
  EXPECT_TRUE(answers([](auto& r) { r.add_required_scopes("pins:read"); }));
  EXPECT_FALSE(answers([](auto& r) { r.add_required_scopes("pins:write"); }));
  EXPECT_TRUE(
      answers([](auto& r) { r.mutable_min_lifetime()->set_seconds(600); }));
  EXPECT_FALSE(
      answers([](auto& r) { r.mutable_min_lifetime()->set_seconds(4000); }));
  EXPECT_FALSE(
      answers([](auto& r) { r.mutable_min_lifetime()->set_seconds(-1); }));
  EXPECT_TRUE(answers([](auto& r) { r.set_min_generation(2); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_min_generation(3); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_min_generation(-1); }));
  EXPECT_TRUE(answers([](auto& r) { r.set_rejected_generation(1); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_rejected_generation(9); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_token("user"); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_name("c-7"); }));
  EXPECT_FALSE(answers([](auto& r) { r.set_name(""); }));
}

TEST_F(TokenCacheTest, WhatTheProviderRefusedIsGivenToNobodyElse) {
  TokenCache cache(client_, {});
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-1"));
  v1::GetTokenRequest rejected = Request();
  rejected.set_rejected_generation(1);
  EXPECT_EQ(Ask(cache, rejected), "");
  EXPECT_EQ(Ask(cache), "");
}

TEST_F(TokenCacheTest, FollowsWhatHappens) {
  TokenCache cache(client_, {});
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-1"));
  fake_.SetToken("c-7", "secret-2");
  EXPECT_TRUE(EventuallyAnswers(cache, "secret-2"));
  fake_.Revoke("c-7");
  EXPECT_TRUE(EventuallyAnswers(cache, ""));
  fake_.SetToken("c-7", "secret-3");
  cache.Noticed(Request());
  EXPECT_TRUE(EventuallyAnswers(cache, "secret-3"));
}

TEST_F(TokenCacheTest, AnOutageIsBridgedForMaxStaleAndNoLonger) {
  TokenCache cache(client_, {.max_stale = absl::Seconds(2)});
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-1"));
  fake_.Stop();
  EXPECT_EQ(Ask(cache), "secret-1");
  EXPECT_TRUE(EventuallyAnswers(cache, ""));
  EXPECT_GE(cache.silence(), absl::Seconds(2));
  // Back: what happened meanwhile is told before memory answers again.
  fake_.Start();
  EXPECT_TRUE(EventuallyAnswers(cache, "secret-1"));
}

TEST_F(TokenCacheTest, TheServerIsAskedForASecondAfterAWatchHasBegun) {
  TokenCache cache(client_, {});
  cache.Noticed(Request());
  ASSERT_TRUE(EventuallyAnswers(cache, "secret-1"));
  cache.WatchBegan();
  EXPECT_EQ(Ask(cache), "");
  EXPECT_TRUE(cache.TryAnswer(Request(), /*server_away=*/true).has_value());
  EXPECT_TRUE(EventuallyAnswers(cache, "secret-1"));
}

TEST_F(TokenCacheTest, NothingIsGivenWithoutAWatch) {
  fake_.Fail("WatchEvents", v1::RIGHT_MISSING, 100);
  TokenCache cache(client_, {});
  cache.Noticed(Request());
  ASSERT_TRUE(fake_.AwaitCalls("GetToken", 1));
  ASSERT_TRUE(fake_.AwaitCalls("WatchEvents", 1));
  EXPECT_EQ(Ask(cache), "");
}

TEST_F(TokenCacheTest, LetsGoOfWhatIsIdleButNotOfWhatIsPinned) {
  fake_.SetToken("c-8", "secret-8");
  TokenCache cache(client_, {.idle_after = absl::Seconds(1)});
  ASSERT_TRUE(cache.Pin("c-8").ok());
  cache.Noticed(Request());
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_TRUE(Eventually([&] {
    cache.Tend();
    return cache.size() == 1;
  }));
  EXPECT_EQ(cache.Pin("c-8")->name(), "applications/shop/connections/c-8");
}

TEST_F(TokenCacheTest, KeepsNoMoreThanItMay) {
  TokenCache cache(client_, {.max_tokens = 2});
  for (int i = 0; i < 5; ++i) {
    cache.Noticed(
        Request("applications/shop/connections/c-" + std::to_string(i)));
  }
  cache.Noticed(Request("what is no name"));
  EXPECT_EQ(cache.size(), 2u);
}

}  // namespace
}  // namespace valetkey::sidecar
