// What the loader refuses, with file, line and field.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/base/status.h"
#include "service/catalog/catalog.h"

namespace valetkey::catalog {
namespace {

// Lines 1 to 8; tests add from line 9 on.
constexpr char kBase[] =
    "id: \"acme\"\n"
    "display_name: \"Acme\"\n"
    "category: CATEGORY_OTHER\n"
    "authorization { url: \"https://acme.example/authorize\" }\n"
    "client_authentication {\n"
    "  method: CLIENT_AUTHENTICATION_METHOD_BASIC\n"
    "}\n"
    "token { url: \"https://acme.example/token\" }\n";

std::string ErrorOf(const std::string& text) {
  const auto definition = ParseDefinition("acme.textproto", text);
  if (definition.ok()) return "ok";
  EXPECT_EQ(ReasonOf(definition.status()), Reason::kFieldInvalid);
  return std::string(definition.status().message());
}

TEST(ParseDefinition, TheLeastIsEnough) {
  const auto definition = ParseDefinition("acme.textproto", kBase);
  ASSERT_TRUE(definition.ok()) << definition.status();
  EXPECT_EQ(definition->id(), "acme");
}

TEST(ParseDefinition, NamesLineAndFieldOfWhatIsAdded) {
  const struct {
    const char* added;
    const char* error;  // after "acme.textproto:"
  } cases[] = {
      // Text format.
      {"colour: 1\n",
       "9: column 7: Message type "
       "\"valetkey.catalog.v1.ProviderDefinition\" has no field named "
       "\"colour\"."},
      {"pkce { support: PKCE_SUPPORT_MAYBE }",
       "9: column 36: Unknown enumeration value of \"PKCE_SUPPORT_MAYBE\" "
       "for field \"support\"."},
      {"id: \"twice\"",
       "9: column 3: Non-repeated field \"id\" is specified multiple times."},
      // Single fields.
      {"pkce { support: 77 }", "9: pkce.support: expected a value of the enum"},
      {"response {\n\n  scope_pointer: \"scope\"\n}",
       "11: response.scope_pointer: expected a JSON pointer (RFC 6901), such "
       "as \"/data/id\""},
      {"response { base_pointer: \"/a~2\" }",
       "9: response.base_pointer: expected a JSON pointer (RFC 6901), such as "
       "\"/data/id\""},
      {"errors {\n  code_pointers: \"/a\"\n  code_pointers: \"b\"\n}",
       "11: errors.code_pointers[1]: expected a JSON pointer (RFC 6901), such "
       "as \"/data/id\""},
      {"api_base_url: \"http://acme.example\"",
       "9: api_base_url: expected https (http only on a loopback host)"},
      {"api_base_url: \"https://acme.example/{client_secret}\"",
       "9: api_base_url: {client_secret} is not known here"},
      {"api_base_url: \"https://acme.example/{access_token}\"",
       "9: api_base_url: {access_token} is not known here"},
      {"api_base_url: \"https://acme.example/{meta.x}\"",
       "9: api_base_url: {meta.x}: nothing captures it"},
      {"refresh { url: \"token\" }",
       "9: refresh.url: expected an absolute URL"},
      {"refresh { url: \"https://{input.x}.acme.example/\" }",
       "9: refresh.url: {input.x}: there is no such input\n"
       "acme.textproto:9: refresh.url: its host holds a variable: expected "
       "allowed_hosts to bound it"},
      {"refresh {\n  parameters {\n    name: \"a\"\n    value: \"{nope}\"\n"
       "  }\n}",
       "12: refresh.parameters[0].value: {nope} is not known here"},
      {"refresh { parameters { name: \"a\" value: \"{code}\" } }",
       "9: refresh.parameters[0].value: {code} is not known here"},
      {"refresh { parameters { name: \"a\" value: \"{meta.x}\" } }",
       "9: refresh.parameters[0].value: {meta.x}: nothing captures it"},
      {"refresh { parameters { name: \"a\" value: \"{callback.x}\" } }",
       "9: refresh.parameters[0].value: {callback.x} has no value here"},
      {"refresh { parameters { name: \"a\" value: \"{open\" } }",
       "9: refresh.parameters[0].value: a variable has no closing brace"},
      {"refresh { headers { name: \"a b\" value: \"c\" } }",
       "9: refresh.headers[0].name: expected the name of a header field"},
      {"refresh { parameters { value: \"c\" } }",
       "9: refresh.parameters[0].name: is required"},
      {"refresh { window { seconds: -1 } }",
       "9: refresh.window: expected 1 second to 10 years"},
      {"response { success { statuses: 200 statuses: 2000 } }",
       "9: response.success.statuses[1]: expected a status code of HTTP"},
      {"allowed_hosts: \"*.com\"",
       "9: allowed_hosts[0]: expected a host in small letters, such as "
       "\"*.example.com\", with two labels after the last \"*\""},
      {"links { url: \"http://acme.example\" }",
       "9: links[0].url: expected an https URL"},
      {"scopes { name: \"a b\" }",
       "9: scopes[0].name: expected one scope, without spaces and commas"},
      {"inputs {\n  name: \"x\"\n  display_name: \"X\"\n"
       "  source: INPUT_SOURCE_USER\n  pattern: \"(\"\n}",
       "13: inputs[0].pattern: expected a regular expression (RE2), at most "
       "200 characters long and without large repetitions"},
      // What belongs together.
      {"scopes { name: \"a\" }\nscopes { name: \"a\" }",
       "10: scopes[1].name: there is one of that name already"},
      {"inputs { name: \"x\" display_name: \"X\" }",
       "9: inputs[0].source: is required"},
      {"inputs { name: \"x\" source: INPUT_SOURCE_CALLBACK }",
       "9: inputs[0].source: no callback.captures has its name"},
      {"inputs {\n name: \"x\" display_name: \"X\"\n"
       " source: INPUT_SOURCE_USER\n secret: true\n default_value: \"s\" }",
       "12: inputs[0].secret: expected no default_value and no allowed_values "
       "beside it"},
      {"callback { captures { name: \"x\" parameter: \"x\" } }\n"
       "inputs { name: \"x\" source: INPUT_SOURCE_CALLBACK secret: true }",
       "10: inputs[0].secret: expected a source of INPUT_SOURCE_OPERATOR or "
       "INPUT_SOURCE_USER"},
      {"inputs { name: \"x\" display_name: \"X\" source: INPUT_SOURCE_USER "
       "secret: true }\n"
       "api_base_url: \"https://acme.example/{input.x}\"",
       "10: api_base_url: {input.x} is secret and has no value here"},
      {"inputs { name: \"x\" display_name: \"X\" source: INPUT_SOURCE_USER "
       "secret: true }\nallowed_hosts: \"*.acme.example\"\n"
       "refresh { url: \"https://{input.x}.acme.example/token\" }",
       "11: refresh.url: {input.x} is secret: it cannot be in a host"},
      {"inputs { name: \"x\" display_name: \"X\" source: INPUT_SOURCE_USER "
       "allowed_values: \"eu\"\n default_value: \"us\" }",
       "10: inputs[0].default_value: expected a value that the input itself "
       "allows"},
      {"inputs { name: \"x\" display_name: \"X\" source: INPUT_SOURCE_USER }\n"
       "allowed_hosts: \"**\"\n"
       "refresh { url: \"https://{input.x}/token\" }",
       "11: refresh.url: {input.x} is not the operator's: allowed_hosts "
       "cannot be \"**\""},
      {"discovery { url: \"https://acme.example/tenants\" }",
       "9: discovery.id_pointer: is required"},
      {"discovery { url: \"https://acme.example/tenants\" id_pointer: \"/id\" "
       "choice: DISCOVERY_CHOICE_ASK }",
       "9: discovery.choice: DISCOVERY_CHOICE_ASK needs tenant_input"},
      {"discovery { url: \"https://acme.example/tenants\" id_pointer: \"/id\" "
       "tenant_input: \"site\" }",
       "9: discovery.tenant_input: expected an input that a person or an "
       "operator gives, and that is not secret"},
      {"api_base_url: \"https://{meta.dc}.acme.example\"\n"
       "allowed_hosts: \"*.acme.example\"",
       "9: api_base_url: {meta.dc}: nothing captures it"},
      // Tokens are sent there.
      {"response { captures { name: \"dc\" pointer: \"/dc\" } }\n"
       "api_base_url: \"https://{meta.dc}.acme.example\"",
       "10: api_base_url: its host holds a variable: expected allowed_hosts "
       "to bound it"},
      {"post_exchange {\n  url: \"https://acme.example/login\"\n"
       "  timing: POST_EXCHANGE_TIMING_ALWAYS\n}\n"
       "refresh { kind: REFRESH_KIND_NONE }",
       "11: post_exchange[0].timing: POST_EXCHANGE_TIMING_ALWAYS needs "
       "REFRESH_KIND_REFRESH_TOKEN"},
      {"refresh { kind: REFRESH_KIND_EXTEND }",
       "9: refresh.kind: REFRESH_KIND_EXTEND needs lifetimes.access"},
      {"refresh {\n  method: HTTP_METHOD_GET\n  encoding: ENCODING_JSON\n}",
       "11: refresh.encoding: expected ENCODING_QUERY, for GET has no body"},
      {"revocation { }",
       "9: revocation.unsupported: is required without "
       "steps"},
      {"revocation { steps { url: \"https://acme.example/r\" } }",
       "9: revocation.steps[0].token: is required"},
      {"verification { url: \"https://acme.example/me\" }",
       "9: verification.id_pointer: is required"},
      {"errors { rules { codes: \"a\" } }",
       "9: errors.rules[0].error_class: is required"},
      {"callback { issuer_required: true }",
       "9: callback.issuer_required: needs issuer"},
      // Environments.
      {"environments {\n  name: \"sandbox\"\n  display_name: \"S\"\n"
       "  cleared_fields: \"token.colour\"\n}",
       "12: environments[0].cleared_fields[0]: there is no field \"colour\""},
      {"environments {\n  name: \"sandbox\"\n  display_name: \"S\"\n"
       "  overrides {\n    token {\n      url: \"http://x.example\"\n"
       "    }\n  }\n}",
       "14: environments[0].overrides.token.url: expected https (http only on "
       "a loopback host)"},
      {"environments {\n  name: \"sandbox\"\n  display_name: \"S\"\n"
       "  cleared_fields: \"token\"\n}",
       "9: environments[0].overrides.token: is required"},
      {"environments { name: \"a\" display_name: \"A\" "
       "overrides { id: \"b\" } }",
       "9: environments[0].overrides.id: expected none here"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.added);
    EXPECT_EQ(ErrorOf(absl::StrCat(kBase, c.added)),
              absl::StrCat("acme.textproto:", c.error));
  }
}

TEST(ParseDefinition, NamesWhatIsMissingOrWrongInTheBase) {
  const struct {
    const char* from;
    const char* to;
    const char* error;
  } cases[] = {
      {"id: \"acme\"", "", "1: id: is required"},
      {"id: \"acme\"", "id: \"Acme!\"",
       "1: id: expected 1 to 63 characters [a-z0-9-], a letter first"},
      {"category: CATEGORY_OTHER", "", "1: category: is required"},
      {"url: \"https://acme.example/authorize\"", "",
       "4: authorization.url: is required"},
      {"method: CLIENT_AUTHENTICATION_METHOD_BASIC", "",
       "5: client_authentication.method: is required"},
      {"method: CLIENT_AUTHENTICATION_METHOD_BASIC",
       "method: CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT",
       "5: client_authentication.jwt: expected algorithm JWT_ALGORITHM_RS256 "
       "or JWT_ALGORITHM_ES256"},
      {"token { url: \"https://acme.example/token\" }", "",
       "1: token: is required"},
      {"url: \"https://acme.example/authorize\"",
       "url: \"https://acme.example/authorize\"\n"
       "renames { from: \"state\" to: \"s\" }",
       "5: authorization.renames[0].from: state cannot be renamed: the "
       "callback is found by it"},
      {"url: \"https://acme.example/authorize\"",
       "url: \"https://acme.example/{client_secret}\"",
       "4: authorization.url: {client_secret} is not known here"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.to);
    EXPECT_EQ(ErrorOf(absl::StrReplaceAll(kBase, {{c.from, c.to}})),
              absl::StrCat("acme.textproto:", c.error));
  }
}

TEST(ParseDefinition, TellsAllFaultsAtOnce) {
  EXPECT_EQ(ErrorOf(absl::StrCat(kBase, "links { }\nscopes { }")),
            "acme.textproto:10: scopes[0].name: is required\n"
            "acme.textproto:9: links[0].url: is required");
}

TEST(ParseDefinition, LoopbackMayBePlain) {
  EXPECT_EQ(ErrorOf(absl::StrReplaceAll(
                kBase, {{"https://acme.example", "http://127.0.0.1:8080"}})),
            "ok");
}

TEST(ParseDefinition, BoundsSizeAndDepth) {
  EXPECT_THAT(ErrorOf(std::string(2 * 1024 * 1024, '#')),
              ::testing::HasSubstr("expected at most 1 MiB"));
  std::string deep = kBase;
  for (int i = 0; i < 10000; ++i) deep += "environments { overrides { ";
  for (int i = 0; i < 10000; ++i) deep += "} }";
  EXPECT_NE(ErrorOf(deep), "ok");
}

}  // namespace
}  // namespace valetkey::catalog
