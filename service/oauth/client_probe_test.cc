// Is our client good?

#include <gtest/gtest.h>

#include <string>

#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {
namespace {

class ClientProbeTest : public ::testing::Test {
 protected:
  ClientProbeTest() : catalog_(*catalog::Catalog::Load("")) {
    client_.client_id = "1234";
    client_.client_secret = SecretString("s3cret");
  }
  const Definition& Of(const char* id) { return *catalog_.Find(id); }
  ClientProbe Parse(int status, const std::string& body) {
    HttpResponse response;
    response.status = status;
    response.headers.Add("Content-Type", "application/json");
    response.body = body;
    return ParseClientProbe(Of("pinterest"), response);
  }

  catalog::Catalog catalog_;
  Client client_;
};

TEST_F(ClientProbeTest, AsksByTheClientCredentialsGrant) {
  const auto request =
      ClientProbeRequest(Of("pinterest"), client_, absl::FromUnixSeconds(1));
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->url, "https://api.pinterest.com/v5/oauth/token");
  EXPECT_EQ(request->body,
            "grant_type=client_credentials&scope=user_accounts%3Aread");
  ASSERT_NE(request->headers.Find("Authorization"), nullptr);
  EXPECT_EQ(*request->headers.Find("Authorization"), "Basic MTIzNDpzM2NyZXQ=");
}

TEST_F(ClientProbeTest, ADefinitionWithoutOneHasNone) {
  EXPECT_FALSE(
      ClientProbeRequest(Of("google"), client_, absl::UnixEpoch()).has_value());
}

TEST_F(ClientProbeTest, OnlyAClearAnswerDecides) {
  EXPECT_EQ(Parse(200, R"({"access_token":"pinc_1","token_type":"bearer"})"),
            ClientProbe::kAccepted);
  EXPECT_EQ(Parse(401, R"({"code":2,"message":"Authentication failed."})"),
            ClientProbe::kRefused);
  EXPECT_EQ(Parse(403, R"({"code":29,"message":"not allowed"})"),
            ClientProbe::kUnknown);
  EXPECT_EQ(Parse(429, R"({"code":8,"message":"slow down"})"),
            ClientProbe::kUnknown);
  EXPECT_EQ(Parse(503, "<html>down</html>"), ClientProbe::kUnknown);
  EXPECT_EQ(Parse(200, "<html>hello</html>"), ClientProbe::kUnknown);
}

}  // namespace
}  // namespace valetkey::oauth
