#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/base/status.h"
#include "service/oauth/template.h"
#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AuthorizationParameters Ask(std::vector<std::string> scopes) {
  AuthorizationParameters parameters;
  parameters.redirect_uri = "https://us.example/cb";
  parameters.state = "s1";
  parameters.scopes = std::move(scopes);
  return parameters;
}

constexpr char kRest[] =
    "client_id=id+1&redirect_uri=https%3A%2F%2Fus.example%2Fcb"
    "&response_type=code&state=s1";

TEST(AuthorizationUri, ProvidersThatDiffer) {
  const struct {
    const char* name;
    const char* changes;
    std::vector<std::string> scopes;
    std::string uri;
  } cases[] = {
      {"plain",
       "",
       {"a", "b:c"},
       absl::StrCat("https://idp.example/authorize?", kRest, "&scope=a+b%3Ac")},
      {"no scope: no empty parameter",
       "",
       {},
       absl::StrCat("https://idp.example/authorize?", kRest)},
      {"notion: has no scopes",
       "authorization { scope_mode: SCOPE_MODE_NONE "
       "parameters { name: 'owner' value: 'user' } }",
       {"a"},
       absl::StrCat("https://idp.example/authorize?", kRest, "&owner=user")},
      {"microsoft: offline by scope",
       "authorization { required_scopes: 'offline_access' }",
       {"a"},
       absl::StrCat("https://idp.example/authorize?", kRest,
                    "&scope=a+offline_access")},
      {"comma",
       "authorization { scope_separator: ',' }",
       {"a", "b"},
       absl::StrCat("https://idp.example/authorize?", kRest, "&scope=a%2Cb")},
      {"square: a bare plus, session=false",
       "authorization { scope_separator: '+' "
       "scope_encoding: SCOPE_ENCODING_RAW "
       "parameters { name: 'session' value: 'false' } }",
       {"ITEMS_READ", "ORDERS_READ"},
       absl::StrCat("https://idp.example/authorize?", kRest,
                    "&session=false&scope=ITEMS_READ+ORDERS_READ")},
      {"apollo: after the fragment",
       "authorization { url: 'https://app.example/#/oauth/authorize' "
       "query_after_fragment: true }",
       {},
       absl::StrCat("https://app.example/#/oauth/authorize?", kRest)},
      {"tiktok: client_key",
       "authorization { scope_separator: ',' "
       "renames { from: 'client_id' to: 'client_key' } }",
       {"user.info.basic"},
       "https://idp.example/authorize?client_key=id+1"
       "&redirect_uri=https%3A%2F%2Fus.example%2Fcb"
       "&response_type=code&state=s1&scope=user.info.basic"},
      {"basecamp: type in place of response_type",
       "authorization { omitted_parameters: 'response_type' "
       "parameters { name: 'type' value: 'web_server' } }",
       {},
       "https://idp.example/authorize?client_id=id+1"
       "&redirect_uri=https%3A%2F%2Fus.example%2Fcb&state=s1"
       "&type=web_server"},
      {"apple: form_post",
       "authorization { response_mode: RESPONSE_MODE_FORM_POST }",
       {},
       absl::StrCat("https://idp.example/authorize?", kRest,
                    "&response_mode=form_post")},
      {"a query and a fragment in the URL",
       "authorization { url: 'https://idp.example/a?v=2#top' }",
       {},
       absl::StrCat("https://idp.example/a?v=2&", kRest, "#top")},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto uri =
        AuthorizationUri(Define(c.changes), TestClient(), Ask(c.scopes));
    ASSERT_TRUE(uri.ok()) << uri.status();
    EXPECT_EQ(*uri, c.uri);
  }
}

TEST(AuthorizationUri, Slack) {
  const auto uri =
      AuthorizationUri(FromCatalog("slack"), TestClient(),
                       Ask({"chat:write", "user:chat:write", "users:read"}));
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(*uri, absl::StrCat("https://slack.com/oauth/v2/authorize?", kRest,
                               "&scope=chat%3Awrite%2Cusers%3Aread"
                               "&user_scope=chat%3Awrite"));
}

TEST(AuthorizationUri, GoogleMapsScopes) {
  const auto uri = AuthorizationUri(FromCatalog("google"), TestClient(),
                                    Ask({"openid", "email"}));
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(*uri,
            absl::StrCat("https://accounts.google.com/o/oauth2/v2/auth?", kRest,
                         "&access_type=offline&prompt=consent"
                         "&scope=openid+https%3A%2F%2Fwww.googleapis.com"
                         "%2Fauth%2Fuserinfo.email"));
}

TEST(AuthorizationUri, Pkce) {
  AuthorizationParameters parameters = Ask({});
  const SecretString verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  // RFC 7636 appendix B.
  parameters.code_challenge = ChallengeS256(verifier);
  EXPECT_EQ(parameters.code_challenge,
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  EXPECT_THAT(*AuthorizationUri(Define(""), TestClient(), parameters),
              HasSubstr("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJS"
                        "stw-cM&code_challenge_method=S256"));
  EXPECT_THAT(*AuthorizationUri(Define("pkce { method_name: 's256' }"),
                                TestClient(), parameters),
              HasSubstr("code_challenge_method=s256"));
  FakeRandom random(7);
  EXPECT_EQ(NewVerifier(random).size(), 43u);
  EXPECT_TRUE(PkceByDefault(FromCatalog("pinterest")));
  EXPECT_FALSE(PkceByDefault(FromCatalog("slack")));
  EXPECT_FALSE(PkceByDefault(Define("")));
}

TEST(AuthorizationUri, ExtraParametersMustBeAllowed) {
  const Definition definition =
      Define("authorization { allowed_extra_parameters: 'login_hint' }");
  AuthorizationParameters parameters = Ask({});
  parameters.extra["login_hint"] = "a@b";
  EXPECT_THAT(*AuthorizationUri(definition, TestClient(), parameters),
              HasSubstr("&login_hint=a%40b"));
  parameters.extra["redirect_uri"] = "https://evil.example";
  const auto refused = AuthorizationUri(definition, TestClient(), parameters);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kFieldInvalid);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("extra_parameters.redirect_uri"));
}

TEST(Inputs, CannotLeadToAnotherHost) {
  const Definition shopify = Define(
      "inputs { name: 'shop' display_name: 'Shop' source: INPUT_SOURCE_USER "
      "strip_prefixes: 'https://' strip_suffixes: '.myshopify.example' } "
      "allowed_hosts: '*.myshopify.example' "
      "authorization { "
      "url: 'https://{input.shop}.myshopify.example/admin/{input.shop}' }");
  const auto uri = [&](const std::string& shop) {
    Client client = TestClient();
    client.inputs["shop"] = shop;
    return AuthorizationUri(shopify, client, Ask({}));
  };
  EXPECT_THAT(*uri("acme"),
              HasSubstr("https://acme.myshopify.example/admin/acme?"));
  EXPECT_THAT(*uri("https://acme.myshopify.example"),
              HasSubstr("https://acme.myshopify.example/admin/acme?"));
  for (const char* shop :
       {"evil.example/", "evil.example#", "evil.example?", "a@evil.example",
        "evil.example\\", "evil.example:443/x", "a.b", "", ".", "..", "a b",
        "%2e", "evil.example%2f", "\xc3\xa4", "a\r\nb", "-", "a:1"}) {
    SCOPED_TRACE(shop);
    const auto result = uri(shop);
    if (!result.ok()) {
      EXPECT_EQ(ReasonOf(result.status()), Reason::kFieldInvalid);
      continue;
    }
    // "-" makes an odd host, but one of the provider's.
    EXPECT_THAT(*result, HasSubstr(absl::StrCat("https://", shop,
                                                ".myshopify.example/")));
  }
  EXPECT_FALSE(uri("a.b").ok());
  EXPECT_FALSE(uri("evil.example/").ok());
}

TEST(Inputs, SelfHosted) {
  const Definition gitlab = Define(
      "inputs { name: 'base' display_name: 'URL' "
      "source: INPUT_SOURCE_OPERATOR } allowed_hosts: '**' "
      "authorization { url: '{input.base}/oauth/authorize' }");
  const auto uri = [&](const std::string& base) {
    Client client = TestClient();
    client.inputs["base"] = base;
    return AuthorizationUri(gitlab, client, Ask({}));
  };
  EXPECT_THAT(*uri("https://git.acme.example/sub/"),
              HasSubstr("https://git.acme.example/sub/oauth/authorize?"));
  for (const char* base :
       {"http://git.acme.example", "ftp://x", "git.acme.example",
        "https://u:p@x.example", "https://x.example?a", "https://x.example#a",
        "javascript:alert(1)"}) {
    EXPECT_FALSE(uri(base).ok()) << base;
  }
}

TEST(Inputs, AreChecked) {
  const Definition definition = Define(
      "inputs { name: 'region' display_name: 'R' "
      "source: INPUT_SOURCE_OPERATOR allowed_values: 'eu' "
      "allowed_values: 'us' } "
      "inputs { name: 'tenant' display_name: 'T' source: INPUT_SOURCE_USER "
      "pattern: '[a-z]{2,6}' default_value: 'common' }");
  EXPECT_FALSE(CheckInputs(definition, {{"tenant", "common1"}}).ok());
  EXPECT_TRUE(CheckInputs(definition, {{"tenant", "acme"}}).ok());
  EXPECT_TRUE(CheckInputs(definition, {{"region", "eu"}}).ok());
  for (const auto& inputs : std::vector<std::map<std::string, std::string>>{
           {{"region", "cn"}},
           {{"tenant", "acme "}},
           {{"tenant", std::string(10000, 'a')}},
           {{"other", "x"}}}) {
    const absl::Status status = CheckInputs(definition, inputs);
    EXPECT_EQ(ReasonOf(status), Reason::kFieldInvalid);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("inputs." + inputs.begin()->first));
  }
}

TEST(SplitScopes, OnWhateverSeparates) {
  EXPECT_THAT(SplitScopes(" a,b  c+a,,d\n"), ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(SplitScopes("").empty());
}

TEST(ReadCallback, StandardAndRenamed) {
  const QueryParameters query = ParseQuery(
      "state=s&code=c&spapi_oauth_code=d&iss=https%3A%2F%2Fi&"
      "realmId=9&error=access_denied&error_description=no+thanks");
  const Callback plain = ReadCallback(nullptr, query);
  EXPECT_EQ(plain.state, "s");
  EXPECT_EQ(plain.code, "c");
  EXPECT_EQ(plain.issuer, "https://i");
  EXPECT_EQ(plain.error, "access_denied");
  EXPECT_EQ(plain.error_description, "no thanks");
  EXPECT_TRUE(plain.captured.empty());
  const Definition amazon = Define(
      "callback { code_parameter: 'spapi_oauth_code' "
      "captures { name: 'realm' parameter: 'realmId' } "
      "captures { name: 'other' parameter: 'absent' } }");
  const Callback read = ReadCallback(&amazon, query);
  EXPECT_EQ(read.code, "d");
  EXPECT_THAT(read.captured, ElementsAre(std::pair("realm", "9")));
}

TEST(Template, BracesAndVariables) {
  const auto parts = ParseTemplate("{\"q\":\"{ me }\",\"t\":\"{token.x1}\"}");
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ((*parts)[1].text, "token.x1");
  EXPECT_FALSE(ParseTemplate("{input").ok());
  EXPECT_FALSE(ParseTemplate("{a b}").ok());
  EXPECT_FALSE(ParseTemplate("{a.}").ok());
  EXPECT_FALSE(ParseTemplate("{a.b.c}").ok());
}

}  // namespace
}  // namespace valetkey::oauth
