#include "service/catalog/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace valetkey::catalog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Catalog& BuiltIn() {
  static const auto& catalog = *new absl::StatusOr<Catalog>(Catalog::Load(""));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *catalog;
}

TEST(Page, HoldsWhatAnOperatorNeeds) {
  EXPECT_THAT(
      Page(*BuiltIn().Find("pinterest")),
      AllOf(HasSubstr("# Pinterest\n"), HasSubstr("| PKCE | Supported |"),
            HasSubstr("1. Sign in at"),
            HasSubstr("valetkey providers add pinterest --client-id ..."),
            HasSubstr("| `boards:read` | read board data | by default |"),
            HasSubstr("| `sandbox` | Sandbox |"),
            HasSubstr("| Access token lives, unless told | 30 days |"),
            HasSubstr("| documented |")));
  EXPECT_THAT(Page(*BuiltIn().Find("apple")),
              HasSubstr("--input team_id=ABCDE12345"));
  EXPECT_THAT(Page(*BuiltIn().Find("notion")),
              AllOf(HasSubstr("There are none"), Not(HasSubstr("## Inputs"))));
}

TEST(Page, TablesStayTables) {
  Definition definition;
  definition.set_id("a");
  auto& note = *definition.add_notes();
  note.set_text("one|two\nthree");
  EXPECT_THAT(Page(definition), HasSubstr("| one\\|two three |"));
}

TEST(PageIndex, NamesEachOne) {
  const std::string index = PageIndex(BuiltIn().List());
  for (const auto& definition : BuiltIn().List()) {
    EXPECT_THAT(index, HasSubstr("](" + definition->id() + ".md)"));
  }
  EXPECT_THAT(index, HasSubstr("\n## Developer tools\n"));
}

}  // namespace
}  // namespace valetkey::catalog
