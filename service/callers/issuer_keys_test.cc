// Keys that rotate, sources that are away, files that are not good.

#include "service/callers/issuer_keys.h"

#include <future>
#include <vector>

#include "service/callers/callers_fixture.h"

namespace valetkey::callers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class IssuerKeysTest : public CallersTest {
 protected:
  void Serve(const std::string& body, int status = 200) {
    http_.SetHandler([body, status](const HttpRequest&) {
      return FakeHttpClient::Answer(status, body);
    });
  }
  void Away() {
    http_.SetHandler([](const HttpRequest&) { return FakeHttpClient::Lost(); });
  }
  std::string Both() const {
    return absl::StrCat("{\"keys\":[", old_.Jwk(), ",", new_.Jwk(), "]}");
  }
};

TEST_F(IssuerKeysTest, AUrlIsAskedWhenItIsNeededAndTheAnswerIsKept) {
  WritePolicy(UrlIssuer() + kRule);
  Serve(old_.Jwks());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(http_.request_count(), 0);
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  EXPECT_EQ(ReasonFor(Token(old_, "sa:shop:job")), Reason::kNone);
  EXPECT_EQ(http_.request_count(), 1);
  EXPECT_EQ(http_.requests()[0].url, "https://keys.example/jwks");
}

TEST_F(IssuerKeysTest, AnUnknownKeyIsAskedForAtOnceButNotAtWill) {
  WritePolicy(UrlIssuer() + kRule);
  Serve(old_.Jwks());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  Serve(Both());
  // Within ten seconds of the last look.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ReasonFor(Token(new_)), Reason::kCallerInvalid);
  }
  EXPECT_EQ(http_.request_count(), 1);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(ReasonFor(Token(new_)), Reason::kNone);
  EXPECT_EQ(http_.request_count(), 2);
}

TEST_F(IssuerKeysTest, ManyWhoWaitCostOneRequest) {
  WritePolicy(UrlIssuer() + kRule);
  Serve(old_.Jwks());
  http_.Hold();
  ASSERT_TRUE(Open().ok());
  std::vector<std::future<CallerOr>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(asio::co_spawn(
        reactors_.At(i % 2).executor(),
        callers_->Authenticate(
            absl::StrCat("Bearer ", Token(old_, absl::StrCat("sa:shop:", i))),
            ""),
        asio::use_future));
  }
  ASSERT_TRUE(http_.WaitForHeld(1, absl::Seconds(10)));
  http_.ReleaseAll();
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  EXPECT_EQ(http_.request_count(), 1);
}

TEST_F(IssuerKeysTest, OldTokensFetchNothing) {
  WritePolicy(UrlIssuer() + kRule);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_, "sa:shop:web", absl::Seconds(-31))),
            Reason::kCallerInvalid);
  EXPECT_EQ(http_.request_count(), 0);
}

TEST_F(IssuerKeysTest, WithoutAnyKeysTheCallerIsToldToComeAgain) {
  WritePolicy(UrlIssuer() + kRule);
  Away();
  ASSERT_TRUE(Open().ok());
  const CallerOr caller = Admit(Token(old_));
  EXPECT_EQ(ReasonOf(caller.status()), Reason::kCallerKeysUnavailable);
  EXPECT_EQ(RetryAfterOf(caller.status()), absl::Seconds(2));
  Serve(old_.Jwks());
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
}

TEST_F(IssuerKeysTest, KeysOutliveTheirUrlForATime) {
  WritePolicy(UrlIssuer("keep_keys { seconds: 3600 }") + kRule);
  Serve(old_.Jwks());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  Away();
  clock_.Advance(absl::Seconds(3599));
  EXPECT_EQ(ReasonFor(Token(old_, "sa:shop:job")), Reason::kNone);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonFor(Token(old_, "sa:shop:new")),
            Reason::kCallerKeysUnavailable);
}

TEST_F(IssuerKeysTest, AnswersThatAreNotGoodChangeNothing) {
  WritePolicy(UrlIssuer() + kRule);
  Serve(old_.Jwks());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  const auto bad = [&](const std::string& body, int status) {
    Serve(body, status);
    clock_.Advance(absl::Seconds(30));
    EXPECT_EQ(ReasonFor(Token(new_)), Reason::kCallerInvalid);
    EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  };
  bad("<html>", 200);
  bad(new_.Jwks(), 302);
  bad(new_.Jwks(), 500);
  bad("{\"keys\":[]}", 200);
  bad(new_.Jwks(R"(,"d":"AAAA")"), 200);
  EXPECT_THAT(metrics_.Export(),
              HasSubstr("valetkey_caller_key_loads_total{issuer=\"cluster\","
                        "result=\"failed\"} 5"));
}

TEST_F(IssuerKeysTest, AKeyTakenAwayIsNoticedAtTheIntervalAndEndsItsCallers) {
  WritePolicy(UrlIssuer("refresh_interval { seconds: 60 }") + kRule);
  Serve(Both());
  ASSERT_TRUE(Open().ok());
  RunKeeper();
  const std::string token = Token(old_);
  // The keeper's first look may fall between the two.
  ASSERT_TRUE(Eventually(
      [&] { return ReasonFor(token) == Reason::kNone && Known(token); }));
  Serve(new_.Jwks());
  clock_.Advance(absl::Seconds(60));
  EXPECT_TRUE(
      Eventually([&] { return ReasonFor(token) == Reason::kCallerInvalid; }));
}

TEST_F(IssuerKeysTest, DiscoveryAsksTheIssuerWithItsToken) {
  const std::string bearer = folder_.Write("token", "cluster-token\n");
  WritePolicy(IssuerText(absl::StrCat(
                  "discovery: true ca_file: \"/ca\" bearer_token_file: \"",
                  bearer, "\"")) +
              kRule);
  std::string configuration = absl::StrCat(
      "{\"issuer\":\"", kIss, "\",\"jwks_uri\":\"https://10.0.0.1/jwks\"}");
  const auto serve = [&] {
    http_.SetHandler([&](const HttpRequest& request) {
      return FakeHttpClient::Answer(
          200, request.url ==
                       "https://issuer.example/.well-known/openid-configuration"
                   ? configuration
                   : old_.Jwks());
    });
  };
  serve();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  const std::vector<HttpRequest> requests = http_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].url, "https://10.0.0.1/jwks");
  EXPECT_EQ(*requests[0].headers.Find("authorization"), "Bearer cluster-token");
  EXPECT_EQ(*requests[1].headers.Find("authorization"), "Bearer cluster-token");
  EXPECT_THAT(ca_files_, ElementsAre("/ca"));
  // Another issuer's configuration, and a URL that anybody can answer.
  for (const char* bad :
       {R"({"issuer":"https://evil","jwks_uri":"https://10.0.0.1/jwks"})",
        R"({"issuer":"https://issuer.example","jwks_uri":"http://a.example"})",
        R"({"issuer":"https://issuer.example"})", "[]"}) {
    configuration = bad;
    clock_.Advance(absl::Seconds(30));
    http_.ClearRequests();
    EXPECT_EQ(ReasonFor(Token(new_)), Reason::kCallerInvalid) << bad;
    EXPECT_EQ(http_.request_count(), 1);
  }
}

TEST_F(IssuerKeysTest, AFileIsReadAgainWhenItChanges) {
  folder_.Write("jwks.json", old_.Jwks());
  WritePolicy(FileIssuer() + kRule);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonFor(Token(old_)), Reason::kNone);
  EXPECT_EQ(ReasonFor(Token(new_)), Reason::kCallerInvalid);
  // Seen by the very next token that needs it.
  folder_.Write("jwks.json", Both());
  EXPECT_EQ(ReasonFor(Token(new_)), Reason::kNone);
  // One that is not good leaves the keys.
  folder_.Write("jwks.json", "{\"keys\":[");
  RunKeeper();
  ASSERT_TRUE(Eventually([&] {
    return metrics_.Export().find("result=\"failed\"} 1") != std::string::npos;
  }));
  EXPECT_EQ(ReasonFor(Token(old_, "sa:shop:late")), Reason::kNone);
}

}  // namespace
}  // namespace valetkey::callers
