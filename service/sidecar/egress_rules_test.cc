#include "service/sidecar/egress_rules.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/match.h"

namespace valetkey::sidecar {
namespace {

EgressTarget Target() { return *TargetOf("https://api.pinterest.com/v5"); }

ServerRequest Request(const std::string& authority = "127.0.0.1:9001") {
  ServerRequest request;
  request.method = "GET";
  request.path = "/v5/user_account";
  request.authority = authority;
  request.peer = "127.0.0.1:40112";
  return request;
}

TEST(EgressRulesTest, TheTargetIsAnOrigin) {
  EXPECT_EQ(Target().origin, "https://api.pinterest.com");
  EXPECT_EQ(Target().authority, "api.pinterest.com");
  EXPECT_EQ(TargetOf("http://127.0.0.1:4001/x")->authority, "127.0.0.1:4001");
  EXPECT_FALSE(TargetOf("").ok());
}

TEST(EgressRulesTest, HostsThatMayBeNamed) {
  for (const char* mine :
       {"", "127.0.0.1:9001", "localhost", "LOCALHOST:9001", "[::1]:9001",
        "127.3.2.1", "api.pinterest.com", "API.pinterest.com"}) {
    EXPECT_EQ(Refuse(Request(mine), Target()), std::nullopt) << mine;
  }
  for (const char* other :
       {"evil.example", "evil.example:9001", "localhost.evil.example",
        "api.pinterest.com.evil.example", "api.pinterest.com@evil.example",
        "127.0.0.1.evil.example:9001", "10.0.0.1:9001", "[::2]:9001", "["}) {
    const auto refusal = Refuse(Request(other), Target());
    ASSERT_NE(refusal, std::nullopt) << other;
    EXPECT_EQ(refusal->status, 403);
  }
  ServerRequest by_socket = Request("anything");
  by_socket.peer = "unix";
  EXPECT_EQ(Refuse(by_socket, Target()), std::nullopt);
}

TEST(EgressRulesTest, CredentialsAreRefusedByName) {
  for (const char* name :
       {"Authorization", "authorization", "Proxy-Authorization", "Cookie",
        "X-Api-Key", "PRIVATE-TOKEN", "X-Shopify-Access-Token", "DPoP"}) {
    ServerRequest request = Request();
    request.headers.Add(name, "s3cret");
    const auto refusal = Refuse(request, Target());
    ASSERT_NE(refusal, std::nullopt) << name;
    EXPECT_EQ(refusal->status, 400);
    EXPECT_TRUE(absl::StrContains(refusal->message, name));
    EXPECT_FALSE(absl::StrContains(refusal->message, "s3cret"));
  }
  for (const char* query :
       {"access_token=x", "a=b&access_token=", "access%5Ftoken=x"}) {
    ServerRequest request = Request();
    request.query = query;
    EXPECT_NE(Refuse(request, Target()), std::nullopt) << query;
  }
  ServerRequest plain = Request();
  plain.query = "fields=access_token&my_access_token=1";
  plain.headers.Add("X-Request-Id", "7");
  EXPECT_EQ(Refuse(plain, Target()), std::nullopt);
}

TEST(EgressRulesTest, WebPagesAreRefused) {
  ServerRequest page = Request();
  page.headers.Add("Origin", "http://127.0.0.1:9001");
  EXPECT_EQ(Refuse(page, Target())->status, 403);
  page = Request();
  page.headers.Add("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(Refuse(page, Target())->status, 403);
  ServerRequest typed = Request();
  typed.headers.Add("Sec-Fetch-Site", "none");
  EXPECT_EQ(Refuse(typed, Target()), std::nullopt);
}

TEST(EgressRulesTest, MethodsThatEchoOrTunnelAreRefused) {
  for (const char* method : {"TRACE", "CONNECT"}) {
    ServerRequest request = Request();
    request.method = method;
    EXPECT_EQ(Refuse(request, Target())->status, 405);
  }
  ServerRequest star = Request();
  star.path = "*";
  EXPECT_EQ(Refuse(star, Target())->status, 400);
}

std::string Names(const HttpHeaders& headers) {
  std::string names;
  for (const auto& [name, value] : headers.fields()) {
    names += (names.empty() ? "" : " ") + name;
  }
  return names;
}

TEST(EgressRulesTest, WhatConcernsTheConnectionStaysBehind) {
  HttpHeaders headers;
  for (const char* name :
       {"Host", "Connection", "Keep-Alive", "TE", "Upgrade", "Expect",
        "Transfer-Encoding", "Content-Length", "X-Hop", "Accept",
        "Content-Type", "Content-Encoding"}) {
    headers.Add(name, std::string(name) == "Connection" ? "close, x-hop" : "v");
  }
  EXPECT_EQ(Names(HeadersToProvider(headers)),
            "Accept Content-Type Content-Encoding");
  headers.Add("Set-Cookie", "session=1");
  headers.Add("Strict-Transport-Security", "max-age=1");
  EXPECT_EQ(Names(HeadersToCaller(headers, Target())),
            "Host Expect Accept Content-Type Content-Encoding");
}

TEST(EgressRulesTest, ALocationAtTheTargetLeadsThroughTheDoor) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://api.pinterest.com/v5/pins/7?a=b", "/v5/pins/7?a=b"},
      {"https://api.pinterest.com", "/"},
      {"https://api.pinterest.com.evil.example/", nullptr},
      {"https://www.pinterest.com/x", nullptr},
      {"/v5/x", nullptr},
  };
  for (const auto& [location, shown] : cases) {
    HttpHeaders headers;
    headers.Add("location", location);
    EXPECT_EQ(*HeadersToCaller(headers, Target()).Find("Location"),
              shown == nullptr ? location : shown);
  }
}

}  // namespace
}  // namespace valetkey::sidecar
