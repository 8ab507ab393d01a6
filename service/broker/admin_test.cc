#include "service/broker/admin.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <set>
#include <string>
#include <vector>

#include "service/broker/admin_harness.h"

namespace valetkey::broker {
namespace {

using store::EventType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::UnorderedElementsAre;

constexpr char kShop[] = "applications/shop";
constexpr char kConnection[] = "applications/shop/connections/c-1";
constexpr std::uint32_t kAll = 31;

TEST(EtagTest, OneForEachRevision) {
  std::set<std::string> seen;
  for (std::int64_t revision = 1; revision < 2000; ++revision) {
    const std::string etag = EtagOf(revision);
    EXPECT_LE(etag.size(), 20u);
    EXPECT_TRUE(seen.insert(etag).second);
    EXPECT_TRUE(EtagMatches(etag, revision));
    EXPECT_FALSE(EtagMatches(etag, revision + 1));
    EXPECT_TRUE(EtagMatches("", revision));
  }
  EXPECT_FALSE(EtagMatches("1", 1));
  EXPECT_FALSE(EtagMatches("*", 1));
}

// --- Bootstrap ---

TEST_F(AdminTest, TheFirstStartMakesAKeyToBeginWith) {
  const auto secret = RunSync(admin_->Bootstrap());
  ASSERT_TRUE(secret.ok()) << secret.status();
  ASSERT_TRUE(secret->has_value());
  const std::string text((*secret)->Reveal());
  EXPECT_THAT(text, MatchesRegex("vk_[A-Za-z0-9_-]{43}"));
  const auto key = RunSync(store_.FindKey(Sha256(text)));
  ASSERT_TRUE(key.ok() && key->has_value());
  EXPECT_EQ((*key)->application, "applications/system");
  EXPECT_EQ((*key)->rights, kAll);
  EXPECT_EQ((*key)->expire_time, std::nullopt);
  EXPECT_TRUE(RunSync(admin_->GetApplication("applications/system")).ok());

  const auto again = RunSync(admin_->Bootstrap());
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->has_value());
  EXPECT_EQ(
      RunSync(admin_->ListKeys("applications/system", "", 9))->items.size(),
      1u);
}

Task<void> BootstrapInto(Admin* admin,
                         absl::StatusOr<std::optional<SecretString>>* result) {
  *result = co_await admin->Bootstrap();
}

TEST_F(AdminTest, OneOfManyFirstStartsWins) {
  asio::io_context loop(1);
  std::vector<absl::StatusOr<std::optional<SecretString>>> results(10);
  for (auto& result : results) {
    asio::co_spawn(loop, BootstrapInto(admin_.get(), &result),
                   [](std::exception_ptr) {});
  }
  loop.run();
  int secrets = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    secrets += result->has_value() ? 1 : 0;
  }
  EXPECT_EQ(secrets, 1);
  EXPECT_EQ(
      RunSync(admin_->ListKeys("applications/system", "", 99))->items.size(),
      1u);
}

TEST_F(AdminTest, AFirstStartWhoseCommitSeemedToFailIsNotLost) {
  store_.FailUpdates(1, store::FakeStore::kBeforeCommit);
  EXPECT_EQ(ReasonOf(RunSync(admin_->Bootstrap()).status()),
            Reason::kStoreUnavailable);
  store_.FailUpdates(1, store::FakeStore::kAfterCommit);
  const auto secret = RunSync(admin_->Bootstrap());
  ASSERT_TRUE(secret.ok()) << secret.status();
  ASSERT_TRUE(secret->has_value());
  EXPECT_TRUE(
      RunSync(store_.FindKey(Sha256((*secret)->Reveal())))->has_value());
}

// --- Applications ---

TEST_F(AdminTest, MakesAnApplication) {
  ApplicationChange settings;
  settings.display_name = "Jos\u00e9's shop";
  settings.return_uris = {{"https://shop.example/back"}};
  const auto made = RunSync(admin_->CreateApplication("shop", settings));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name, kShop);
  EXPECT_EQ(made->revision, 1);
  EXPECT_EQ(made->display_name, *settings.display_name);
  EXPECT_EQ(made->return_uris, *settings.return_uris);
  EXPECT_EQ(made->create_time, clock_.Now());
  EXPECT_EQ(made->update_time, clock_.Now());
  EXPECT_EQ(*RunSync(admin_->GetApplication(kShop)), *made);
  EXPECT_EQ(ReasonOf(RunSync(admin_->CreateApplication("shop", {})).status()),
            Reason::kResourceExists);
}

TEST_F(AdminTest, RefusesApplicationsThatAreNotWellFormed) {
  for (const char* id :
       {"", "Shop", "1shop", "shop-", "a/b", "system", "applications/shop"}) {
    EXPECT_EQ(FieldOf(RunSync(admin_->CreateApplication(id, {})).status()),
              "application_id")
        << id;
  }
  ApplicationChange settings;
  settings.return_uris = {{"https://a.example/", "http://a.example/"}};
  EXPECT_EQ(
      FieldOf(RunSync(admin_->CreateApplication("shop", settings)).status()),
      "application.return_uris[1]");
  settings = {};
  settings.display_name = std::string(129, 'x');
  EXPECT_EQ(
      FieldOf(RunSync(admin_->CreateApplication("shop", settings)).status()),
      "application.display_name");
  EXPECT_EQ(ReasonOf(RunSync(admin_->GetApplication(kShop)).status()),
            Reason::kApplicationNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->GetApplication("shop")).status()), "name");
}

TEST_F(AdminTest, ChangesAnApplication) {
  const store::Application before = MakeApplication();
  clock_.Advance(absl::Seconds(5));
  ApplicationChange change;
  change.display_name = "New";
  auto changed = RunSync(admin_->UpdateApplication(kShop, EtagOf(1), change));
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->display_name, "New");
  EXPECT_EQ(changed->revision, 2);
  EXPECT_EQ(changed->create_time, before.create_time);
  EXPECT_EQ(changed->update_time, clock_.Now());
  // The same again is no change.
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(RunSync(admin_->UpdateApplication(kShop, "", change))->revision, 2);
  EXPECT_EQ(
      ReasonOf(
          RunSync(admin_->UpdateApplication(kShop, EtagOf(1), {})).status()),
      Reason::kEtagMismatch);
  EXPECT_EQ(ReasonOf(RunSync(admin_->UpdateApplication("applications/none", "",
                                                       change))
                         .status()),
            Reason::kApplicationNotFound);
  change.return_uris = {{"nonsense"}};
  EXPECT_EQ(
      FieldOf(RunSync(admin_->UpdateApplication(kShop, "", change)).status()),
      "application.return_uris[0]");
  EXPECT_EQ(
      FieldOf(RunSync(admin_->UpdateApplication("shop", "", {})).status()),
      "application.name");
}

TEST_F(AdminTest, DeletesAnApplicationWithItsKeys) {
  MakeApplication();
  const auto key =
      RunSync(admin_->CreateKey(kShop, "", store::kReadTokens, std::nullopt));
  ASSERT_TRUE(key.ok());
  MakeProvider();
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteApplication(kShop, ""))),
            Reason::kResourceInUse);
  EXPECT_THAT(keys_revoked_, IsEmpty());
  ASSERT_TRUE(
      RunSync(admin_->DeleteProvider("applications/shop/providers/acme", ""))
          .ok());
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteApplication(kShop, "r9"))),
            Reason::kEtagMismatch);
  EXPECT_TRUE(RunSync(admin_->DeleteApplication(kShop, EtagOf(1))).ok());
  EXPECT_THAT(keys_revoked_, ElementsAre(key->key.digest));
  EXPECT_FALSE(RunSync(store_.FindKey(key->key.digest))->has_value());
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteApplication(kShop, ""))),
            Reason::kApplicationNotFound);
}

TEST_F(AdminTest, TheSystemsOwnApplicationStays) {
  ASSERT_TRUE(RunSync(admin_->Bootstrap()).ok());
  EXPECT_EQ(
      ReasonOf(RunSync(admin_->DeleteApplication("applications/system", ""))),
      Reason::kResourceInUse);
  EXPECT_TRUE(RunSync(admin_->GetApplication("applications/system")).ok());
}

TEST_F(AdminTest, ListsApplications) {
  MakeApplication("a");
  MakeApplication("b");
  auto page = RunSync(admin_->ListApplications("", 1));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->items.at(0).name, "applications/a");
  page = RunSync(admin_->ListApplications(page->next, 1));
  EXPECT_EQ(page->items.at(0).name, "applications/b");
  EXPECT_EQ(page->next, "");
}

// --- Keys ---

TEST_F(AdminTest, MakesAKeyThatIsToldOnce) {
  MakeApplication();
  const absl::Time end = clock_.Now() + absl::Hours(1);
  const auto made = RunSync(admin_->CreateKey(
      kShop, "ci", store::kReadTokens | store::kConnect, end));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->key.name,
              MatchesRegex("applications/shop/keys/k-[a-z2-7]{10}"));
  EXPECT_EQ(made->key.application, kShop);
  EXPECT_EQ(made->key.display_name, "ci");
  EXPECT_EQ(made->key.rights, store::kReadTokens | store::kConnect);
  EXPECT_EQ(made->key.expire_time, end);
  EXPECT_EQ(made->key.create_time, clock_.Now());
  EXPECT_THAT(std::string(made->secret.Reveal()),
              MatchesRegex("vk_[A-Za-z0-9_-]{43}"));
  EXPECT_EQ(made->key.digest, Sha256(made->secret.Reveal()));
  const auto other = RunSync(admin_->CreateKey(kShop, "", kAll, std::nullopt));
  ASSERT_TRUE(other.ok());
  EXPECT_NE(other->key.name, made->key.name);
  EXPECT_FALSE(other->secret.Equals(made->secret));
  const auto page = RunSync(admin_->ListKeys(kShop, "", 9));
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->items, UnorderedElementsAre(made->key, other->key));
}

TEST_F(AdminTest, RefusesKeysThatAreNotWellFormed) {
  MakeApplication();
  const auto field = [&](const char* parent, const std::string& name,
                         std::uint32_t rights,
                         std::optional<absl::Time> end = std::nullopt) {
    return FieldOf(
        RunSync(admin_->CreateKey(parent, name, rights, end)).status());
  };
  EXPECT_EQ(field("shop", "", kAll), "parent");
  EXPECT_EQ(field(kShop, "a\nb", kAll), "display_name");
  EXPECT_EQ(field(kShop, "", 0), "rights");
  EXPECT_EQ(field(kShop, "", 32), "rights");
  EXPECT_EQ(field(kShop, "", kAll + 32), "rights");
  EXPECT_EQ(field(kShop, "", kAll, clock_.Now()), "expire_time");
  EXPECT_EQ(field(kShop, "", kAll, absl::InfinitePast()), "expire_time");
  EXPECT_EQ(ReasonOf(RunSync(admin_->CreateKey("applications/none", "", kAll,
                                               std::nullopt))
                         .status()),
            Reason::kApplicationNotFound);
  EXPECT_THAT(RunSync(admin_->ListKeys(kShop, "", 9))->items, IsEmpty());
  EXPECT_EQ(
      ReasonOf(RunSync(admin_->ListKeys("applications/none", "", 9)).status()),
      Reason::kApplicationNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->ListKeys("none", "", 9)).status()),
            "parent");
}

TEST_F(AdminTest, RevokesAKeyOnceAndForAll) {
  MakeApplication();
  const auto made = RunSync(admin_->CreateKey(kShop, "", kAll, std::nullopt));
  ASSERT_TRUE(made.ok());
  clock_.Advance(absl::Seconds(5));
  const absl::Time when = clock_.Now();
  const auto revoked = RunSync(admin_->RevokeKey(made->key.name));
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->revoke_time, when);
  EXPECT_THAT(keys_revoked_, ElementsAre(made->key.digest));
  clock_.Advance(absl::Seconds(5));
  const auto again = RunSync(admin_->RevokeKey(made->key.name));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *revoked);
  EXPECT_EQ(
      ReasonOf(
          RunSync(admin_->RevokeKey("applications/shop/keys/k-none")).status()),
      Reason::kKeyNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->RevokeKey("k-none")).status()), "name");
}

TEST_F(AdminTest, ARevocationWhoseCommitSeemedToFailIsForgottenToo) {
  MakeApplication();
  const auto made = RunSync(admin_->CreateKey(kShop, "", kAll, std::nullopt));
  store_.FailUpdates(1, store::FakeStore::kAfterCommit);
  EXPECT_EQ(ReasonOf(RunSync(admin_->RevokeKey(made->key.name)).status()),
            Reason::kStoreUnavailable);
  EXPECT_THAT(keys_revoked_, ElementsAre(made->key.digest));
}

// --- Connections ---

class AdminConnectionsTest : public AdminTest {
 protected:
  AdminConnectionsTest() {
    MakeApplication();
    MakeProvider();
    PutConnection("c-1");
  }
};

TEST_F(AdminConnectionsTest, TellsWhereTheApiIsFound) {
  store::Connection connection = *RunSync(admin_->GetConnection(kConnection));
  const auto url = [&] { return *RunSync(admin_->ApiBaseUrl(connection)); };
  // Not known yet.
  EXPECT_EQ(url(), "");
  connection.metadata["shard"] = "s7";
  EXPECT_EQ(url(), "https://s7.acme.example/north/main");
  connection.inputs["shop"] = "toys";
  EXPECT_EQ(url(), "https://s7.acme.example/north/toys");
  // The provider sent something that leads elsewhere.
  connection.metadata["shard"] = "evil.example/";
  EXPECT_EQ(url(), "");
  NewProvider sandbox = AcmeProvider();
  sandbox.name = connection.provider = "applications/shop/providers/sandbox";
  sandbox.environment = "sandbox";
  ASSERT_TRUE(RunSync(admin_->CreateProvider(sandbox)).ok());
  EXPECT_EQ(url(), "https://sandbox.acme.example");
  connection.provider = "applications/shop/providers/gone";
  EXPECT_EQ(url(), "");
}

TEST_F(AdminConnectionsTest, LabelsAreReplacedAndTold) {
  clock_.Advance(absl::Seconds(5));
  const store::Labels labels = {{"team", "a"}};
  const auto changed =
      RunSync(admin_->UpdateConnectionLabels(kConnection, EtagOf(1), labels));
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->labels, labels);
  EXPECT_EQ(changed->revision, 2);
  EXPECT_EQ(changed->generation, 3);
  EXPECT_EQ(changed->update_time, clock_.Now());
  ASSERT_EQ(store_.events().size(), 1u);
  const store::Event event = store_.events()[0];
  EXPECT_EQ(event.type, EventType::kUpdated);
  EXPECT_EQ(event.connection, kConnection);
  EXPECT_EQ(event.application, kShop);
  EXPECT_EQ(event.subject, "u-1");
  EXPECT_EQ(event.labels, labels);
  EXPECT_EQ(event.generation, 3);
  // The same again is no change and no news.
  ASSERT_TRUE(
      RunSync(admin_->UpdateConnectionLabels(kConnection, "", labels)).ok());
  EXPECT_EQ(store_.events().size(), 1u);
  EXPECT_EQ(RunSync(admin_->GetConnection(kConnection))->revision, 2);

  EXPECT_EQ(ReasonOf(RunSync(admin_->UpdateConnectionLabels(kConnection,
                                                            EtagOf(1), {}))
                         .status()),
            Reason::kEtagMismatch);
  EXPECT_EQ(FieldOf(RunSync(admin_->UpdateConnectionLabels(kConnection, "",
                                                           {{"A", ""}}))
                        .status()),
            "connection.labels[\"A\"]");
  EXPECT_EQ(ReasonOf(RunSync(admin_->UpdateConnectionLabels(
                                 "applications/shop/connections/c-2", "", {}))
                         .status()),
            Reason::kConnectionNotFound);
  EXPECT_EQ(
      FieldOf(RunSync(admin_->UpdateConnectionLabels("c-1", "", {})).status()),
      "connection.name");
}

TEST_F(AdminConnectionsTest, IsDeletedAndTold) {
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteConnection(kConnection, "r9"))),
            Reason::kEtagMismatch);
  EXPECT_THAT(connections_deleted_, IsEmpty());
  EXPECT_TRUE(RunSync(admin_->DeleteConnection(kConnection, EtagOf(1))).ok());
  EXPECT_EQ(store_.FindConnection(kConnection), std::nullopt);
  EXPECT_THAT(connections_deleted_, ElementsAre(kConnection));
  ASSERT_EQ(store_.events().size(), 1u);
  const store::Event event = store_.events()[0];
  EXPECT_EQ(event.type, EventType::kDeleted);
  EXPECT_EQ(event.connection, kConnection);
  EXPECT_EQ(event.generation, 4);
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteConnection(kConnection, ""))),
            Reason::kConnectionNotFound);
  EXPECT_EQ(ReasonOf(RunSync(admin_->GetConnection(kConnection)).status()),
            Reason::kConnectionNotFound);
  EXPECT_EQ(FieldOf(RunSync(admin_->DeleteConnection("c-1", ""))), "name");
  EXPECT_EQ(FieldOf(RunSync(admin_->GetConnection("c-1")).status()), "name");
  EXPECT_EQ(store_.events().size(), 1u);
}

TEST_F(AdminConnectionsTest, MemoryForgetsAlsoWhenTheOutcomeIsUnknown) {
  store_.FailUpdates(1, store::FakeStore::kAfterCommit);
  EXPECT_EQ(ReasonOf(RunSync(admin_->DeleteConnection(kConnection, ""))),
            Reason::kStoreUnavailable);
  EXPECT_THAT(connections_deleted_, ElementsAre(kConnection));
}

TEST_F(AdminConnectionsTest, Lists) {
  PutConnection("c-2");
  store::ConnectionFilter filter;
  filter.application = kShop;
  filter.provider = "applications/shop/providers/acme";
  auto page = RunSync(admin_->ListConnections(filter, "", 1));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->items.at(0).name, kConnection);
  page = RunSync(admin_->ListConnections(filter, page->next, 1));
  EXPECT_EQ(page->items.at(0).name, "applications/shop/connections/c-2");
  filter.subject = "u-2";
  page = RunSync(admin_->ListConnections(filter, "", 9));
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->items, IsEmpty());

  const auto field = [&](const store::ConnectionFilter& bad) {
    return FieldOf(RunSync(admin_->ListConnections(bad, "", 9)).status());
  };
  EXPECT_EQ(field({}), "parent");
  EXPECT_EQ(field({.application = kShop, .provider = "acme"}), "provider");
  EXPECT_EQ(field({.application = kShop,
                   .provider = "applications/other/providers/acme"}),
            "provider");
  EXPECT_EQ(field({.application = kShop, .labels = {{"A", ""}}}),
            "labels[\"A\"]");
  EXPECT_EQ(ReasonOf(RunSync(admin_->ListConnections(
                                 {.application = "applications/none"}, "", 9))
                         .status()),
            Reason::kApplicationNotFound);
}

}  // namespace
}  // namespace valetkey::broker
