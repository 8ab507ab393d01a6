#include "service/catalog/check_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/base/utf8.h"
#include "service/catalog/dry_run.h"

namespace valetkey::catalog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGood[] = R"(id: "acme"
display_name: "Acme"
category: CATEGORY_OTHER
authorization { url: "https://acme.example/authorize" }
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
token { url: "https://acme.example/token" }
)";

// That, with more in one of its messages.
std::string With(const std::string& field, const std::string& more) {
  return absl::StrReplaceAll(kGood, {{field + " {", field + " { " + more}});
}

std::string Repeat(int times, const std::string& text) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(CheckText, TellsWhatIsOdd) {
  const CheckedText checked = CheckText(kGood);
  ASSERT_TRUE(checked.definition.has_value());
  EXPECT_EQ(checked.definition->id(), "acme");
  EXPECT_THAT(checked.faults, IsEmpty());
  EXPECT_THAT(checked.warnings,
              Contains(Finding{0, "summary",
                               "nothing says what people connect it for"}));
}

TEST(CheckText, TellsLineAndFieldOfWhatIsWrong) {
  const CheckedText checked =
      CheckText(absl::StrCat(kGood, "refresh {\n  url: \"ftp://x\"\n}\n"));
  EXPECT_TRUE(checked.definition.has_value());
  EXPECT_THAT(checked.faults, ElementsAre(Finding{8, "refresh.url",
                                                  "expected an absolute URL"}));
  EXPECT_THAT(checked.warnings, IsEmpty());
  // Of the whole.
  EXPECT_THAT(CheckText("id: \"acme\"").faults,
              Contains(Finding{0, "token", "is required"}));
}

TEST(CheckText, TellsWhereTheTextCannotBeRead) {
  const CheckedText checked = CheckText("id: \"acme\"\nscope {}\n");
  EXPECT_FALSE(checked.definition.has_value());
  ASSERT_FALSE(checked.faults.empty());
  EXPECT_EQ(checked.faults[0].line, 2);
  EXPECT_EQ(checked.faults[0].field, "");
  EXPECT_THAT(checked.faults[0].message, HasSubstr("column"));
}

// Text format can write any bytes; the answer must be UTF-8.
TEST(CheckText, NeverQuotesWhatIsNotUtf8) {
  const CheckedText checked =
      CheckText(With("authorization", "default_scopes: \"\\377\"") +
                "scopes { name: \"a\" }\n");
  EXPECT_FALSE(checked.definition.has_value());
  EXPECT_THAT(checked.faults,
              ElementsAre(Finding{4, "authorization.default_scopes[0]",
                                  "expected UTF-8"}));
}

TEST(CheckText, BoundsListsAndNesting) {
  const struct {
    std::string added;
    const char* field;
  } cases[] = {
      {Repeat(9, "environments { name: \"a\" display_name: \"a\" }\n"),
       "environments[8]"},
      {Repeat(11, "inputs { name: \"a\" }\n"), "inputs[10]"},
      {Repeat(501, "scopes { name: \"a\" }\n"), "scopes[500]"},
      {"revocation {" + Repeat(9, "steps {}\n") + "}", "revocation.steps[8]"},
      {"response {" + Repeat(9, "extra_tokens {}\n") + "}",
       "response.extra_tokens[8]"},
      {"environments { overrides {" + Repeat(501, "links {}\n") + "} }",
       "environments[0].overrides.links[500]"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(CheckText(kGood + one.added).faults,
                ElementsAre(Field(&Finding::field, one.field)));
  }
  const CheckedText deep = CheckText(Repeat(100, "environments { overrides {"));
  EXPECT_FALSE(deep.definition.has_value());
  EXPECT_FALSE(deep.faults.empty());
}

// As much as 64 KiB can ask for. The bound is far above what it takes, and far
// below what it took before lists were bounded.
TEST(CheckText, HostileTextCostsLittle) {
  std::string environments;
  for (int i = 0; i < 8; ++i) {
    absl::StrAppend(&environments, "environments { name: \"a", i,
                    "\" display_name: \"a\" overrides { summary: \"s\" } }\n");
  }
  std::string inputs;
  for (int i = 0; i < 10; ++i) {
    absl::StrAppend(&inputs, "inputs { name: \"x", i,
                    "\" display_name: \"a\" source: INPUT_SOURCE_USER ",
                    "pattern: \"((a?){0,30}){0,30}([a-z]{1,99}){1,9}\" ",
                    "example: \"", std::string(255, 'a'), "\" }\n");
  }
  std::string scopes, defaults;
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&scopes, "scopes { name: \"s", i, "\" }\n");
    absl::StrAppend(&defaults, "default_scopes: \"s", 499 - i, "\" ");
  }
  for (const std::string& text :
       {kGood + environments + inputs,
        With("authorization", defaults) + environments + scopes,
        std::string(kMaxAddedText, '{'), std::string(kMaxAddedText, '"'),
        Repeat(static_cast<int>(kMaxAddedText / 4), "a<a:")}) {
    ASSERT_LE(text.size(), kMaxAddedText);
    // The process's own time: other work on the machine does not count.
    const std::clock_t start = std::clock();
    CheckText(text);
    EXPECT_LT(std::clock() - start, 3 * CLOCKS_PER_SEC) << text.substr(0, 80);
  }
}

TEST(DryRunText, IsWhatWouldBeSent) {
  const CheckedText checked = CheckText(
      absl::StrCat(kGood, "revocation { unsupported: \"No way.\" }\n"));
  const auto requests = DryRun(*checked.definition, {});
  ASSERT_TRUE(requests.ok()) << requests.status();
  const std::string text = DryRunText(*checked.definition, *requests);
  EXPECT_THAT(text, HasSubstr("# authorize\nGET https://acme.example/authorize?"
                              "client_id=CLIENT_ID&"));
  EXPECT_THAT(text,
              HasSubstr("\n# exchange\nPOST https://acme.example/token\n"));
  EXPECT_THAT(text, HasSubstr("\n# revoke: none. No way.\n"));
}

TEST(DryRunText, IsBoundedAndUtf8) {
  const std::string parameter = absl::StrCat(
      "parameters { name: \"a\" value: \"", Repeat(1800, "\u00e9"), "\" }");
  std::string steps;
  for (int i = 0; i < 8; ++i) {
    absl::StrAppend(&steps, "steps { url: \"https://acme.example/\" ",
                    "token: REVOKED_TOKEN_ACCESS ", parameter, parameter,
                    "}\n");
  }
  std::string tokens;
  for (int i = 0; i < 8; ++i) {
    absl::StrAppend(&tokens, "extra_tokens { name: \"t", i,
                    "\" base_pointer: \"/a\" }\n");
  }
  const CheckedText checked = CheckText(
      absl::StrCat(kGood, "revocation {", steps, "}\nresponse {", tokens, "}"));
  ASSERT_THAT(checked.faults, IsEmpty());
  const auto requests = DryRun(*checked.definition, {});
  ASSERT_TRUE(requests.ok()) << requests.status();
  const std::string text = DryRunText(*checked.definition, *requests);
  EXPECT_LT(text.size(), 257u * 1024);
  EXPECT_THAT(text, HasSubstr("the rest is left out"));
  EXPECT_TRUE(IsUtf8(text));
}

// What looks like a JWT is shown as what it holds, but for bytes that are not
// text.
TEST(DryRunText, LeavesAloneWhatDecodesToNoText) {
  const CheckedText checked = CheckText(
      With("token", "headers { name: \"X\" value: \"eyJh____.eyJh.x\" }"));
  ASSERT_THAT(checked.faults, IsEmpty());
  const auto requests = DryRun(*checked.definition, {});
  ASSERT_TRUE(requests.ok()) << requests.status();
  const std::string text = DryRunText(*checked.definition, *requests);
  EXPECT_TRUE(IsUtf8(text));
  EXPECT_THAT(text, HasSubstr("X: eyJh____.eyJh.x"));
}

}  // namespace
}  // namespace valetkey::catalog
