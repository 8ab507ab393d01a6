#include "service/broker/catalog_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/providers.h"
#include "service/broker/sealing.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::broker {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string TextOf(const std::string& id, const std::string& more = "") {
  return absl::StrCat("# By hand.\nid: \"", id, R"("
display_name: "Own"
category: CATEGORY_OTHER
authorization { url: "https://own.example/authorize" }
client_authentication { method: CLIENT_AUTHENTICATION_METHOD_POST }
token { url: "https://own.example/token" }
)",
                      more);
}

const catalog::Catalog& BuiltIn() {
  static const auto* const kBuiltIn =
      new catalog::Catalog(*catalog::Catalog::Load(""));
  return *kBuiltIn;
}

// A server's catalog and what keeps it. Several share a store.
struct Replica {
  explicit Replica(store::FakeStore& store) : keeper(store, catalog) {
    EXPECT_TRUE(RunSync(keeper.Load()).ok());
  }
  catalog::Catalog catalog = BuiltIn();
  CatalogKeeper keeper;
};

class CatalogKeeperTest : public testing::Test {
 protected:
  absl::StatusOr<store::AddedDefinition> Create(const std::string& text) {
    return RunSync(here_.keeper.Create(text));
  }
  absl::StatusOr<store::AddedDefinition> Update(const std::string& name,
                                                const std::string& etag,
                                                const std::string& text) {
    return RunSync(here_.keeper.Update(name, etag, text));
  }
  absl::Status Delete(const std::string& name, const std::string& etag = "") {
    return RunSync(here_.keeper.Delete(name, etag));
  }
  // The other server's beat.
  void Beat() {
    store::Replica replica;
    replica.instance = "there";
    const auto heard = RunSync(store_.Beat(replica, absl::Minutes(1)));
    ASSERT_TRUE(heard.ok()) << heard.status();
    RunSync([](CatalogKeeper& keeper, std::int64_t revision) -> Task<bool> {
      co_await keeper.Hear(revision);
      co_return true;
    }(there_.keeper, *heard));
  }
  // Writes a definition that no server of this version would take.
  void PutRaw(const std::string& name, const std::string& text) {
    store::RowKeys keys;
    keys.definition = name;
    ASSERT_TRUE(store_
                    .UpdateNow(keys,
                               [&](store::Rows& rows) {
                                 rows.definition.emplace();
                                 rows.definition->name = name;
                                 rows.definition->text = text;
                                 return absl::OkStatus();
                               })
                    .ok());
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  store::FakeStore store_{clock_};
  Replica here_{store_};
  Replica there_{store_};
};

TEST_F(CatalogKeeperTest, IsHereAtOnceAndThereWithTheNextBeat) {
  const auto made = Create(TextOf("own"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name, "catalog/own");
  EXPECT_EQ(made->create_time, clock_.Now());
  const auto entry = here_.catalog.FindEntry("own");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->source, catalog::Source::kAdded);
  EXPECT_EQ(entry->text, TextOf("own"));
  EXPECT_EQ(there_.catalog.Find("own"), nullptr);
  Beat();
  EXPECT_NE(there_.catalog.Find("own"), nullptr);

  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Update("catalog/own", EtagOf(made->revision),
                     TextOf("own", "summary: \"new\"\n"))
                  .ok());
  EXPECT_EQ(here_.catalog.Find("own")->summary(), "new");
  // Who holds the old one keeps it.
  EXPECT_EQ(entry->definition->summary(), "");
  EXPECT_EQ(there_.catalog.Find("own")->summary(), "");
  Beat();
  EXPECT_EQ(there_.catalog.Find("own")->summary(), "new");

  ASSERT_TRUE(Delete("catalog/own").ok());
  EXPECT_EQ(here_.catalog.Find("own"), nullptr);
  Beat();
  EXPECT_EQ(there_.catalog.Find("own"), nullptr);
  EXPECT_NE(there_.catalog.Find("pinterest"), nullptr);
}

TEST_F(CatalogKeeperTest, ABeatWithoutAChangeReadsNothing) {
  ASSERT_TRUE(Create(TextOf("own")).ok());
  Beat();
  const auto entry = there_.catalog.FindEntry("own");
  store_.SetHook([](std::string call) -> Task<void> {
    EXPECT_NE(call, "ListDefinitions");
    co_return;
  });
  Beat();
  store_.SetHook(nullptr);
  // What has not changed is not parsed again either.
  ASSERT_TRUE(Create(TextOf("own-2")).ok());
  Beat();
  EXPECT_EQ(there_.catalog.FindEntry("own"), entry);
  EXPECT_NE(there_.catalog.FindEntry("own-2"), nullptr);
}

TEST_F(CatalogKeeperTest, NamesLineAndFieldOfWhatIsWrong) {
  const auto wrong =
      Create(TextOf("own", "refresh {\n  url: \"ftp://x\"\n}\n")).status();
  EXPECT_EQ(ReasonOf(wrong), Reason::kFieldInvalid);
  EXPECT_EQ(wrong.message(),
            "text: line 9: refresh.url: expected an absolute URL");
  EXPECT_THAT(std::string(Create("").status().message()),
              HasSubstr("text: expected a definition"));
  const auto large = Create(TextOf("own", std::string(64 * 1024, '\n')));
  EXPECT_THAT(std::string(large.status().message()),
              HasSubstr("1 to 65536 bytes"));
  EXPECT_THAT(std::string(Create("scope {}").status().message()),
              HasSubstr("text: line 1: column"));
  EXPECT_EQ(store_.updates(), 0);
}

TEST_F(CatalogKeeperTest, AnIdIsTakenOnce) {
  EXPECT_EQ(ReasonOf(Create(TextOf("pinterest")).status()),
            Reason::kResourceExists);
  ASSERT_TRUE(Create(TextOf("own")).ok());
  EXPECT_EQ(ReasonOf(Create(TextOf("own")).status()), Reason::kResourceExists);
  // Before the other has heard of it, too.
  EXPECT_EQ(ReasonOf(RunSync(there_.keeper.Create(TextOf("own"))).status()),
            Reason::kResourceExists);
}

TEST_F(CatalogKeeperTest, ChangesOnlyWhatWasAddedAndAsItWasRead) {
  const auto made = Create(TextOf("own"));
  ASSERT_TRUE(made.ok());
  const std::string name = "catalog/own";
  EXPECT_EQ(ReasonOf(Update(name, "r77", TextOf("own", "\n")).status()),
            Reason::kEtagMismatch);
  EXPECT_EQ(ReasonOf(Delete(name, "r77")), Reason::kEtagMismatch);
  EXPECT_THAT(std::string(Update(name, "", TextOf("other")).status().message()),
              HasSubstr("text: expected the id \"own\""));
  for (const absl::Status& status :
       {Update("catalog/pinterest", "", TextOf("pinterest")).status(),
        Delete("catalog/pinterest")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kFieldInvalid) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is built in"));
  }
  for (const absl::Status& status :
       {Update("catalog/none", "", TextOf("none")).status(),
        Delete("catalog/none")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kCatalogEntryNotFound) << status;
  }
  EXPECT_EQ(ReasonOf(Delete("own")), Reason::kFieldInvalid);
  // The same text again is no change.
  EXPECT_EQ(Update(name, "", TextOf("own"))->revision, made->revision);
}

TEST_F(CatalogKeeperTest, WhatCannotBeUsedIsLeftOutAndCanBeMended) {
  PutRaw("catalog/broken", "of a later version");
  PutRaw("catalog/empty", "");
  PutRaw("catalog/renamed", TextOf("other-id"));
  ASSERT_TRUE(Create(TextOf("own")).ok());
  Replica started(store_);
  EXPECT_NE(started.catalog.Find("own"), nullptr);
  for (const char* const id : {"broken", "empty", "renamed", "other-id"}) {
    EXPECT_EQ(started.catalog.Find(id), nullptr) << id;
  }
  ASSERT_TRUE(Update("catalog/broken", "", TextOf("broken")).ok());
  EXPECT_NE(here_.catalog.Find("broken"), nullptr);
  EXPECT_TRUE(Delete("catalog/empty").ok());
}

// A later version of the program brings an id that was free before.
TEST_F(CatalogKeeperTest, AnAddedOneStaysInForceBeforeALaterOwn) {
  PutRaw("catalog/pinterest", TextOf("pinterest"));
  Replica later(store_);
  EXPECT_EQ(later.catalog.Find("pinterest")->display_name(), "Own");
  // Of all of it: the other one's environments are not mixed in.
  EXPECT_EQ(later.catalog.Find("pinterest", "sandbox"), nullptr);
  ASSERT_TRUE(RunSync(later.keeper.Delete("catalog/pinterest", "")).ok());
  EXPECT_EQ(later.catalog.Find("pinterest")->display_name(), "Pinterest");
  EXPECT_NE(later.catalog.Find("pinterest", "sandbox"), nullptr);
}

TEST_F(CatalogKeeperTest, AChangeWithoutAKnownOutcomeIsTakenOver) {
  store_.FailUpdates(1, store::FakeStore::kAfterCommit);
  EXPECT_EQ(ReasonOf(Create(TextOf("own")).status()),
            Reason::kStoreUnavailable);
  EXPECT_NE(here_.catalog.Find("own"), nullptr);
  // What cannot be read back comes with the next beat.
  store_.FailReads(1);
  EXPECT_TRUE(Create(TextOf("own-2")).ok());
  EXPECT_EQ(here_.catalog.Find("own-2"), nullptr);
  Beat();
  EXPECT_NE(there_.catalog.Find("own-2"), nullptr);
}

TEST_F(CatalogKeeperTest, ProvidersGoOnWithTheNewOneAtOnce) {
  FakeRandom random{1};
  const Sealer sealer(
      *Keyring::Parse("k-1 " + Base64UrlEncode(std::string(32, 'k'))), random);
  Admin admin(store_, here_.catalog, sealer, clock_, random, {});
  Providers providers(store_, here_.catalog, sealer, clock_, 4);
  ASSERT_TRUE(RunSync(admin.CreateApplication("shop", {})).ok());
  NewProvider provider;
  provider.name = "applications/shop/providers/own";
  provider.catalog_entry = "catalog/own";
  provider.settings.client_id = "client";
  provider.settings.client_secret = SecretString("s3cret");
  EXPECT_EQ(ReasonOf(RunSync(admin.CreateProvider(provider)).status()),
            Reason::kCatalogEntryNotFound);
  ASSERT_TRUE(Create(TextOf("own")).ok());
  ASSERT_TRUE(RunSync(admin.CreateProvider(provider)).ok());
  EXPECT_EQ(ReasonOf(Delete("catalog/own")), Reason::kResourceInUse);
  EXPECT_NE(here_.catalog.Find("own"), nullptr);

  auto context = RunSync(providers.Get(provider.name));
  ASSERT_TRUE(context.ok()) << context.status();
  const auto before = *context;
  ASSERT_TRUE(
      Update("catalog/own", "", TextOf("own", "summary: \"new\"\n")).ok());
  context = RunSync(providers.Get(provider.name));
  EXPECT_EQ((*context)->definition->summary(), "new");
  EXPECT_EQ(before->definition->summary(), "");
}

// The other server deletes it between our look at the catalog and the store.
TEST_F(CatalogKeeperTest, NoProviderIsMadeOfWhatIsGone) {
  FakeRandom random{1};
  const Sealer sealer(
      *Keyring::Parse("k-1 " + Base64UrlEncode(std::string(32, 'k'))), random);
  Admin admin(store_, there_.catalog, sealer, clock_, random, {});
  ASSERT_TRUE(RunSync(admin.CreateApplication("shop", {})).ok());
  ASSERT_TRUE(Create(TextOf("own")).ok());
  Beat();
  ASSERT_TRUE(Delete("catalog/own").ok());
  NewProvider provider;
  provider.name = "applications/shop/providers/own";
  provider.catalog_entry = "catalog/own";
  provider.settings.client_id = "client";
  provider.settings.client_secret = SecretString("s3cret");
  ASSERT_NE(there_.catalog.Find("own"), nullptr);
  EXPECT_EQ(ReasonOf(RunSync(admin.CreateProvider(provider)).status()),
            Reason::kCatalogEntryNotFound);
}

TEST_F(CatalogKeeperTest, TellsWhatWouldBeSent) {
  const auto good = here_.keeper.Check(TextOf("own"), {});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_THAT(good->text.faults, IsEmpty());
  EXPECT_THAT(good->text.warnings, Not(IsEmpty()));
  EXPECT_THAT(good->dry_run, HasSubstr("POST https://own.example/token"));

  const auto bad = here_.keeper.Check(TextOf("Own"), {});
  ASSERT_TRUE(bad.ok());
  EXPECT_THAT(bad->text.faults, Not(IsEmpty()));
  EXPECT_EQ(bad->dry_run, "");

  const std::string tenant = TextOf(
      "own",
      "inputs { name: \"tenant\" display_name: \"T\" pattern: \"[a-z]+\" "
      "source: INPUT_SOURCE_OPERATOR }\n"
      "api_base_url: \"https://own.example/{input.tenant}\"\n"
      "verification { url: \"https://own.example/{input.tenant}\" "
      "id_pointer: \"/id\" }\n");
  const auto with = here_.keeper.Check(tenant, {{"tenant", "acme"}});
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_THAT(with->dry_run, HasSubstr("https://own.example/acme"));
  const auto wrong = here_.keeper.Check(tenant, {{"tenant", "A.B"}});
  EXPECT_EQ(ReasonOf(wrong.status()), Reason::kFieldInvalid);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("tenant"));
  EXPECT_THAT(
      std::string(here_.keeper.Check(tenant, {{"x", "y"}}).status().message()),
      HasSubstr("inputs.x"));
  EXPECT_EQ(ReasonOf(here_.keeper.Check("", {}).status()),
            Reason::kFieldInvalid);
  EXPECT_EQ(store_.updates(), 0);
}

}  // namespace
}  // namespace valetkey::broker
