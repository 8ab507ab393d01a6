// Calls after each refresh, through the whole broker: Bullhorn's login, which
// turns an OAuth token into the session that its API takes.

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/broker/broker_harness.h"
#include "service/broker/shapes_harness.h"

namespace valetkey::broker {
namespace {

class HopsTest : public ::testing::Test {
 protected:
  HopsTest() : provider_(AddProvider(harness_, "bullhorn")) {
    harness_.http.SetHandler(
        [this](const HttpRequest& request) { return Handle(request); });
  }

  HttpResult Handle(const HttpRequest& request) {
    if (absl::StrContains(request.url, "/rest-services/login")) {
      if (!name_.empty()) stored_at_login_ = StoredDigest();
      if (login_fails_) return FakeHttpClient::Answer(503, "{}");
      return FakeHttpClient::Answer(
          200, absl::StrCat(R"({"BhRestToken":"session-)", ++sessions_,
                            R"(","restUrl":)"
                            R"("https://rest9.bullhornstaffing.com/r/e1/"})"));
    }
    if (!absl::StrContains(request.url, "/oauth/token")) {
      return FakeHttpClient::Answer(200, R"({"userId":7})");
    }
    const auto query =
        ParseQuery(request.url.substr(request.url.find('?') + 1));
    const std::string* shown = FindParameter(query, "refresh_token");
    if (shown != nullptr && *shown != absl::StrCat("r", rotations_)) {
      return FakeHttpClient::Answer(400, R"({"error":"invalid_grant"})");
    }
    return FakeHttpClient::Answer(
        200, absl::StrCat(R"({"access_token":"oauth","expires_in":600,)"
                          R"("refresh_token":"r)",
                          ++rotations_, R"("})"));
  }

  void Connect() {
    auto connected = ConnectTo(harness_, provider_, {});
    ASSERT_TRUE(connected.ok()) << connected.status();
    name_ = connected->connection;
  }
  std::string StoredDigest() {
    return harness_.Stored(name_).tokens.at(0).refresh_digest;
  }
  std::string Served() { return Token(harness_, name_); }

  BrokerHarness harness_;
  std::string provider_;
  std::string name_;
  std::string stored_at_login_;
  bool login_fails_ = false;
  int sessions_ = 0;
  int rotations_ = 0;
};

TEST_F(HopsTest, EachRefreshBringsANewSession) {
  Connect();
  EXPECT_EQ(Served(), "session-1");
  EXPECT_EQ(harness_.Stored(name_).metadata["rest_url"],
            "https://rest9.bullhornstaffing.com/r/e1/");
  ASSERT_TRUE(harness_.Refresh(name_).ok());
  EXPECT_EQ(Served(), "session-2");
  EXPECT_EQ(rotations_, 2);
}

// The process may die in the call, and the refresh token before is spent.
TEST_F(HopsTest, TheNewRefreshTokenIsStoredBeforeTheCall) {
  Connect();
  EXPECT_EQ(StoredDigest(), Sha256("r1"));
  ASSERT_TRUE(harness_.Refresh(name_).ok());
  EXPECT_EQ(stored_at_login_, Sha256("r2"));
}

TEST_F(HopsTest, AFailedCallAfterARefreshLeavesTheSessionInHand) {
  Connect();
  login_fails_ = true;
  const auto refused = harness_.Refresh(name_);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kProviderUnavailable);
  EXPECT_EQ(Served(), "session-1");
  EXPECT_EQ(StoredDigest(), Sha256("r2"));
  const store::Connection stored = harness_.Stored(name_);
  EXPECT_EQ(stored.state, store::ConnectionState::kActive);
  ASSERT_TRUE(stored.last_failure.has_value());
  EXPECT_EQ(stored.last_failure->count, 1);
  EXPECT_EQ(harness_.EventCount(store::EventType::kRefreshFailed), 1);

  // It rests before it is tried again, and failures are counted on.
  EXPECT_EQ(ReasonOf(harness_.Refresh(name_).status()),
            Reason::kProviderUnavailable);
  EXPECT_EQ(rotations_, 2);
  harness_.clock.Advance(absl::Seconds(2));
  EXPECT_FALSE(harness_.Refresh(name_).ok());
  EXPECT_EQ(harness_.Stored(name_).last_failure->count, 2);
  EXPECT_EQ(harness_.EventCount(store::EventType::kRefreshFailed), 1);

  login_fails_ = false;
  harness_.clock.Advance(absl::Seconds(5));
  ASSERT_TRUE(harness_.Refresh(name_).ok());
  EXPECT_EQ(Served(), "session-2");
  EXPECT_FALSE(harness_.Stored(name_).last_failure.has_value());
}

// The grant is not lost, for its code is spent; its first token is of no use.
TEST_F(HopsTest, AFailedCallAfterTheExchangeIsMadeUpFor) {
  login_fails_ = true;
  Connect();
  EXPECT_EQ(Served().find("oauth"), std::string::npos) << Served();
  login_fails_ = false;
  harness_.clock.Advance(absl::Seconds(30));
  EXPECT_EQ(Served(), "session-1");
}

}  // namespace
}  // namespace valetkey::broker
