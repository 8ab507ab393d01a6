#include "service/broker/admin_fields.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/broker/admin_harness.h"

namespace valetkey::broker {
namespace {

using ::testing::HasSubstr;

TEST(CheckDisplayNameTest, Table) {
  for (const std::string& good :
       {std::string(), std::string("Jos\u00e9's shop \U0001F6D2"),
        std::string(128, 'x')}) {
    EXPECT_TRUE(CheckDisplayName("display_name", good).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(129, 'x'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\u0085"), std::string("\u009f"),
        std::string("\xff")}) {
    EXPECT_EQ(FieldOf(CheckDisplayName("display_name", bad)), "display_name");
  }
}

TEST(CheckReturnUrisTest, Table) {
  for (const char* good :
       {"https://shop.example/back", "https://shop.example",
        "https://shop.example:8443/back?a=1&b=2", "HTTPS://shop.example/",
        "http://localhost:3000/back", "http://127.0.0.1/back",
        "http://[::1]:8080/back", "com.example.app:/callback",
        "com.example.app://callback", "com.example.app:callback"}) {
    EXPECT_TRUE(CheckReturnUris("u", {good}).ok()) << good;
  }
  const std::string long_one = "https://shop.example/" + std::string(2048, 'a');
  for (const char* bad : {"",
                          "/back",
                          "shop.example/back",
                          "//shop.example/back",
                          "http://shop.example/back",
                          "http://localhost.evil.example/",
                          "http://127.0.0.1.evil.example/",
                          "https://",
                          "https:///back",
                          "https://user@shop.example/",
                          "https://shop.example/#",
                          "https://shop.example/back#part",
                          "https://shop.example/a b",
                          "https://shop.example/\n",
                          "https://shop.example/\\evil",
                          "https://shop.example/\"",
                          "https://shop.example/<x>",
                          "https://sh\u00f6p.example/",
                          "javascript:alert(1)",
                          "data:text/html,x",
                          "myapp:/callback",
                          "myapp://callback",
                          "com.example.app",
                          "com.example.app:",
                          "com.example.app:/cb#x",
                          ".com:/x",
                          "com.:/x",
                          "1com.example:/x",
                          "com.ex_ample:/x",
                          "com.example.app:/a b",
                          "ftp://shop.example/",
                          "file:///etc/passwd",
                          long_one.c_str()}) {
    EXPECT_EQ(FieldOf(CheckReturnUris("application.return_uris",
                                      {"https://ok.example", bad})),
              "application.return_uris[1]")
        << bad;
  }
  const std::vector<std::string> many(51, "https://shop.example/");
  EXPECT_EQ(FieldOf(CheckReturnUris("uris", many)), "uris");
  EXPECT_TRUE(CheckReturnUris("uris", {many.begin(), many.begin() + 50}).ok());
}

TEST(CheckRedirectUriTest, Table) {
  for (const char* good : {"", "https://a.example/cb", "http://localhost/cb"}) {
    EXPECT_TRUE(CheckRedirectUri("u", good).ok()) << good;
  }
  for (const char* bad : {"com.example.app:/cb", "http://a.example/cb",
                          "https://a.example/cb#", "cb"}) {
    EXPECT_EQ(FieldOf(CheckRedirectUri("provider.redirect_uri", bad)),
              "provider.redirect_uri")
        << bad;
  }
}

TEST(CheckClientTest, Table) {
  EXPECT_TRUE(CheckClientId("f", "1234 abc~!").ok());
  EXPECT_TRUE(CheckClientId("f", std::string(512, 'x')).ok());
  for (const std::string& bad : {std::string(), std::string(513, 'x'),
                                 std::string("a\n"), std::string("\u00e9")}) {
    EXPECT_EQ(FieldOf(CheckClientId("provider.client_id", bad)),
              "provider.client_id");
  }
  for (const std::string& good :
       {std::string(), std::string("s3cret \u00e9"), std::string(8192, 'x'),
        std::string("-----BEGIN PRIVATE KEY-----\nAA\r\n-----END")}) {
    EXPECT_TRUE(CheckClientSecret("f", SecretString(good)).ok()) << good;
  }
  for (const std::string& bad :
       {std::string(8193, 'x'), std::string("s3cret\n"), std::string("\xff"),
        std::string("a\0b", 3), std::string("-----BEGIN \x01")}) {
    const absl::Status status =
        CheckClientSecret("provider.client_secret", SecretString(bad));
    EXPECT_EQ(FieldOf(status), "provider.client_secret");
    EXPECT_THAT(std::string(status.message()),
                ::testing::Not(HasSubstr("s3cret")));
  }
}

TEST(CheckScopesTest, Table) {
  EXPECT_TRUE(CheckScopes("f", {}).ok());
  EXPECT_TRUE(CheckScopes("f", {"pins:read", "https://a.example/x!#[]~",
                                std::string(256, 's')})
                  .ok());
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\"b"),
        std::string("a\\b"), std::string(257, 's'), std::string("\u00e9"),
        std::string("a\x7f")}) {
    EXPECT_EQ(FieldOf(CheckScopes("provider.scopes", {bad})),
              "provider.scopes[0]")
        << bad;
  }
  EXPECT_TRUE(CheckScopes("f", std::vector<std::string>(100, "s")).ok());
  EXPECT_EQ(FieldOf(CheckScopes("f", std::vector<std::string>(101, "s"))), "f");
}

TEST(CheckLabelsTest, Table) {
  EXPECT_TRUE(CheckLabels("labels", {}).ok());
  EXPECT_TRUE(
      CheckLabels("labels", {{"a", ""},
                             {"az09_.-/", "any \u20ac\n"},
                             {std::string(63, 'k'), std::string(255, 'v')}})
          .ok());
  for (const std::string& bad : {std::string(64, 'k'), std::string("A"),
                                 std::string("a b"), std::string("\u00e9")}) {
    EXPECT_THAT(FieldOf(CheckLabels("labels", {{bad, "v"}})),
                HasSubstr("labels[\""));
  }
  EXPECT_EQ(FieldOf(CheckLabels("labels", {{"", "v"}})), "labels[\"\"]");
  EXPECT_EQ(FieldOf(CheckLabels("labels", {{"k", std::string(256, 'v')}})),
            "labels[\"k\"]");
  EXPECT_EQ(FieldOf(CheckLabels("labels", {{"k", "\xff"}})), "labels[\"k\"]");
  store::Labels labels;
  for (int i = 0; i < 32; ++i) labels[absl::StrCat("k", i)] = "v";
  EXPECT_TRUE(CheckLabels("labels", labels).ok());
  labels["one-more"] = "v";
  EXPECT_EQ(FieldOf(CheckLabels("labels", labels)), "labels");
}

// An error travels as UTF-8 and in a line of a log.
TEST(KeyedFieldTest, MakesAnythingReadable) {
  EXPECT_EQ(KeyedField("inputs", "tenant"), "inputs[\"tenant\"]");
  EXPECT_EQ(KeyedField("inputs", "a\n\xff\""), "inputs[\"a\\n\\xff\\\"\"]");
  EXPECT_LT(KeyedField("inputs", std::string(10'000, '\xff')).size(), 300u);
}

TEST(NeedsClientSecretTest, ByMethod) {
  catalog::Definition definition;
  auto& authentication = *definition.mutable_client_authentication();
  authentication.set_method(
      catalog::v1::CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT);
  EXPECT_TRUE(NeedsClientSecret(definition));
  authentication.set_method(catalog::v1::CLIENT_AUTHENTICATION_METHOD_NONE);
  EXPECT_FALSE(NeedsClientSecret(definition));
  authentication.set_method(catalog::v1::CLIENT_AUTHENTICATION_METHOD_HEADER);
  authentication.set_header_value("Client {client_id}");
  EXPECT_FALSE(NeedsClientSecret(definition));
  authentication.set_header_value("Client {client_secret}");
  EXPECT_TRUE(NeedsClientSecret(definition));
}

}  // namespace
}  // namespace valetkey::broker
