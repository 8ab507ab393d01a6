// Token requests, byte for byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/oauth/json.h"
#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::HasSubstr;

ExchangeParameters Code() {
  ExchangeParameters parameters;
  parameters.code = "c/1";
  parameters.redirect_uri = "https://us.example/cb";
  parameters.state = "st";
  return parameters;
}

constexpr char kForm[] = "Content-Type: application/x-www-form-urlencoded\n";
constexpr char kCodeForm[] =
    "grant_type=authorization_code&code=c%2F1"
    "&redirect_uri=https%3A%2F%2Fus.example%2Fcb";

struct Case {
  const char* name;
  const char* changes;
  const char* method;
  const char* url;
  std::string headers;  // after Accept
  std::string body;
};

TEST(ExchangeRequest, EveryClientAuthenticationAndEncoding) {
  const Case cases[] = {
      {"post", "", "POST", "https://idp.example/token", kForm,
       absl::StrCat(kCodeForm, "&client_id=id+1&client_secret=s%3Ae%2Fcret")},
      {"basic raw",
       "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_BASIC }",
       "POST", "https://idp.example/token",
       absl::StrCat(kForm, "Authorization: Basic ",
                    absl::Base64Escape("id 1:s:e/cret"), "\n"),
       kCodeForm},
      {"basic rfc6749",
       "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_BASIC "
       "basic_encoding: BASIC_ENCODING_RFC6749 }",
       "POST", "https://idp.example/token",
       absl::StrCat(kForm, "Authorization: Basic ",
                    absl::Base64Escape("id+1:s%3Ae%2Fcret"), "\n"),
       kCodeForm},
      {"stripe: the secret as user",
       "client_authentication { method: "
       "CLIENT_AUTHENTICATION_METHOD_BASIC_SECRET_USER } "
       "token { omitted_parameters: 'redirect_uri' }",
       "POST", "https://idp.example/token",
       absl::StrCat(kForm, "Authorization: Basic ",
                    absl::Base64Escape("s:e/cret:"), "\n"),
       "grant_type=authorization_code&code=c%2F1"},
      {"public client",
       "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_NONE }",
       "POST", "https://idp.example/token", kForm,
       absl::StrCat(kCodeForm, "&client_id=id+1")},
      {"header",
       "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_HEADER "
       "header_value: 'Client {client_secret}' }",
       "POST", "https://idp.example/token",
       absl::StrCat(kForm, "Authorization: Client s:e/cret\n"), kCodeForm},
      {"square, notion: JSON and a version header",
       "token { encoding: ENCODING_JSON "
       "headers { name: 'Square-Version' value: '2025-01-23' } }",
       "POST", "https://idp.example/token",
       "Content-Type: application/json\nSquare-Version: 2025-01-23\n",
       R"({"grant_type":"authorization_code","code":"c/1",)"
       R"("redirect_uri":"https://us.example/cb","client_id":"id 1",)"
       R"("client_secret":"s:e/cret"})"},
      {"bullhorn: everything in the query",
       "token { encoding: ENCODING_QUERY }", "POST",
       "https://idp.example/token?grant_type=authorization_code&code=c%2F1"
       "&redirect_uri=https%3A%2F%2Fus.example%2Fcb&client_id=id+1"
       "&client_secret=s%3Ae%2Fcret",
       "", ""},
      {"GET",
       "token { method: HTTP_METHOD_GET url: 'https://idp.example/t?v=1' "
       "omitted_parameters: 'redirect_uri' }",
       "GET",
       "https://idp.example/t?v=1&grant_type=authorization_code&code=c%2F1"
       "&client_id=id+1&client_secret=s%3Ae%2Fcret",
       "", ""},
      {"tiktok business: other names, JSON",
       "token { encoding: ENCODING_JSON "
       "renames { from: 'client_id' to: 'app_id' } "
       "renames { from: 'client_secret' to: 'secret' } "
       "renames { from: 'code' to: 'auth_code' } "
       "omitted_parameters: 'redirect_uri' "
       "omitted_parameters: 'grant_type' }",
       "POST", "https://idp.example/token", "Content-Type: application/json\n",
       R"({"auth_code":"c/1","app_id":"id 1","secret":"s:e/cret"})"},
      {"parameters: replaced, from the callback, optional",
       "callback { captures { name: 'realm' parameter: 'realmId' } } "
       "token { parameters { name: 'grant_type' value: 'custom' } "
       "parameters { name: 'state' value: '{state}' } "
       "parameters { name: 'realm' value: '{callback.realm}' optional: true } "
       "headers { name: 'Accept' value: '*/*' } }",
       "POST", "https://idp.example/token",
       absl::StrCat(kForm, "Accept: */*\n"),
       "grant_type=custom&code=c%2F1"
       "&redirect_uri=https%3A%2F%2Fus.example%2Fcb&client_id=id+1"
       "&client_secret=s%3Ae%2Fcret&state=st"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto request =
        ExchangeRequest(Define(c.changes), TestClient(), Code(), TestNow());
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->method, c.method);
    EXPECT_EQ(request->url, c.url);
    EXPECT_EQ(request->body, c.body);
    const std::string accept = absl::StrContains(c.headers, "Accept")
                                   ? ""
                                   : "Accept: application/json\n";
    EXPECT_EQ(HeaderLines(*request), accept + c.headers);
  }
}

TEST(ExchangeRequest, CarriesTheVerifier) {
  ExchangeParameters parameters = Code();
  parameters.verifier = SecretString("v-1");
  const auto request =
      ExchangeRequest(Define(""), TestClient(), parameters, TestNow());
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->body, HasSubstr("&code_verifier=v-1&"));
}

TEST(ExchangeRequest, Pinterest) {
  Client client;
  client.client_id = "1234567";
  client.client_secret = SecretString("abcdef");
  for (const auto& [environment, host] :
       {std::pair("", "https://api.pinterest.com"),
        std::pair("sandbox", "https://api-sandbox.pinterest.com")}) {
    const Definition definition = FromCatalog("pinterest", environment);
    const auto request = ExchangeRequest(definition, client, Code(), TestNow());
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->url, absl::StrCat(host, "/v5/oauth/token"));
    EXPECT_EQ(request->body,
              absl::StrCat(kCodeForm, "&continuous_refresh=true"));
    EXPECT_EQ(HeaderLines(*request),
              absl::StrCat("Accept: application/json\n", kForm,
                           "Authorization: Basic MTIzNDU2NzphYmNkZWY=\n"));
    RefreshParameters parameters;
    parameters.refresh_token = SecretString("pinr.1");
    const auto refresh =
        RefreshRequest(definition, client, parameters, TestNow());
    ASSERT_TRUE(refresh.ok());
    EXPECT_EQ(refresh->url, request->url);
    EXPECT_EQ(refresh->body, "grant_type=refresh_token&refresh_token=pinr.1");
  }
}

TEST(ExchangeRequest, RefusesAHeaderThatWouldBeTwo) {
  const Definition definition = Define(
      "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_HEADER "
      "header_value: '{client_secret}' }");
  Client client = TestClient();
  client.client_secret = SecretString("a\r\nX: b");
  const auto request = ExchangeRequest(definition, client, Code(), TestNow());
  EXPECT_EQ(ReasonOf(request.status()), Reason::kFieldInvalid);
  EXPECT_EQ(request.status().message().find("X: b"), absl::string_view::npos);
}

// --- JWT ---

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

std::string Pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

bool Verifies(EVP_PKEY* key, absl::string_view data, std::string signature,
              bool es256) {
  if (es256) {
    if (signature.size() != 64) return false;
    const auto* raw = reinterpret_cast<const unsigned char*>(signature.data());
    ECDSA_SIG* parts = ECDSA_SIG_new();
    ECDSA_SIG_set0(parts, BN_bin2bn(raw, 32, nullptr),
                   BN_bin2bn(raw + 32, 32, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(parts, &der);
    signature.assign(reinterpret_cast<char*>(der),
                     static_cast<std::size_t>(size));
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  const int result = EVP_DigestVerify(
      context, reinterpret_cast<const unsigned char*>(signature.data()),
      signature.size(), reinterpret_cast<const unsigned char*>(data.data()),
      data.size());
  EVP_MD_CTX_free(context);
  return result == 1;
}

std::string FormValue(const std::string& body, absl::string_view name) {
  const QueryParameters parameters = ParseQuery(body);
  const std::string* value = FindParameter(parameters, name);
  return value == nullptr ? "" : *value;
}

TEST(Jwt, IsSignedAndSaysWhoWeAre) {
  for (const bool es256 : {false, true}) {
    SCOPED_TRACE(es256 ? "ES256" : "RS256");
    const Key key(es256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
    Client client = TestClient();
    client.client_secret = SecretString(Pem(key.get()));
    client.inputs["team"] = "T1";
    const std::string common = absl::StrCat(
        "inputs { name: 'team' display_name: 'Team' "
        "source: INPUT_SOURCE_OPERATOR } client_authentication { jwt { "
        "algorithm: JWT_ALGORITHM_",
        es256 ? "ES256" : "RS256",
        " issuer: '{input.team}' key_id: 'K1' lifetime { seconds: 60 } } ");
    const auto assertion = ExchangeRequest(
        Define(common +
               "method: CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT }"),
        client, Code(), TestNow());
    ASSERT_TRUE(assertion.ok()) << assertion.status();
    EXPECT_EQ(FormValue(assertion->body, "client_assertion_type"),
              "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const std::string token = FormValue(assertion->body, "client_assertion");
    const std::vector<std::string> parts = absl::StrSplit(token, '.');
    ASSERT_EQ(parts.size(), 3u);
    std::string header, claims, signature;
    ASSERT_TRUE(Base64UrlDecode(parts[0], &header));
    ASSERT_TRUE(Base64UrlDecode(parts[1], &claims));
    ASSERT_TRUE(Base64UrlDecode(parts[2], &signature));
    EXPECT_EQ(header, absl::StrCat("{\"alg\":\"", es256 ? "ES256" : "RS256",
                                   "\",\"typ\":\"JWT\",\"kid\":\"K1\"}"));
    const auto document = Document::ParseJson(claims);
    ASSERT_TRUE(document.has_value()) << claims;
    EXPECT_EQ(document->Text("/iss"), "T1");
    EXPECT_EQ(document->Text("/sub"), "id 1");
    EXPECT_EQ(document->Text("/aud"), "https://idp.example/token");
    EXPECT_EQ(document->Text("/iat"), "1800000000");
    EXPECT_EQ(document->Text("/exp"), "1800000060");
    EXPECT_TRUE(Verifies(key.get(), absl::StrCat(parts[0], ".", parts[1]),
                         signature, es256));

    const auto secret = ExchangeRequest(
        Define(common + "method: CLIENT_AUTHENTICATION_METHOD_JWT_AS_SECRET }"),
        client, Code(), TestNow());
    ASSERT_TRUE(secret.ok());
    EXPECT_THAT(FormValue(secret->body, "client_secret"), HasSubstr("."));
    EXPECT_EQ(FormValue(secret->body, "client_assertion"), "");
  }
}

TEST(Jwt, RefusesAKeyOfAnotherKindWithoutQuotingIt) {
  const Definition definition = Define(
      "client_authentication { method: "
      "CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT "
      "jwt { algorithm: JWT_ALGORITHM_ES256 } }");
  const Key rsa(EVP_RSA_gen(2048));
  const Key p384(EVP_EC_gen("P-384"));
  for (const std::string& secret :
       {std::string("hunter2"), Pem(rsa.get()), Pem(p384.get())}) {
    Client client = TestClient();
    client.client_secret = SecretString(secret);
    const auto request = ExchangeRequest(definition, client, Code(), TestNow());
    EXPECT_EQ(ReasonOf(request.status()), Reason::kFieldInvalid);
    EXPECT_THAT(std::string(request.status().message()),
                HasSubstr("client_secret"));
    EXPECT_THAT(std::string(request.status().message()),
                ::testing::Not(HasSubstr(secret)));
  }
}

TEST(Jwt, ClientSecretJwt) {
  const auto request =
      ExchangeRequest(Define("client_authentication { method: "
                             "CLIENT_AUTHENTICATION_METHOD_CLIENT_SECRET_JWT "
                             "jwt { algorithm: JWT_ALGORITHM_HS256 } }"),
                      TestClient(), Code(), TestNow());
  ASSERT_TRUE(request.ok());
  const std::string token = FormValue(request->body, "client_assertion");
  const std::size_t dot = token.rfind('.');
  EXPECT_EQ(token.substr(dot + 1),
            Base64UrlEncode(HmacSha256("s:e/cret", token.substr(0, dot))));
}

// --- Refresh ---

TEST(RefreshRequest, Kinds) {
  RefreshParameters parameters;
  parameters.refresh_token = SecretString("r 1");
  parameters.access_token = SecretString("a1");
  parameters.scopes = {"x", "y"};
  parameters.redirect_uri = "https://us.example/cb";
  const Case cases[] = {
      {"plain", "", "POST", "https://idp.example/token", kForm,
       "grant_type=refresh_token&refresh_token=r+1&client_id=id+1"
       "&client_secret=s%3Ae%2Fcret"},
      {"another place, scope and redirect_uri",
       "refresh { url: 'https://idp.example/refresh' send_scope: true "
       "send_redirect_uri: true } "
       "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_NONE }",
       "POST", "https://idp.example/refresh", kForm,
       "grant_type=refresh_token&refresh_token=r+1"
       "&redirect_uri=https%3A%2F%2Fus.example%2Fcb&scope=x+y"
       "&client_id=id+1"},
      {"instagram: the access token, by GET",
       "refresh { kind: REFRESH_KIND_ACCESS_TOKEN "
       "url: 'https://graph.example/refresh_access_token' "
       "method: HTTP_METHOD_GET "
       "parameters { name: 'grant_type' value: 'ig_refresh_token' } "
       "parameters { name: 'access_token' value: '{access_token}' } } "
       "client_authentication { "
       "method: CLIENT_AUTHENTICATION_METHOD_OMITTED }",
       "GET",
       "https://graph.example/refresh_access_token"
       "?grant_type=ig_refresh_token&access_token=a1",
       "", ""},
      {"tiktok: renamed in both calls, one more here",
       "token { renames { from: 'client_id' to: 'client_key' } } "
       "refresh { renames { from: 'refresh_token' to: 'refreshToken' } }",
       "POST", "https://idp.example/token", kForm,
       "grant_type=refresh_token&refreshToken=r+1&client_key=id+1"
       "&client_secret=s%3Ae%2Fcret"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto request =
        RefreshRequest(Define(c.changes), TestClient(), parameters, TestNow());
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->method, c.method);
    EXPECT_EQ(request->url, c.url);
    EXPECT_EQ(request->body, c.body);
    EXPECT_EQ(HeaderLines(*request), "Accept: application/json\n" + c.headers);
  }
}

TEST(RefreshRequest, NoneWithoutARefreshToken) {
  const auto request = RefreshRequest(Define(""), TestClient(), {}, TestNow());
  EXPECT_EQ(ReasonOf(request.status()), Reason::kRefreshUnsupported);
  EXPECT_EQ(RefreshKindOf(Define(""), false), RefreshKind::kNone);
  EXPECT_EQ(RefreshKindOf(Define(""), true), RefreshKind::kRefreshToken);
  EXPECT_EQ(RefreshKindOf(Define("refresh { kind: REFRESH_KIND_NONE }"), true),
            RefreshKind::kNone);
}

TEST(RefreshRequest, ZohoKeepsToTheHostOfTheCallback) {
  const Definition zoho = Define(
      "inputs { name: 'accounts' source: INPUT_SOURCE_CALLBACK "
      "default_value: 'https://accounts.zoho.com' } "
      "allowed_hosts: 'accounts.zoho.com' allowed_hosts: 'accounts.zoho.eu' "
      "callback { captures { name: 'accounts' parameter: 'accounts-server' } } "
      "token { url: '{input.accounts}/oauth/v2/token' }");
  ExchangeParameters code = Code();
  EXPECT_EQ(ExchangeRequest(zoho, TestClient(), code, TestNow())->url,
            "https://accounts.zoho.com/oauth/v2/token");
  code.callback["accounts"] = "https://accounts.zoho.eu";
  EXPECT_EQ(ExchangeRequest(zoho, TestClient(), code, TestNow())->url,
            "https://accounts.zoho.eu/oauth/v2/token");
  code.callback["accounts"] = "https://accounts.zoho.eu.evil.example";
  EXPECT_FALSE(ExchangeRequest(zoho, TestClient(), code, TestNow()).ok());
  Client client = TestClient();
  client.metadata["accounts"] = "https://accounts.zoho.eu";
  RefreshParameters refresh;
  refresh.refresh_token = SecretString("r");
  EXPECT_EQ(RefreshRequest(zoho, client, refresh, TestNow())->url,
            "https://accounts.zoho.eu/oauth/v2/token");
}

}  // namespace
}  // namespace valetkey::oauth
