#include "service/identity/oidc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "service/base/status.h"
#include "service/base/url.h"

namespace valetkey::identity {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using enum OpenIdProvider::ClientAuthentication;

constexpr char kIssuer[] = "https://id.example.com/realms/ops";

nlohmann::json Metadata() {
  return {{"issuer", kIssuer},
          {"authorization_endpoint", "https://id.example.com/auth?tenant=a"},
          {"token_endpoint", "https://api.example.com/token"}};
}

RelyingParty Party() {
  return {.issuer = kIssuer,
          .client_id = "valet key",
          .redirect_uri = "https://tokens.example.com/portal/oidc/callback",
          .scopes = "openid email"};
}

SignInSecrets Secrets() {
  SignInSecrets secrets;
  secrets.state = SecretString("s-1");
  secrets.nonce = SecretString("n-1");
  // RFC 7636 appendix B.
  secrets.verifier =
      SecretString("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  return secrets;
}

OpenIdProvider Provider() {
  return *ParseOpenIdProvider(Metadata().dump(), kIssuer);
}

TEST(OidcTest, MetadataThatIsGood) {
  nlohmann::json metadata = Metadata();
  EXPECT_EQ(Provider().token_endpoint, "https://api.example.com/token");
  EXPECT_EQ(Provider().authentication, kBasic);
  EXPECT_FALSE(Provider().sends_issuer);
  metadata["authorization_response_iss_parameter_supported"] = true;
  EXPECT_TRUE(ParseOpenIdProvider(metadata.dump(), kIssuer)->sends_issuer);
  EXPECT_EQ(MetadataUrl("https://id.example.com/"),
            "https://id.example.com/.well-known/openid-configuration");
}

TEST(OidcTest, MetadataThatIsNotNamesTheField) {
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{
           {"issuer", "https://id.example.com/realms/other"},
           {"issuer", nullptr},
           {"authorization_endpoint", "http://id.example.com/auth"},
           {"authorization_endpoint", "javascript:alert(1)"},
           {"token_endpoint", 7},
           {"token_endpoint", "http://192.0.2.1/token"}}) {
    nlohmann::json metadata = Metadata();
    metadata[field] = value;
    const auto provider = ParseOpenIdProvider(metadata.dump(), kIssuer);
    EXPECT_EQ(ReasonOf(provider.status()), Reason::kProviderResponseInvalid);
    EXPECT_THAT(std::string(provider.status().message()), HasSubstr(field));
  }
  EXPECT_FALSE(ParseOpenIdProvider("<html>", kIssuer).ok());
}

TEST(OidcTest, TheUrlAsksForACodeWithAllThatBindsIt) {
  const std::string url = SignInUrl(Provider(), Party(), Secrets());
  EXPECT_THAT(url, StartsWith("https://id.example.com/auth?tenant=a&"));
  const QueryParameters query = ParseQuery(url.substr(url.find('?') + 1));
  const auto value = [&query](absl::string_view name) {
    const std::string* found = FindParameter(query, name);
    return found == nullptr ? "" : *found;
  };
  EXPECT_EQ(value("response_type"), "code");
  EXPECT_EQ(value("client_id"), "valet key");
  EXPECT_EQ(value("redirect_uri"), Party().redirect_uri);
  EXPECT_EQ(value("scope"), "openid email");
  EXPECT_EQ(value("state"), "s-1");
  EXPECT_EQ(value("nonce"), "n-1");
  EXPECT_EQ(value("code_challenge"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  EXPECT_EQ(value("code_challenge_method"), "S256");
  EXPECT_THAT(url, Not(HasSubstr("dBjftJ")));
}

TEST(OidcTest, TheIssuerThatCameBack) {
  OpenIdProvider provider = Provider();
  EXPECT_TRUE(CheckReturnedIssuer(provider, Party(), "").ok());
  EXPECT_TRUE(CheckReturnedIssuer(provider, Party(), kIssuer).ok());
  EXPECT_EQ(
      ReasonOf(CheckReturnedIssuer(provider, Party(), "https://evil.example")),
      Reason::kIssuerMismatch);
  provider.sends_issuer = true;
  EXPECT_EQ(ReasonOf(CheckReturnedIssuer(provider, Party(), "")),
            Reason::kIssuerMismatch);
}

TEST(OidcTest, TheSecretGoesAsTheProviderTakesIt) {
  const SecretString code("c-1");
  const SecretString verifier("v-1");
  const SecretString secret("s:1");
  OpenIdProvider provider = Provider();
  auto request = CodeRequest(provider, Party(), secret, code, verifier);
  ASSERT_TRUE(request.ok());
  // valet+key:s%3A1
  EXPECT_EQ(*request->headers.Find("authorization"),
            "Basic dmFsZXQra2V5OnMlM0Ex");
  EXPECT_EQ(request->url, "https://api.example.com/token");
  EXPECT_THAT(request->body, HasSubstr("grant_type=authorization_code"));
  EXPECT_THAT(request->body, HasSubstr("code=c-1"));
  EXPECT_THAT(request->body, HasSubstr("code_verifier=v-1"));
  EXPECT_THAT(request->body, Not(HasSubstr("client_")));

  provider.authentication = kPost;
  request = CodeRequest(provider, Party(), secret, code, verifier);
  EXPECT_EQ(request->headers.Find("authorization"), nullptr);
  EXPECT_THAT(request->body,
              HasSubstr("client_id=valet+key&client_secret=s%3A1"));

  provider.authentication = kNeither;
  EXPECT_EQ(
      ReasonOf(CodeRequest(provider, Party(), secret, code, verifier).status()),
      Reason::kProviderClientRejected);
  // A public client has none to show.
  request = CodeRequest(provider, Party(), SecretString(), code, verifier);
  EXPECT_EQ(request->headers.Find("authorization"), nullptr);
  EXPECT_THAT(request->body, HasSubstr("client_id=valet+key"));
}

TEST(OidcTest, HowAClientShowsItsSecretIsTold) {
  for (const auto& [methods, expected] : std::vector<
           std::pair<nlohmann::json, OpenIdProvider::ClientAuthentication>>{
           {{"client_secret_post", "client_secret_basic"}, kBasic},
           {{"client_secret_post", "private_key_jwt"}, kPost},
           {{"private_key_jwt", 7}, kNeither},
           {"nonsense", kBasic}}) {
    nlohmann::json metadata = Metadata();
    metadata["token_endpoint_auth_methods_supported"] = methods;
    EXPECT_EQ(ParseOpenIdProvider(metadata.dump(), kIssuer)->authentication,
              expected)
        << methods;
  }
}

Reason ReasonFor(int status, const std::string& body) {
  HttpResponse response;
  response.status = status;
  response.body = body;
  const auto token = ReadIdToken(response);
  EXPECT_EQ(response.body, "");
  EXPECT_THAT(std::string(token.status().message()), Not(HasSubstr("canary")));
  return token.ok() ? Reason::kNone : ReasonOf(token.status());
}

TEST(OidcTest, TheAnswerOfTheTokenEndpoint) {
  EXPECT_EQ(ReasonFor(200, R"({"id_token":"a.b.c","access_token":"x"})"),
            Reason::kNone);
  for (const auto& [status, body, reason] :
       std::vector<std::tuple<int, std::string, Reason>>{
           {200, R"({"access_token":"canary"})",
            Reason::kProviderResponseInvalid},
           {200, R"({"id_token":7})", Reason::kProviderResponseInvalid},
           {200, R"({"id_token":"a","id_token":"b"})",
            Reason::kProviderResponseInvalid},
           {200,
            absl::StrCat(R"({"id_token":")", std::string(40000, 'a'), "\"}"),
            Reason::kProviderResponseInvalid},
           {200, "<html>canary", Reason::kProviderResponseInvalid},
           {400, R"({"error":"invalid_grant","error_description":"canary"})",
            Reason::kAuthorizationCodeRejected},
           {401, R"({"error":"invalid_client"})",
            Reason::kProviderClientRejected},
           {400, R"({"error":"invalid_request"})",
            Reason::kProviderRequestRejected},
           {404, "canary", Reason::kProviderResponseInvalid},
           {429, "", Reason::kProviderUnavailable},
           {503, "canary", Reason::kProviderUnavailable}}) {
    EXPECT_EQ(ReasonFor(status, body), reason) << status << body;
  }
}

TEST(OidcTest, AnIdTokenIsForThisSignInAndThisClient) {
  const nlohmann::json good = {{"nonce", "n-1"}, {"iat", 1}, {"aud", "us"}};
  const SecretString nonce("n-1");
  EXPECT_TRUE(CheckIdToken(good, "us", nonce).ok());
  nlohmann::json several = good;
  several["aud"] = {"us", "them"};
  several["azp"] = "us";
  EXPECT_TRUE(CheckIdToken(several, "us", nonce).ok());
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{
           {"nonce", "n-2"},
           {"nonce", nullptr},
           {"azp", "them"},
           {"azp", 7},
           {"aud", {"us", "them"}}}) {
    nlohmann::json claims = good;
    claims[field] = value;
    EXPECT_EQ(ReasonOf(CheckIdToken(claims, "us", nonce)),
              Reason::kCallerInvalid)
        << claims;
  }
  nlohmann::json undated = good;
  undated.erase("iat");
  EXPECT_FALSE(CheckIdToken(undated, "us", nonce).ok());
  nlohmann::json unbound = good;
  unbound["nonce"] = "";
  EXPECT_FALSE(CheckIdToken(unbound, "us", SecretString()).ok());
}

}  // namespace
}  // namespace valetkey::identity
