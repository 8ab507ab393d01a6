// The hops after the exchange, and verification.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/base/status.h"
#include "service/oauth/test_definitions.h"

namespace valetkey::oauth {
namespace {

using ::testing::HasSubstr;

TEST(PostExchange, FacebooksLongLivedToken) {
  const Definition facebook = Define(
      "response { captures { name: 'user' pointer: '/user_id' } } "
      "post_exchange { url: 'https://graph.example/v23.0/token' "
      "parameters { name: 'grant_type' value: 'fb_exchange_token' } "
      "parameters { name: 'client_id' value: '{client_id}' } "
      "parameters { name: 'client_secret' value: '{client_secret}' } "
      "parameters { name: 'fb_exchange_token' value: '{access_token}' } "
      "parameters { name: 'u' value: '{token.user}' } "
      "response { captures { name: 'kind' pointer: '/kind' } } }");
  EXPECT_THAT(PostExchangeHops(facebook, Leg::kExchange),
              ::testing::ElementsAre(0));
  EXPECT_THAT(PostExchangeHops(facebook, Leg::kRefresh), ::testing::IsEmpty());
  TokenAnswer so_far =
      *ParseTokenAnswer(facebook, Leg::kExchange,
                        Answer(200, R"({"access_token":"short","user_id":7,)"
                                    R"("expires_in":60,"scope":"x"})"),
                        TestNow(), {})
           .answer;
  const auto request =
      PostExchangeRequest(facebook, 0, TestClient(), so_far, TestNow());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url,
            "https://graph.example/v23.0/token?grant_type=fb_exchange_token"
            "&client_id=id+1&client_secret=s%3Ae%2Fcret"
            "&fb_exchange_token=short&u=7");
  EXPECT_FALSE(MergePostExchange(
                   facebook, 0, TestClient(),
                   Answer(200, R"({"access_token":"long","expires_in":5184000,)"
                               R"("kind":"user"})"),
                   TestNow(), so_far)
                   .has_value());
  ASSERT_EQ(so_far.tokens.size(), 1u);
  EXPECT_EQ(so_far.tokens[0].access_token.Reveal(), "long");
  EXPECT_EQ(so_far.tokens[0].expire_time, TestNow() + absl::Hours(1440));
  EXPECT_THAT(so_far.tokens[0].scopes,
              ::testing::Optional(::testing::ElementsAre("x")));
  EXPECT_EQ(so_far.metadata["user"], "7");
  EXPECT_EQ(so_far.metadata["kind"], "user");

  const auto failure = MergePostExchange(
      facebook, 0, TestClient(),
      Answer(400, R"({"error":"invalid_grant","message":"bad long token"})"),
      TestNow(), so_far);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->kind, FailureClass::kGrantDead);
  EXPECT_EQ(failure->message, "bad [redacted] token");
  EXPECT_EQ(so_far.tokens[0].access_token.Reveal(), "long");
}

TokenSet Token() {
  TokenSet token;
  token.access_token = SecretString("tok\"1");
  return token;
}

TEST(Verify, Shapes) {
  const struct {
    const char* name;
    const char* changes;
    const char* method;
    const char* url;
    const char* headers;
    const char* body;
  } cases[] = {
      {"bearer",
       "verification { url: 'https://api.example/me' id_pointer: '/id' }",
       "GET", "https://api.example/me",
       "Accept: application/json\nAuthorization: Bearer tok\"1\n", ""},
      {"mailchimp: OAuth",
       "verification { url: 'https://api.example/me' id_pointer: '/id' "
       "authorization: 'OAuth {access_token}' }",
       "GET", "https://api.example/me",
       "Accept: application/json\nAuthorization: OAuth tok\"1\n", ""},
      {"hubspot: in the path",
       "verification { url: 'https://api.example/t/{access_token}' "
       "id_pointer: '/id' omit_authorization: true }",
       "GET", "https://api.example/t/tok%221", "Accept: application/json\n",
       ""},
      {"linear: GraphQL",
       "verification { url: 'https://api.example/graphql' "
       "method: HTTP_METHOD_POST content_type: 'application/json' "
       "body: '{\"query\":\"{ viewer { id } }\",\"t\":\"{access_token}\"}' "
       "id_pointer: '/data/viewer/id' omit_authorization: true }",
       "POST", "https://api.example/graphql",
       "Accept: application/json\nContent-Type: application/json\n",
       R"({"query":"{ viewer { id } }","t":"tok\"1"})"},
      {"twitch: a header with the client id",
       "verification { url: 'https://api.example/users' "
       "headers { name: 'Client-Id' value: '{client_id}' } "
       "id_pointer: '/data/0/id' }",
       "GET", "https://api.example/users",
       "Accept: application/json\nAuthorization: Bearer tok\"1\n"
       "Client-Id: id 1\n",
       ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto request =
        VerifyRequest(Define(c.changes), TestClient(), Token());
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->method, c.method);
    EXPECT_EQ(request->url, c.url);
    EXPECT_EQ(HeaderLines(*request), c.headers);
    EXPECT_EQ(request->body, c.body);
  }
  EXPECT_FALSE(VerifyRequest(Define(""), TestClient(), Token()).has_value());
}

TEST(Verify, NotWithoutTheScopeItNeeds) {
  const Definition pinterest = FromCatalog("pinterest");
  TokenSet token = Token();
  EXPECT_TRUE(VerifyRequest(pinterest, TestClient(), token).has_value());
  token.scopes = {"boards:read"};
  EXPECT_FALSE(VerifyRequest(pinterest, TestClient(), token).has_value());
  token.scopes->push_back("user_accounts:read");
  EXPECT_TRUE(VerifyRequest(pinterest, TestClient(), token).has_value());
}

TEST(ParseAccount, Forms) {
  const auto pinterest =
      ParseAccount(FromCatalog("pinterest"),
                   Answer(200, R"({"id":"549755885175","username":"anna"})"));
  ASSERT_TRUE(pinterest.ok());
  EXPECT_EQ(pinterest->id, "549755885175");
  EXPECT_EQ(pinterest->display_name, "anna");
  const auto github =
      ParseAccount(FromCatalog("github"), Answer(200, R"({"id":583231,)"
                                                      R"("login":"octocat"})"));
  ASSERT_TRUE(github.ok());
  EXPECT_EQ(github->id, "583231");
  const auto klaviyo =
      ParseAccount(Define("verification { url: 'https://api.example/a' "
                          "id_pointer: '/data/0/id' }"),
                   Answer(200, R"({"data":[{"id":"K"}]})"));
  ASSERT_TRUE(klaviyo.ok());
  EXPECT_EQ(klaviyo->id, "K");
}

TEST(ParseAccount, KeepsWhatTheDefinitionWants) {
  const Definition mailchimp = Define(
      "verification { url: 'https://api.example/a' id_pointer: '/id' "
      "captures { name: 'dc' pointer: '/dc' } "
      "captures { name: 'none' pointer: '/none' } } "
      "api_base_url: 'https://{meta.dc}.api.example' "
      "allowed_hosts: '*.api.example'");
  const auto account =
      ParseAccount(mailchimp, Answer(200, R"({"id":1,"dc":"us6"})"));
  ASSERT_TRUE(account.ok());
  EXPECT_THAT(account->metadata,
              ::testing::ElementsAre(::testing::Pair("dc", "us6")));
}

TEST(Discovery, TakesTheFirstTenant) {
  const Definition atlassian = FromCatalog("atlassian");
  const auto request = DiscoveryRequest(atlassian, TestClient(), Token());
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url,
            "https://api.atlassian.com/oauth/token/accessible-resources");
  EXPECT_EQ(HeaderLines(*request),
            "Accept: application/json\nAuthorization: Bearer tok\"1\n");
  const auto tenant = ParseDiscovery(
      atlassian, TestClient(),
      Answer(200, R"([{"id":"c-1","url":"https://a.example"},{"id":"c-2"}])"));
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_EQ(tenant->id, "c-1");
  EXPECT_EQ(tenant->name, "https://a.example");
  EXPECT_EQ(tenant->list, R"([{"id":"c-1","name":"https://a.example"},)"
                          R"({"id":"c-2","name":""}])");

  const Definition nested = Define(
      "discovery { url: 'https://api.example/t' "
      "list_pointer: '/data/list' id_pointer: '/id' }");
  const auto second = ParseDiscovery(
      nested, TestClient(), Answer(200, R"({"data":{"list":[{"id":7}]}})"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->id, "7");
  EXPECT_EQ(second->list, "");
  EXPECT_FALSE(DiscoveryRequest(Define(""), TestClient(), Token()).has_value());
}

// By its id or its name, as the input strips them; by what was taken before;
// by the definition's choice.
TEST(Discovery, ChoosesAmongSeveral) {
  constexpr char kRules[] =
      "inputs { name: 'site' display_name: 'Site' source: INPUT_SOURCE_USER "
      "pattern: '.+' strip_prefixes: 'https://' strip_suffixes: '/' } "
      "discovery { url: 'https://api.example/t' id_pointer: '/id' "
      "display_name_pointer: '/url' tenant_input: 'site' ";
  const Definition first = Define(absl::StrCat(kRules, "}"));
  const Definition ask =
      Define(absl::StrCat(kRules, "choice: DISCOVERY_CHOICE_ASK }"));
  const HttpResponse two =
      Answer(200, R"([{"id":"c-1","url":"https://a.example/"},)"
                  R"({"id":"c-2","url":"https://b.example/"}])");
  const HttpResponse one = Answer(200, R"([{"id":"c-1"}])");
  const struct {
    const Definition& definition;
    const HttpResponse& answer;
    const char* input;
    const char* before;
    const char* chosen;
  } cases[] = {
      {first, two, "", "", "c-1"},
      {first, two, "c-2", "", "c-2"},
      {first, two, "b.example", "", "c-2"},
      {first, two, "https://b.example/", "c-1", "c-2"},
      {first, two, "c.example", "c-1", ""},
      {first, two, "", "c-2", "c-2"},
      {first, two, "", "c-3", "c-1"},
      {ask, two, "", "", ""},
      {ask, two, "", "c-3", ""},
      {ask, two, "", "c-2", "c-2"},
      {ask, two, "b.example", "", "c-2"},
      {ask, one, "", "", "c-1"},
      {ask, one, "c-2", "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.input, " ", c.before));
    Client client = TestClient();
    if (*c.input != '\0') client.inputs["site"] = c.input;
    if (*c.before != '\0') client.metadata["tenant_id"] = c.before;
    const auto found = ParseDiscovery(c.definition, client, c.answer);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->id, c.chosen);
  }
}

TEST(Discovery, Failures) {
  const Definition atlassian = FromCatalog("atlassian");
  for (const char* body : {"", "[]", "{}", R"([{"id":""}])", R"([[]])"}) {
    EXPECT_EQ(
        ReasonOf(ParseDiscovery(atlassian, TestClient(), Answer(200, body))
                     .status()),
        Reason::kProviderResponseInvalid)
        << body;
  }
  EXPECT_EQ(
      ReasonOf(
          ParseDiscovery(atlassian, TestClient(), Answer(429, "")).status()),
      Reason::kProviderThrottled);
  EXPECT_EQ(
      ReasonOf(
          ParseDiscovery(atlassian, TestClient(), Answer(503, "")).status()),
      Reason::kProviderUnavailable);
}

TEST(ParseAccount, Failures) {
  const Definition github = FromCatalog("github");
  HttpResponse limited = Answer(403, "{}");
  limited.headers.Add("x-ratelimit-remaining", "0");
  EXPECT_EQ(ReasonOf(ParseAccount(github, limited).status()),
            Reason::kProviderThrottled);
  EXPECT_EQ(ReasonOf(ParseAccount(github, Answer(429, "")).status()),
            Reason::kProviderThrottled);
  EXPECT_EQ(ReasonOf(ParseAccount(github, Answer(503, "")).status()),
            Reason::kProviderUnavailable);
  for (const char* body :
       {"", "{}", "<html>", R"({"id":""})", R"({"id":{}})"}) {
    EXPECT_EQ(ReasonOf(ParseAccount(github, Answer(200, body)).status()),
              Reason::kProviderResponseInvalid)
        << body;
  }
  EXPECT_EQ(ReasonOf(ParseAccount(FromCatalog("slack"),
                                  Answer(200, R"({"ok":false})"))
                         .status()),
            Reason::kProviderResponseInvalid);
}

}  // namespace
}  // namespace valetkey::oauth
