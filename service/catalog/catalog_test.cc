#include "service/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

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

std::shared_ptr<const Entry> Added(const std::string& id,
                                   std::int64_t revision) {
  Definition definition;
  definition.set_id(id);
  definition.set_display_name(std::to_string(revision));
  definition.add_environments()->set_name("test");
  Entry entry;
  entry.definition = std::make_shared<const Definition>(definition);
  entry.source = Source::kAdded;
  entry.revision = revision;
  return std::make_shared<const Entry>(std::move(entry));
}

TEST(Catalog, AddedOnesStandInFrontAndGoAgain) {
  Catalog catalog = *Catalog::Load("");
  const std::size_t own = catalog.List().size();
  EXPECT_EQ(catalog.added_revision(), -1);
  catalog.SetAdded(5, {Added("acme-own", 1), Added("pinterest", 1)});
  EXPECT_EQ(catalog.added_revision(), 5);
  EXPECT_EQ(catalog.List().size(), own + 1);
  EXPECT_EQ(catalog.FindEntry("acme-own")->source, Source::kAdded);
  EXPECT_NE(catalog.Find("acme-own", "test"), nullptr);
  EXPECT_EQ(catalog.Find("pinterest")->display_name(), "1");
  EXPECT_EQ(catalog.Find("pinterest", "sandbox"), nullptr);
  EXPECT_EQ(catalog.FindOwn("pinterest")->source, Source::kBuiltIn);
  EXPECT_EQ(catalog.FindOwn("acme-own"), nullptr);
  // What is known already, or older, changes nothing.
  catalog.SetAdded(5, {});
  catalog.SetAdded(4, {});
  EXPECT_EQ(catalog.List().size(), own + 1);

  Catalog copy = catalog;
  copy.SetAdded(6, {});
  EXPECT_EQ(copy.List().size(), own);
  EXPECT_NE(copy.Find("pinterest", "sandbox"), nullptr);
  EXPECT_NE(catalog.Find("acme-own"), nullptr);
}

TEST(Catalog, IsReadWhileItChanges) {
  Catalog catalog;
  catalog.SetAdded(0, {Added("a", 0)});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      std::int64_t last = 0;
      while (!done) {
        const auto entry = catalog.FindEntry("a");
        EXPECT_EQ(entry->definition->display_name(),
                  std::to_string(entry->revision));
        EXPECT_GE(entry->revision, last);
        last = entry->revision;
        EXPECT_NE(catalog.Find("a", "test"), nullptr);
        EXPECT_EQ(catalog.List().size(), 1u);
      }
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      for (std::int64_t r = 1; r <= 500; ++r)
        catalog.SetAdded(r, {Added("a", r)});
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(catalog.added_revision(), 500);
}

}  // namespace
}  // namespace valetkey::catalog
