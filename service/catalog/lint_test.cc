#include "service/catalog/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "service/catalog/builtin_definitions.h"

namespace valetkey::catalog {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kClean[] = R"(id: "acme"
display_name: "Acme"
category: CATEGORY_OTHER
summary: "s"
links { title: "t" url: "https://acme.example" }
setup_steps: "step"
notes { text: "t" confidence: CONFIDENCE_ASSUMED source: "s" }
authorization { url: "https://acme.example/authorize" }
pkce { support: PKCE_SUPPORT_OFF }
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
token { url: "https://acme.example/token" }
verification { url: "https://acme.example/me" id_pointer: "/id" }
revocation { unsupported: "none" }
)";

TEST(Lint, SaysNothingOfAGoodDefinition) {
  EXPECT_THAT(Lint("a.textproto", kClean), IsEmpty());
  EXPECT_THAT(Lint("a.textproto", "not a definition"), IsEmpty());
}

TEST(Lint, NamesLineAndFieldOfWhatIsSuspicious) {
  const struct {
    const char* added;
    const char* warning;
  } cases[] = {
      {"notes { text: \"t\" }", "a:14: notes[1].source: nothing says"},
      {"notes { text: \"t\" source: \"s\" }", "a:14: notes[1].confidence"},
      {"notes { text: \"t\" confidence: CONFIDENCE_DOCUMENTED "
       "source: \"the manual\" }",
       "a:14: notes[1].source: documented where?"},
      {"scopes { name: \"a\" } authorization { required_scopes: \"b\" }",
       "a:8: authorization.required_scopes[0]: is not described"},
      {"scopes { name: \"a\" } authorization { scope_mode: SCOPE_MODE_NONE }",
       "authorization.scope_mode: scopes are given and never sent"},
      {"scopes { name: \"a\" } verification { any_scopes: \"b\" }",
       "verification.any_scopes[0]: none of these"},
      {"inputs { name: \"x\" display_name: \"X\" "
       "source: INPUT_SOURCE_OPERATOR pattern: \"a\" }",
       "a:14: inputs[0].name: is used nowhere"},
      {"inputs { name: \"x\" display_name: \"X\" "
       "source: INPUT_SOURCE_OPERATOR } api_base_url: \"https://a/{input.x}\"",
       "inputs[0].pattern: any text is taken"},
      {"allowed_hosts: \"**\"", "allowed_hosts[0]: an operator may"},
      {"token { encoding: ENCODING_QUERY }", "token.url: the client secret"},
      {"errors { rules { codes: \"x\" error_class: ERROR_CLASS_THROTTLED } "
       "rules { codes: \"x\" error_class: ERROR_CLASS_GRANT_DEAD } }",
       "errors.rules[1].codes[0]: an earlier rule"},
      {"errors { rules { codes: \"x\" error_class: ERROR_CLASS_AMBIGUOUS } }",
       "errors: ambiguous answers"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.added);
    // A second block of a message merges into the first.
    std::string text = kClean;
    std::string added = c.added;
    for (const char* part :
         {"authorization { ", "verification { ", "token { "}) {
      const std::size_t at = added.find(part);
      if (at == std::string::npos) continue;
      const std::string inside = added.substr(at + std::string(part).size());
      added.resize(at);
      const std::size_t open = text.find(part) + std::string(part).size();
      text.insert(open, inside.substr(0, inside.rfind('}')));
    }
    EXPECT_THAT(Lint("a", absl::StrCat(text, added, "\n")),
                Contains(HasSubstr(c.warning)))
        << absl::StrJoin(Lint("a", absl::StrCat(text, added)), "\n");
  }
}

TEST(Lint, NamesWhatIsForgotten) {
  constexpr char kBare[] = R"(id: "acme" display_name: "Acme"
category: CATEGORY_OTHER
authorization { url: "https://acme.example/authorize" }
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
token { url: "https://acme.example/token" })";
  const auto warnings = Lint("a", kBare);
  for (const char* field : {"summary", "links", "setup_steps", "notes", "pkce",
                            "verification", "revocation"}) {
    EXPECT_THAT(warnings, Contains(HasSubstr(absl::StrCat(": ", field, ": "))));
  }
}

// What warnings the built-in definitions may have, and no other.
TEST(Lint, BuiltInDefinitionsHaveOnlyWhatCannotBeHelped) {
  for (const BuiltinDefinition& builtin : BuiltinDefinitions()) {
    for (const std::string& warning : Lint(builtin.file, builtin.text)) {
      EXPECT_TRUE(
          // No account call is known.
          absl::StrContains(warning, ": verification: ") ||
          // Self-hosted.
          absl::StrContains(warning, ": allowed_hosts[0]: ") ||
          // Takes a query alone.
          (absl::StartsWith(warning, "bullhorn.textproto:") &&
           absl::StrContains(warning, ": token.url: the client secret")) ||
          // Nothing tells whose fault it is; then nobody is condemned.
          absl::StrContains(warning, ": errors: ambiguous"))
          << warning;
    }
  }
}

}  // namespace
}  // namespace valetkey::catalog
