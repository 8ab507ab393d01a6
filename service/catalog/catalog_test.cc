#include "service/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace valetkey::catalog {
namespace {

using ::testing::HasSubstr;

std::string MinimalDefinition(const std::string& id, const std::string& name) {
  return absl::StrCat(
      "id: \"", id, "\" display_name: \"", name,
      "\" category: CATEGORY_OTHER "
      "authorization { url: \"https://a.example/authorize\" } "
      "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST } "
      "token { url: \"https://a.example/token\" }");
}

class CatalogFolder : public ::testing::Test {
 protected:
  CatalogFolder()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                absl::StrCat("catalog_", ::getpid(), "_",
                             ::testing::UnitTest::GetInstance()
                                 ->current_test_info()
                                 ->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~CatalogFolder() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& file, const std::string& text) {
    std::ofstream(folder_ / file) << text;
  }

  const std::filesystem::path folder_;
};

TEST(Catalog, HasTheBuiltInOnes) {
  const auto catalog = Catalog::Load("");
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  std::vector<std::string> ids;
  for (const auto& definition : catalog->List()) {
    ids.push_back(definition->id());
  }
  EXPECT_THAT(
      ids, ::testing::IsSupersetOf({"github", "google", "pinterest", "slack"}));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(catalog->Find("nope"), nullptr);
  EXPECT_EQ(catalog->Find("pinterest", "nope"), nullptr);
  EXPECT_EQ(catalog->Find("nope", "sandbox"), nullptr);
  EXPECT_EQ(catalog->Find("pinterest", ""), catalog->Find("pinterest"));
}

TEST_F(CatalogFolder, AddsAndReplaces) {
  Write("acme.textproto", MinimalDefinition("acme", "Acme"));
  Write("pinterest.textproto", MinimalDefinition("pinterest", "Ours"));
  Write("notes.txt", "not a definition");
  const auto catalog = Catalog::Load(folder_.string());
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(catalog->List().size(), Catalog::Load("")->List().size() + 1);
  EXPECT_EQ(catalog->Find("acme")->display_name(), "Acme");
  EXPECT_EQ(catalog->Find("pinterest")->display_name(), "Ours");
  EXPECT_EQ(catalog->Find("pinterest", "sandbox"), nullptr);
}

TEST_F(CatalogFolder, NamesTheFileThatIsWrong) {
  Write("acme.textproto", "id: \"acme\"\ncolour: \"red\"\n");
  const auto catalog = Catalog::Load(folder_.string());
  ASSERT_FALSE(catalog.ok());
  EXPECT_THAT(std::string(catalog.status().message()),
              HasSubstr("acme.textproto:2: column 7: "));
}

TEST_F(CatalogFolder, WantsTheFileNamedAfterTheId) {
  Write("other.textproto", MinimalDefinition("acme", "Acme"));
  const auto catalog = Catalog::Load(folder_.string());
  ASSERT_FALSE(catalog.ok());
  EXPECT_THAT(std::string(catalog.status().message()),
              HasSubstr("other.textproto:1: id: expected \"other\""));
}

TEST_F(CatalogFolder, MustExist) {
  const auto catalog = Catalog::Load((folder_ / "absent").string());
  ASSERT_FALSE(catalog.ok());
  EXPECT_THAT(std::string(catalog.status().message()),
              HasSubstr("absent: cannot be read"));
}

}  // namespace
}  // namespace valetkey::catalog
