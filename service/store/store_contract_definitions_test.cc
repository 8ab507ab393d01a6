// The part of the contract that is about added definitions.

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

// A change that writes a definition, new or not.
Change PutText(const std::string& name, const std::string& text) {
  return [name, text](Rows& rows) {
    if (!rows.definition) {
      rows.definition.emplace();
      rows.definition->name = name;
      rows.definition->create_time = rows.now;
    }
    rows.definition->text = text;
    rows.definition->update_time = rows.now;
    return absl::OkStatus();
  };
}

absl::Status DropDefinition(Rows& rows) {
  rows.definition.reset();
  return absl::OkStatus();
}

TEST_P(StoreContract, KeepsDefinitions) {
  auto none = RunSync(store_->ListDefinitions());
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(*none, AddedDefinitions());

  const std::string text = "id: \"b\"\n# \xc3\xa9\n";
  auto made = Update(DefinitionKey("catalog/b"), PutText("catalog/b", text));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->definition->revision, 1);
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(
      Update(DefinitionKey("catalog/a"), PutText("catalog/a", "id: \"a\""))
          .ok());

  auto all = RunSync(store_->ListDefinitions());
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->revision, 2);
  ASSERT_EQ(all->items.size(), 2u);
  EXPECT_EQ(all->items[0].name, "catalog/a");
  EXPECT_EQ(all->items[0].create_time, TestStart() + absl::Seconds(5));
  EXPECT_EQ(all->items[1], *made->definition);
  EXPECT_EQ(all->items[1].text, text);

  ASSERT_TRUE(Update(DefinitionKey("catalog/b"), DropDefinition).ok());
  all = RunSync(store_->ListDefinitions());
  ASSERT_EQ(all->items.size(), 1u);
  EXPECT_EQ(all->revision, 3);
}

TEST_P(StoreContract, ABeatTellsThatDefinitionsChanged) {
  Replica replica;
  replica.instance = "one";
  const auto beat = [&] {
    auto heard = RunSync(store_->Beat(replica, absl::Minutes(1)));
    EXPECT_TRUE(heard.ok()) << heard.status();
    return heard.ok() ? *heard : -1;
  };
  EXPECT_EQ(beat(), 0);
  const RowKeys keys = DefinitionKey("catalog/a");
  ASSERT_TRUE(Update(keys, PutText("catalog/a", "1")).ok());
  EXPECT_EQ(beat(), 1);
  ASSERT_TRUE(Update(keys, PutText("catalog/a", "2")).ok());
  EXPECT_EQ(beat(), 2);
  // What changes nothing, or fails, is no change.
  ASSERT_TRUE(Update(keys, [](Rows&) { return absl::OkStatus(); }).ok());
  EXPECT_FALSE(Update(keys, [](Rows& rows) {
                 rows.definition.reset();
                 return absl::CancelledError("no");
               }).ok());
  ASSERT_TRUE(AddApplication("a").ok());
  EXPECT_EQ(beat(), 2);
  ASSERT_TRUE(Update(keys, DropDefinition).ok());
  EXPECT_EQ(beat(), 3);
}

TEST_P(StoreContract, ADefinitionInUseStays) {
  ASSERT_TRUE(AddApplication("a").ok());
  for (const char* const name : {"catalog/acme", "catalog/acme-2"}) {
    ASSERT_TRUE(Update(DefinitionKey(name), PutText(name, "text")).ok());
  }
  const auto put_provider = [](Rows& rows) {
    rows.provider.emplace();
    rows.provider->name = ProviderName("a", "p");
    rows.provider->application = AppName("a");
    rows.provider->display_name = "of catalog/acme-2, or catalog/acme-3";
    rows.provider->catalog_entry = "catalog/acme";
    return absl::OkStatus();
  };
  ASSERT_TRUE(Update(ProviderKey(ProviderName("a", "p")), put_provider).ok());
  const auto refused = Update(DefinitionKey("catalog/acme"), DropDefinition);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kResourceInUse);
  EXPECT_EQ(RunSync(store_->ListDefinitions())->items.size(), 2u);
  EXPECT_EQ(RunSync(store_->ListDefinitions())->revision, 2);
  // Its name begins like that of another, and another is spoken of.
  EXPECT_TRUE(Update(DefinitionKey("catalog/acme-2"), DropDefinition).ok());
  // It may be changed, and goes with its last provider.
  EXPECT_TRUE(
      Update(DefinitionKey("catalog/acme"), PutText("catalog/acme", "2")).ok());
  RowKeys both = DefinitionKey("catalog/acme");
  both.provider = ProviderName("a", "p");
  EXPECT_TRUE(Update(both, [](Rows& rows) {
                rows.provider.reset();
                rows.definition.reset();
                return absl::OkStatus();
              }).ok());
  EXPECT_TRUE(RunSync(store_->ListDefinitions())->items.empty());
}

// Of one who deletes a definition and one who makes a provider of it, one has
// to give way, however they meet.
TEST_P(StoreContract, NoProviderIsLeftWithoutItsDefinition) {
  ASSERT_TRUE(AddApplication("a").ok());
  const std::string name = "catalog/acme";
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(Update(DefinitionKey(name), PutText(name, "text")).ok());
    RowKeys keys = DefinitionKey(name);
    keys.provider = ProviderName("a", absl::StrCat("p-", round));
    absl::Status made, deleted;
    std::thread maker([&] {
      made = Update(keys, [&](Rows& rows) {
               if (!rows.definition) return absl::NotFoundError("gone");
               rows.provider.emplace();
               rows.provider->name = *keys.provider;
               rows.provider->application = AppName("a");
               rows.provider->catalog_entry = name;
               return absl::OkStatus();
             }).status();
    });
    std::thread deleter([&] {
      deleted = Update(DefinitionKey(name), DropDefinition).status();
    });
    maker.join();
    deleter.join();
    if (made.ok()) {
      EXPECT_EQ(ReasonOf(deleted), Reason::kResourceInUse) << deleted;
      ASSERT_TRUE(Delete(ProviderKey(*keys.provider)).ok());
    } else {
      EXPECT_TRUE(absl::IsNotFound(made)) << made;
      EXPECT_TRUE(deleted.ok()) << deleted;
    }
  }
}

}  // namespace
}  // namespace valetkey::store
