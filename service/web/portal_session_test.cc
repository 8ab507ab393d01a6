#include "service/web/portal_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/store/run_sync.h"
#include "service/web/portal_test_support.h"

namespace valetkey::web {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kRpc[] = "/valetkey.v1.ApplicationService/ListApplications";

Task<bool> Finish(Task<void> task) {
  co_await std::move(task);
  co_return true;
}

class PortalSessionTest : public testing::Test {
 protected:
  PortalSessionTest() {
    SetLogSink([this](absl::string_view line) {
      log_.append(line.data(), line.size());
    });
  }
  ~PortalSessionTest() override { SetLogSink(nullptr); }

  Task<absl::StatusOr<std::shared_ptr<const broker::Caller>>> Authenticate(
      std::string authorization) {
    ++looked_up_;
    if (down_) co_return MakeError(Reason::kStoreUnavailable, "down");
    broker::Caller caller{.application = "applications/shop",
                          .key = "applications/shop/keys/k-1"};
    if (authorization == "Bearer vk_admin" && !revoked_) {
      caller.rights = store::kAdminister | store::kReadMetadata;
    } else if (authorization == "Bearer vk_system") {
      caller.application = "applications/system";
      caller.rights = store::kAdminister;
    } else if (authorization == "Bearer vk_reader") {
      caller.rights = store::kReadTokens;
    } else {
      co_return MakeError(Reason::kApiKeyInvalid, "the API key is unknown");
    }
    co_return std::make_shared<const broker::Caller>(std::move(caller));
  }

  // Stands for the RPCs: tells what it was asked with.
  Task<void> Rpc(ServerRequest request, ResponseWriter& writer,
                 std::shared_ptr<const broker::Caller> caller) {
    called_ = std::move(request);
    called_by_ = std::move(caller);
    HttpResponse response;
    response.status = rpc_status_;
    response.body = "{}";
    (co_await writer.Send(std::move(response))).IgnoreError();
  }

  HttpResponse Ask(absl::string_view method,
                   const std::vector<Header>& headers = {},
                   absl::string_view body = "") {
    RecordingWriter writer;
    RunSync(Finish(portal_.Serve(
        MakeRequest(method, kSessionPath, headers, body), writer)));
    return std::move(writer.sent);
  }
  HttpResponse SignIn(absl::string_view key) {
    return Ask("POST",
               {{"Sec-Fetch-Site", "same-origin"},
                {"Content-Type", "application/json; charset=utf-8"}},
               absl::StrCat("{\"api_key\":\"", key, "\"}"));
  }
  Header SignedIn(absl::string_view key = "vk_admin") {
    return {"Cookie", CookiePair(HeaderIn(SignIn(key), "set-cookie"))};
  }
  HttpResponse Call(const std::vector<Header>& headers) {
    called_.reset();
    RecordingWriter writer;
    RunSync(
        Finish(portal_.Call(MakeRequest("POST", kRpc, headers, "{}"), writer)));
    return std::move(writer.sent);
  }
  static std::string CodeOf(const HttpResponse& response) {
    return nlohmann::json::parse(response.body)["code"];
  }

  bool revoked_ = false;
  bool down_ = false;
  int looked_up_ = 0;
  int rpc_status_ = 200;
  std::optional<ServerRequest> called_;
  std::shared_ptr<const broker::Caller> called_by_;
  std::string log_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  Sealer sealer_ = TestSealer();
  PortalSession portal_{sealer_,
                        clock_,
                        [this](std::string authorization) {
                          return Authenticate(std::move(authorization));
                        },
                        [this](ServerRequest request, ResponseWriter& writer,
                               std::shared_ptr<const broker::Caller> caller) {
                          return Rpc(std::move(request), writer,
                                     std::move(caller));
                        },
                        {.public_origin = "https://tokens.example.com"}};
  const Header ours_{"Sec-Fetch-Site", "same-origin"};
};

TEST_F(PortalSessionTest, SignInTellsWhoItIsAndSignOutForgets) {
  const HttpResponse in = SignIn("vk_admin");
  EXPECT_EQ(in.status, 204);
  EXPECT_THAT(in.body, IsEmpty());
  EXPECT_EQ(HeaderIn(in, "cache-control"), "no-store");
  const Header cookie = {"Cookie", CookiePair(HeaderIn(in, "set-cookie"))};
  const HttpResponse who = Ask("GET", {ours_, cookie});
  EXPECT_EQ(who.status, 200);
  EXPECT_EQ(nlohmann::json::parse(who.body),
            nlohmann::json({{"application", "applications/shop"},
                            {"system", false},
                            {"key", "applications/shop/keys/k-1"},
                            {"expire_time", "2027-01-15T08:30:00Z"}}));
  const HttpResponse out = Ask("DELETE", {ours_, cookie});
  EXPECT_EQ(out.status, 204);
  EXPECT_THAT(HeaderIn(out, "set-cookie"),
              StartsWith("__Host-valetkey=; Path=/; Max-Age=0"));
  EXPECT_THAT(log_, HasSubstr("applications/shop/keys/k-1"));
  EXPECT_THAT(log_, Not(HasSubstr("vk_admin")));
}

TEST_F(PortalSessionTest, TheSystemsKeySaysSo) {
  const HttpResponse who = Ask("GET", {SignedIn("vk_system")});
  EXPECT_EQ(nlohmann::json::parse(who.body)["system"], true);
}

TEST_F(PortalSessionTest, OnlyKeysThatMayAdminister) {
  const HttpResponse reader = SignIn("vk_reader");
  EXPECT_EQ(reader.status, 403);
  EXPECT_EQ(CodeOf(reader), "permission_denied");
  EXPECT_THAT(reader.body, HasSubstr("ADMINISTER"));
  EXPECT_EQ(HeaderIn(reader, "set-cookie"), "");
  const HttpResponse stranger = SignIn("vk_canary");
  EXPECT_EQ(stranger.status, 401);
  EXPECT_THAT(stranger.body, HasSubstr("API_KEY_INVALID"));
  EXPECT_THAT(stranger.body + log_, Not(HasSubstr("vk_canary")));
}

TEST_F(PortalSessionTest, BodiesThatAreNone) {
  const std::string deep(4000, '[');
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("7"),
        std::string("{\"api_key\":7}"), std::string("{\"api_key\":\"\"}"),
        std::string("{\"key\":\"vk_canary\"}"), deep}) {
    const HttpResponse response =
        Ask("POST", {ours_, {"Content-Type", "application/json"}}, body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr("api_key")) << body;
    EXPECT_THAT(response.body, Not(HasSubstr("vk_canary")));
  }
  EXPECT_EQ(Ask("POST", {ours_, {"Content-Type", "application/json"}},
                std::string(5000, ' '))
                .status,
            413);
  EXPECT_EQ(looked_up_, 0);
}

TEST_F(PortalSessionTest, WhatAFormCanSendIsRefused) {
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data", ""}) {
    EXPECT_EQ(Ask("POST", {ours_, {"Content-Type", type}},
                  "{\"api_key\":\"vk_admin\"}")
                  .status,
              415)
        << type;
  }
  EXPECT_EQ(looked_up_, 0);
}

TEST_F(PortalSessionTest, AnotherOriginDoesNothing) {
  const Header cookie = SignedIn();
  const int before = looked_up_;
  for (const Header& theirs :
       {Header{"Origin", "https://evil.example"}, Header{"Origin", "null"},
        Header{"Sec-Fetch-Site", "cross-site"},
        Header{"Sec-Fetch-Site", "same-site"}}) {
    EXPECT_EQ(Call({theirs, cookie}).status, 403) << theirs.value;
    EXPECT_FALSE(called_.has_value());
    EXPECT_EQ(Ask("GET", {theirs, cookie}).status, 403) << theirs.value;
    const HttpResponse out = Ask("DELETE", {theirs, cookie});
    EXPECT_EQ(out.status, 403) << theirs.value;
    EXPECT_EQ(HeaderIn(out, "set-cookie"), "");
    EXPECT_EQ(Ask("POST", {theirs, {"Content-Type", "application/json"}},
                  "{\"api_key\":\"vk_admin\"}")
                  .status,
              403)
        << theirs.value;
  }
  EXPECT_EQ(looked_up_, before);
}

TEST_F(PortalSessionTest, FailuresAreSlowedDown) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(SignIn("vk_x").status, 401) << i;
  const HttpResponse refused = SignIn("vk_admin");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(HeaderIn(refused, "retry-after"), "7");
  clock_.Advance(absl::Seconds(7));
  EXPECT_EQ(SignIn("vk_admin").status, 204);
}

TEST_F(PortalSessionTest, TheStoresFailureIsNobodysFault) {
  down_ = true;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(SignIn("vk_admin").status, 503);
}

TEST_F(PortalSessionTest, CallsAreMadeByTheSessionsKey) {
  const Header cookie = SignedIn();
  EXPECT_EQ(Call({ours_, cookie, {"Content-Type", "application/json"}}).status,
            200);
  ASSERT_TRUE(called_.has_value());
  EXPECT_EQ(*called_->headers.Find("authorization"), "Bearer vk_admin");
  EXPECT_EQ(called_->headers.Find("cookie"), nullptr);
  EXPECT_EQ(called_->headers.Find("connect-timeout-ms"), nullptr);
  EXPECT_EQ(called_->body, "{}");
  EXPECT_EQ(called_by_, nullptr);
}

TEST_F(PortalSessionTest, WithoutAnIdentityProviderNobodyIsAPerson) {
  const HttpResponse ways = portal_.Ways(MakeRequest("GET", kSignInPath));
  EXPECT_EQ(ways.status, 200);
  EXPECT_EQ(nlohmann::json::parse(ways.body),
            nlohmann::json({{"api_key", true}}));
  const Header cookie = {"Cookie",
                         CookiePair(portal_.cookie().BeginFor("{\"sub\":1}"))};
  EXPECT_EQ(Ask("GET", {ours_, cookie}).status, 401);
  EXPECT_EQ(Call({ours_, cookie}).status, 401);
  EXPECT_FALSE(called_.has_value());
  EXPECT_EQ(looked_up_, 0);
}

TEST_F(PortalSessionTest, AuthorizationOfItsOwnGoesFirst) {
  // Whoever has a key needs no cookie, and no page of ours.
  Call({SignedIn(),
        {"Authorization", "Bearer vk_own"},
        {"Origin", "https://evil.example"}});
  ASSERT_TRUE(called_.has_value());
  EXPECT_EQ(*called_->headers.Find("authorization"), "Bearer vk_own");
  Call({});
  ASSERT_TRUE(called_.has_value());
  EXPECT_EQ(called_->headers.Find("authorization"), nullptr);
}

TEST_F(PortalSessionTest, UseRenewsTheSession) {
  Header cookie = SignedIn();
  EXPECT_EQ(HeaderIn(Call({ours_, cookie}), "set-cookie"), "");
  clock_.Advance(absl::Minutes(20));
  const std::string renewed = HeaderIn(Call({ours_, cookie}), "set-cookie");
  EXPECT_THAT(renewed, HasSubstr("Max-Age=1800"));
  clock_.Advance(absl::Minutes(20));
  const HttpResponse over = Call({ours_, cookie});
  EXPECT_EQ(over.status, 401);
  EXPECT_THAT(over.body, HasSubstr("sign in again"));
  EXPECT_THAT(HeaderIn(over, "set-cookie"), HasSubstr("Max-Age=0"));
  EXPECT_FALSE(called_.has_value());
  cookie.value = CookiePair(renewed);
  EXPECT_EQ(Call({ours_, cookie}).status, 200);
  EXPECT_THAT(HeaderIn(Ask("GET", {ours_, cookie}), "set-cookie"),
              HasSubstr("Max-Age=1800"));
}

TEST_F(PortalSessionTest, AStreamNeitherRenewsNorOutlastsTheSession) {
  const Header cookie = SignedIn();
  const Header type = {"Content-Type", "application/connect+proto"};
  clock_.Advance(absl::Minutes(20));
  EXPECT_EQ(HeaderIn(Call({ours_, cookie, type}), "set-cookie"), "");
  ASSERT_TRUE(called_.has_value());
  EXPECT_EQ(*called_->headers.Find("connect-timeout-ms"), "600000");
  for (const auto& [own, used] :
       std::vector<std::pair<std::string, std::string>>{
           {"5000", "5000"}, {"900000", "600000"}, {"nonsense", "nonsense"}}) {
    Call({ours_, cookie, type, {"Connect-Timeout-Ms", own}});
    ASSERT_TRUE(called_.has_value());
    EXPECT_EQ(*called_->headers.Find("connect-timeout-ms"), used);
  }
}

TEST_F(PortalSessionTest, ARevokedKeyEndsTheSession) {
  const Header cookie = SignedIn();
  revoked_ = true;
  rpc_status_ = 401;
  EXPECT_THAT(HeaderIn(Call({ours_, cookie}), "set-cookie"),
              HasSubstr("Max-Age=0"));
  const HttpResponse who = Ask("GET", {ours_, cookie});
  EXPECT_EQ(who.status, 401);
  EXPECT_THAT(HeaderIn(who, "set-cookie"), HasSubstr("Max-Age=0"));
  // Not so while the store is away.
  down_ = true;
  EXPECT_EQ(Ask("GET", {ours_, cookie}).status, 503);
  EXPECT_EQ(HeaderIn(Ask("GET", {ours_, cookie}), "set-cookie"), "");
}

TEST_F(PortalSessionTest, NobodyAndOtherMethods) {
  const HttpResponse nobody = Ask("GET", {ours_});
  EXPECT_EQ(nobody.status, 401);
  EXPECT_THAT(nobody.body, HasSubstr("nobody is signed in"));
  EXPECT_EQ(HeaderIn(nobody, "set-cookie"), "");
  EXPECT_EQ(Ask("PUT", {ours_}).status, 405);
  EXPECT_EQ(HeaderIn(Ask("PUT", {ours_}), "allow"), "GET, HEAD, POST, DELETE");
}

}  // namespace
}  // namespace valetkey::web
