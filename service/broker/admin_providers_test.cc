#include <functional>
#include <string>
#include <vector>

#include "service/broker/admin_harness.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kAcme[] = "applications/shop/providers/acme";

class AdminProvidersTest : public AdminTest {
 protected:
  AdminProvidersTest() { MakeApplication(); }

  absl::Status Create(const std::function<void(NewProvider&)>& change) {
    NewProvider provider = AcmeProvider();
    change(provider);
    return RunSync(admin_->CreateProvider(std::move(provider))).status();
  }
  absl::StatusOr<store::Provider> Update(ProviderChange change,
                                         std::string etag = "") {
    return RunSync(admin_->UpdateProvider(kAcme, etag, std::move(change)));
  }
};

TEST_F(AdminProvidersTest, KeepsWhatWasGivenAndSealsTheSecret) {
  NewProvider given = AcmeProvider();
  given.environment = "sandbox";
  given.settings.display_name = "Our Acme";
  given.settings.scopes = {{"known", "unknown:to-the-catalog"}};
  given.settings.redirect_uri = "https://a.example/cb";
  given.settings.pkce = store::Pkce::kOff;
  const auto made = RunSync(admin_->CreateProvider(given));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name, kAcme);
  EXPECT_EQ(made->application, "applications/shop");
  EXPECT_EQ(made->revision, 1);
  EXPECT_EQ(made->display_name, "Our Acme");
  EXPECT_EQ(made->catalog_entry, "catalog/acme");
  EXPECT_EQ(made->environment, "sandbox");
  EXPECT_EQ(made->client_id, "client");
  EXPECT_THAT(made->scopes, ElementsAre("known", "unknown:to-the-catalog"));
  EXPECT_EQ(made->redirect_uri, "https://a.example/cb");
  EXPECT_EQ(made->pkce, store::Pkce::kOff);
  EXPECT_THAT(made->inputs, ElementsAre(Pair("tenant", "north")));
  EXPECT_EQ(made->create_time, clock_.Now());
  EXPECT_EQ(made->update_time, clock_.Now());
  EXPECT_THAT(made->client_secret_sealed, Not(HasSubstr("s3cret")));
  const auto opened = sealer_.Open(made->client_secret_sealed,
                                   ClientSecretAssociatedData(kAcme));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->Reveal(), "s3cret");
  const auto read = RunSync(admin_->GetProvider(kAcme));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, *made);
  EXPECT_THAT(providers_changed_, ElementsAre(kAcme));
}

TEST_F(AdminProvidersTest, ASecretInputIsSealedAndStaysUnlessGivenAnew) {
  NewProvider given = AcmeProvider();
  given.catalog_entry = "catalog/keyed";
  given.settings.client_secret.reset();
  given.settings.inputs.reset();
  EXPECT_EQ(FieldOf(RunSync(admin_->CreateProvider(given)).status()),
            "provider.inputs[\"site_key\"]");
  given.settings.inputs = {{{"site_key", "s-1"}}};
  const auto made = RunSync(admin_->CreateProvider(given));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->inputs,
              ElementsAre(Pair("site_key#sealed", Not(HasSubstr("s-1")))));

  ProviderChange change;
  change.inputs.emplace();
  auto changed = Update(change);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->inputs, made->inputs);
  change.inputs = {{{"site_key", "s-2"}}};
  changed = Update(change);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_NE(changed->inputs, made->inputs);
  change.inputs = {{{"site_key", "S2!"}}};
  const absl::Status wrong = Update(change).status();
  EXPECT_EQ(FieldOf(wrong), "provider.inputs[\"site_key\"]");
  EXPECT_EQ(wrong.ToString().find("S2!"), std::string::npos);
}

TEST_F(AdminProvidersTest, NamesTheFieldThatIsWrong) {
  struct Case {
    const char* field;
    std::function<void(NewProvider&)> change;
  };
  const std::vector<Case> cases = {
      {"parent", [](auto& p) { p.name = "providers/acme"; }},
      {"parent", [](auto& p) { p.name = ""; }},
      {"provider_id",
       [](auto& p) { p.name = "applications/shop/providers/A"; }},
      {"provider_id", [](auto& p) { p.name = "applications/shop"; }},
      {"provider.catalog_entry", [](auto& p) { p.catalog_entry = "acme"; }},
      {"provider.environment", [](auto& p) { p.environment = "staging"; }},
      {"provider.display_name",
       [](auto& p) { p.settings.display_name = "\n"; }},
      {"provider.client_id", [](auto& p) { p.settings.client_id.reset(); }},
      {"provider.client_id", [](auto& p) { p.settings.client_id = ""; }},
      {"provider.client_secret",
       [](auto& p) { p.settings.client_secret.reset(); }},
      {"provider.client_secret",
       [](auto& p) { p.settings.client_secret = SecretString(); }},
      {"provider.client_secret",
       [](auto& p) { p.settings.client_secret = SecretString("s3cret\n"); }},
      {"provider.scopes[1]",
       [](auto& p) { p.settings.scopes = {{"a", "b c"}}; }},
      {"provider.redirect_uri",
       [](auto& p) { p.settings.redirect_uri = "http://a.example/"; }},
      {"provider.pkce", [](auto& p) { p.settings.pkce = store::Pkce::kOff; }},
      {"provider.inputs[\"tenant\"]",
       [](auto& p) { p.settings.inputs.reset(); }},
      {"provider.inputs[\"tenant\"]",
       [](auto& p) { p.settings.inputs = {{{"tenant", "No Such"}}}; }},
      {"provider.inputs[\"region\"]",
       [](auto& p) {
         p.settings.inputs = {{{"tenant", "a"}, {"region", "mars"}}};
       }},
      // The person gives this one.
      {"provider.inputs[\"shop\"]",
       [](auto& p) { p.settings.inputs = {{{"tenant", "a"}, {"shop", "b"}}}; }},
      {"provider.inputs[\"un\\nknown\"]",
       [](auto& p) {
         p.settings.inputs = {{{"tenant", "a"}, {"un\nknown", "b"}}};
       }},
  };
  for (const Case& one : cases) {
    const absl::Status status = Create(one.change);
    EXPECT_EQ(FieldOf(status), one.field) << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
  }
  EXPECT_EQ(store_.FindProvider(kAcme), std::nullopt);
  EXPECT_THAT(providers_changed_, IsEmpty());
}

TEST_F(AdminProvidersTest, WhatItNeedsIsThere) {
  EXPECT_EQ(
      ReasonOf(Create([](auto& p) { p.catalog_entry = "catalog/nobody"; })),
      Reason::kCatalogEntryNotFound);
  EXPECT_EQ(ReasonOf(Create(
                [](auto& p) { p.name = "applications/other/providers/acme"; })),
            Reason::kApplicationNotFound);
  MakeProvider();
  EXPECT_EQ(ReasonOf(Create([](auto&) {})), Reason::kResourceExists);
}

TEST_F(AdminProvidersTest, PublicClientsNeedNoSecret) {
  NewProvider provider;
  provider.name = "applications/shop/providers/public";
  provider.catalog_entry = "catalog/public-one";
  provider.settings.client_id = "client";
  auto made = RunSync(admin_->CreateProvider(provider));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->client_secret_sealed, "");
  ProviderChange change;
  change.pkce = store::Pkce::kOff;
  EXPECT_TRUE(RunSync(admin_->UpdateProvider(provider.name, "", change)).ok());
}

TEST_F(AdminProvidersTest, ChangesWhatIsNamed) {
  const store::Provider before = MakeProvider();
  clock_.Advance(absl::Seconds(5));
  providers_changed_.clear();
  ProviderChange change;
  change.display_name = "New";
  auto changed = Update(change, EtagOf(1));
  ASSERT_TRUE(changed.ok()) << changed.status();
  store::Provider expected = before;
  expected.display_name = "New";
  expected.revision = 2;
  expected.update_time = clock_.Now();
  EXPECT_EQ(*changed, expected);
  EXPECT_THAT(providers_changed_, ElementsAre(kAcme));

  change = {};
  change.client_id = "other";
  change.client_secret = SecretString("n3w");
  change.scopes.emplace();
  change.redirect_uri = "";
  change.pkce = store::Pkce::kS256;
  change.inputs = {{{"tenant", "south"}, {"region", "us"}}};
  changed = Update(change);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->client_id, "other");
  EXPECT_EQ(changed->pkce, store::Pkce::kS256);
  EXPECT_EQ(changed->inputs.at("region"), "us");
  EXPECT_EQ(changed->display_name, "New");
  EXPECT_EQ(changed->create_time, before.create_time);
  EXPECT_EQ(sealer_
                .Open(changed->client_secret_sealed,
                      ClientSecretAssociatedData(kAcme))
                ->Reveal(),
            "n3w");
  // Nothing to change: nothing changes.
  EXPECT_EQ(Update({})->revision, 3);

  // A second secret, beside the first; and away again.
  change = {};
  change.second_secret = SecretString("l4ter");
  changed = Update(change);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(sealer_
                .Open(changed->second_secret_sealed,
                      SecondSecretAssociatedData(kAcme))
                ->Reveal(),
            "l4ter");
  EXPECT_EQ(sealer_
                .Open(changed->client_secret_sealed,
                      ClientSecretAssociatedData(kAcme))
                ->Reveal(),
            "n3w");
  change.second_secret = SecretString();
  EXPECT_EQ(Update(change)->second_secret_sealed, "");
}

TEST_F(AdminProvidersTest, RefusesChangesThatWouldBreakIt) {
  ProviderChange change;
  change.display_name = "New";
  EXPECT_EQ(ReasonOf(Update(change).status()), Reason::kProviderNotFound);
  const store::Provider before = MakeProvider();
  EXPECT_EQ(ReasonOf(Update(change, "r99").status()), Reason::kEtagMismatch);
  EXPECT_EQ(FieldOf(RunSync(admin_->UpdateProvider("x", "", {})).status()),
            "provider.name");
  const auto refused = [&](const std::function<void(ProviderChange&)>& set) {
    ProviderChange bad;
    bad.display_name = "New";
    set(bad);
    return FieldOf(Update(bad).status());
  };
  EXPECT_EQ(refused([](auto& c) { c.client_secret = SecretString(); }),
            "provider.client_secret");
  EXPECT_EQ(refused([](auto& c) { c.second_secret = SecretString("a\n"); }),
            "provider.second_client_secret");
  EXPECT_EQ(refused([](auto& c) { c.client_id = ""; }), "provider.client_id");
  EXPECT_EQ(refused([](auto& c) { c.pkce = store::Pkce::kOff; }),
            "provider.pkce");
  EXPECT_EQ(refused([](auto& c) { c.inputs.emplace(); }),
            "provider.inputs[\"tenant\"]");
  EXPECT_EQ(refused([](auto& c) { c.scopes = {{""}}; }), "provider.scopes[0]");
  EXPECT_EQ(store_.FindProvider(kAcme), before);
}

// A server with an older catalog still lets what it understands be changed.
TEST_F(AdminProvidersTest, AnEntryThatIsNotThere) {
  MakeProvider();
  store::RowKeys keys;
  keys.provider = kAcme;
  ASSERT_TRUE(store_
                  .UpdateNow(keys,
                             [](store::Rows& rows) {
                               rows.provider->catalog_entry = "catalog/new";
                               return absl::OkStatus();
                             })
                  .ok());
  ProviderChange change;
  change.display_name = "New";
  EXPECT_TRUE(Update(change).ok());
  change.inputs.emplace();
  EXPECT_EQ(ReasonOf(Update(change).status()), Reason::kCatalogEntryNotFound);
}

TEST_F(AdminProvidersTest, IsDeletedUnlessInUse) {
  MakeProvider();
  PutConnection("c-1");
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteProvider(kAcme, ""))),
            Reason::kResourceInUse);
  ASSERT_TRUE(
      RunSync(admin_->DeleteConnection("applications/shop/connections/c-1", ""))
          .ok());
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteProvider(kAcme, "r7"))),
            Reason::kEtagMismatch);
  providers_changed_.clear();
  EXPECT_TRUE(RunSync(admin_->DeleteProvider(kAcme, EtagOf(1))).ok());
  EXPECT_THAT(providers_changed_, ElementsAre(kAcme));
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteProvider(kAcme, ""))),
            Reason::kProviderNotFound);
  EXPECT_EQ(ReasonOf(RunSync(admin_->GetProvider(kAcme)).status()),
            Reason::kProviderNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->DeleteProvider("x", ""))), "name");
  EXPECT_EQ(FieldOf(RunSync(admin_->GetProvider("x")).status()), "name");
}

TEST_F(AdminProvidersTest, MemoryForgetsAlsoWhenTheOutcomeIsUnknown) {
  MakeProvider();
  providers_changed_.clear();
  ProviderChange change;
  change.client_id = "other";
  store_.FailUpdates(1, store::FakeStore::kAfterCommit);
  EXPECT_EQ(ReasonOf(Update(change).status()), Reason::kStoreUnavailable);
  EXPECT_EQ(store_.FindProvider(kAcme)->client_id, "other");
  EXPECT_THAT(providers_changed_, ElementsAre(kAcme));
}

TEST_F(AdminProvidersTest, Lists) {
  MakeProvider();
  NewProvider second = AcmeProvider();
  second.name += "-2";
  ASSERT_TRUE(RunSync(admin_->CreateProvider(second)).ok());
  auto page = RunSync(admin_->ListProviders("applications/shop", "", 1));
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->next, kAcme);
  page = RunSync(admin_->ListProviders("applications/shop", page->next, 1));
  EXPECT_EQ(page->items.at(0).name, second.name);
  EXPECT_EQ(page->next, "");
  EXPECT_EQ(
      ReasonOf(
          RunSync(admin_->ListProviders("applications/none", "", 9)).status()),
      Reason::kApplicationNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->ListProviders("none", "", 9)).status()),
            "parent");
}

}  // namespace
}  // namespace valetkey::broker
