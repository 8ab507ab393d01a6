// What store.h promises of Update.

#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreContract, NothingIsThereAtFirst) {
  EXPECT_EQ(RunSync(store_->GetApplication("applications/a"))->has_value(),
            false);
  EXPECT_EQ(RunSync(store_->GetProvider("x"))->has_value(), false);
  EXPECT_EQ(RunSync(store_->GetAuthorization("x"))->has_value(), false);
  EXPECT_EQ(RunSync(store_->GetConnection("x"))->has_value(), false);
  EXPECT_EQ(RunSync(store_->FindKey("x"))->has_value(), false);
  EXPECT_THAT(RunSync(store_->ListApplications("", 10))->items, IsEmpty());
  EXPECT_EQ(Range().oldest, 1);
  EXPECT_EQ(Range().newest, 0);
  EXPECT_EQ(store_->id().size(), 16u);
  EXPECT_TRUE(RunSync(store_->CheckWritable()).ok());
}

TEST_P(StoreContract, KeepsEveryFieldOfAConnection) {
  AddBasics();
  const absl::Time t = TestStart() + absl::Microseconds(123457);
  Connection want;
  want.name = ConnectionName("a", "c");
  want.application = AppName("a");
  want.provider = ProviderName("a", "p");
  want.subject = "user 7";
  want.labels = {{"team", "x"}, {"", "empty key"}};
  want.state = ConnectionState::kReauthorizationRequired;
  want.generation = 1LL << 40;
  want.requested_scopes = {"r1", "r2"};
  want.scopes = {"s"};
  TokenRecord token;
  token.name = "user";
  token.token_type = "bearer";
  token.scopes = {"x", ""};
  token.access_sealed = std::string("\0\xff\x80 bytes", 9);
  token.issue_time = t;
  token.expire_time = t + absl::Hours(1);
  token.refresh_sealed = std::string(5000, '\xfe');
  token.refresh_digest = std::string(32, '\0');
  token.refresh_expire_time = t + absl::Hours(24 * 60);
  token.refresh_issue_time = t;
  token.attempt = 6;
  token.due_time = t + absl::Minutes(48);
  want.tokens = {TokenRecord(), token};
  want.inputs = {{"shop", "example"}};
  want.metadata = {{"team_id", "T\xc3\x28"}};  // not UTF-8
  want.account_id = "549755885175";
  want.account_display_name = "\xf0\x9f\x93\x8c \xff";
  want.create_time = t;
  want.update_time = t;
  want.attempts = 7;
  want.last_refresh_time = t;
  want.last_use_time = t;
  want.due_time = t + absl::Minutes(48);
  want.last_failure = Failure{"PROVIDER_UNAVAILABLE", "503", t, 3, t};
  want.lease = {"owner", "attempt", t};
  want.attempt = {"id", "user", "digest", t, 2};
  want.dead_refresh_digest = "\x01\x02";
  want.expiring_announced = true;
  want.revocation = {{1, "user", 2, "no such endpoint"}};

  auto rows = Update(ConnectionKey(want.name), [&](Rows& given) {
    given.connection = want;
    return absl::OkStatus();
  });
  ASSERT_TRUE(rows.ok()) << rows.status();
  want.revision = 1;
  EXPECT_EQ(rows->connection, want);
  EXPECT_EQ(**RunSync(store_->GetConnection(want.name)), want);

  // And takes every optional field away again.
  Connection bare;
  bare.name = want.name;
  bare.application = want.application;
  bare.provider = want.provider;
  ASSERT_TRUE(Update(ConnectionKey(want.name), [&](Rows& given) {
                given.connection = bare;
                return absl::OkStatus();
              }).ok());
  bare.revision = 2;
  EXPECT_EQ(**RunSync(store_->GetConnection(want.name)), bare);
}

TEST_P(StoreContract, KeepsEveryFieldOfTheOthers) {
  const absl::Time t = TestStart() + absl::Microseconds(1);
  Application app{
      AppName("a"),        9, "An app", {"https://a/", "https://b/"}, t,
      t + absl::Seconds(1)};
  Provider provider;
  provider.name = ProviderName("a", "p");
  provider.application = app.name;
  provider.display_name = "P";
  provider.catalog_entry = "catalog/pinterest";
  provider.environment = "sandbox";
  provider.client_id = "1234";
  provider.client_secret_sealed = std::string("\0\x01", 2);
  provider.scopes = {"boards:read"};
  provider.redirect_uri = "https://here/callback";
  provider.pkce = Pkce::kOff;
  provider.inputs = {{"k", "v"}};
  provider.create_time = t;
  provider.update_time = t;
  ApiKey key;
  key.name = app.name + "/keys/k";
  key.application = app.name;
  key.digest = std::string(32, '\xab');
  key.display_name = "ci";
  key.rights = kReadTokens | kAdminister;
  key.create_time = t;
  key.expire_time = absl::InfiniteFuture();
  key.revoke_time = t;
  key.last_use_time = t;
  Authorization authorization;
  authorization.name = std::string(64, 'e');
  authorization.application = app.name;
  authorization.provider = provider.name;
  authorization.connection = ConnectionName("a", "c");
  authorization.reauthorize = true;
  authorization.subject = "s";
  authorization.labels = {{"a", "b"}};
  authorization.scopes = {"x"};
  authorization.inputs = {{"i", "j"}};
  authorization.extra_parameters = {{"login_hint", "ann@example.com"}};
  authorization.return_uri = "https://r/";
  authorization.redirect_uri = "https://c/";
  authorization.verifier_sealed = "\x01sealed";
  authorization.status = AuthorizationStatus::kFailed;
  authorization.code_digest = "digest";
  authorization.failure_reason = "CONSENT_DENIED";
  authorization.failure_message = "no";
  authorization.create_time = t;
  authorization.expire_time = t + absl::Minutes(10);

  RowKeys keys;
  keys.application = app.name;
  keys.provider = provider.name;
  keys.key = key.name;
  keys.authorization = authorization.name;
  auto rows = Update(keys, [&](Rows& given) {
    given.application = app;
    given.provider = provider;
    given.key = key;
    given.authorization = authorization;
    return absl::OkStatus();
  });
  ASSERT_TRUE(rows.ok()) << rows.status();
  app.revision = provider.revision = key.revision = authorization.revision = 1;
  EXPECT_EQ(rows->application, app);
  EXPECT_EQ(**RunSync(store_->GetApplication(app.name)), app);
  EXPECT_EQ(**RunSync(store_->GetProvider(provider.name)), provider);
  EXPECT_EQ(**RunSync(store_->GetAuthorization(authorization.name)),
            authorization);
  EXPECT_EQ(**RunSync(store_->FindKey(key.digest)), key);
  EXPECT_THAT(RunSync(store_->ListKeys(app.name, "", 9))->items,
              ElementsAre(key));
  EXPECT_THAT(RunSync(store_->ListProviders(app.name, "", 9))->items,
              ElementsAre(provider));
}

TEST_P(StoreContract, TimesAreRoundedToTheMicrosecondEverywhere) {
  AddBasics();
  clock_.Set(TestStart() + absl::Nanoseconds(1999));
  auto rows = Update(ConnectionKey(ConnectionName("a", "c")), [&](Rows& given) {
    EXPECT_EQ(given.now, TestStart() + absl::Microseconds(1));
    given.connection.emplace();
    given.connection->name = ConnectionName("a", "c");
    given.connection->application = AppName("a");
    given.connection->provider = ProviderName("a", "p");
    given.connection->due_time = TestStart() + absl::Nanoseconds(2500);
    given.events.push_back(MakeEvent("a", "c"));
    given.events[0].expire_time = TestStart() + absl::Nanoseconds(3500);
    return absl::OkStatus();
  });
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->connection->due_time, TestStart() + absl::Microseconds(2));
  EXPECT_EQ(**RunSync(store_->GetConnection(ConnectionName("a", "c"))),
            *rows->connection);
  EXPECT_THAT(*RunSync(store_->ReadEvents(0, 1, "")),
              ElementsAre(rows->events[0]));
}

TEST_P(StoreContract, RevisionRisesWithEachChangeAndOnlyThen) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  RowKeys keys = ConnectionKey(ConnectionName("a", "c"));
  keys.provider = ProviderName("a", "p");
  auto touch = [](Rows& rows) {
    ++rows.connection->generation;
    rows.connection->revision = 77;  // not the caller's to set
    return absl::OkStatus();
  };
  for (int i = 2; i < 5; ++i) {
    auto rows = Update(keys, touch);
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ(rows->connection->revision, i);
    EXPECT_EQ(rows->provider->revision, 1);
  }
  auto unchanged = Update(keys, [](Rows&) { return absl::OkStatus(); });
  EXPECT_EQ(unchanged->connection->revision, 4);
  EXPECT_EQ(
      (*RunSync(store_->GetConnection(ConnectionName("a", "c"))))->revision, 4);
}

TEST_P(StoreContract, ARowMadeAgainBeginsAnew) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  const std::string name = ConnectionName("a", "c");
  ASSERT_TRUE(Delete(ConnectionKey(name)).ok());
  EXPECT_FALSE(RunSync(store_->GetConnection(name))->has_value());
  ASSERT_TRUE(Delete(ConnectionKey(name)).ok());
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  EXPECT_EQ((*RunSync(store_->GetConnection(name)))->revision, 1);
}

TEST_P(StoreContract, AFailingChangeWritesNothing) {
  AddBasics();
  int calls = 0;
  RowKeys keys = ConnectionKey(ConnectionName("a", "c"));
  keys.application = AppName("a");
  auto rows = Update(keys, [&](Rows& given) {
    ++calls;
    given.application->display_name = "changed";
    given.connection.emplace();
    given.connection->name = ConnectionName("a", "c");
    given.events.push_back(MakeEvent("a", "c"));
    return MakeError(Reason::kEtagMismatch, "it has changed");
  });
  EXPECT_GE(calls, 1);
  EXPECT_EQ(ReasonOf(rows.status()), Reason::kEtagMismatch);
  EXPECT_EQ((*RunSync(store_->GetApplication(AppName("a"))))->display_name, "");
  EXPECT_FALSE(
      RunSync(store_->GetConnection(ConnectionName("a", "c")))->has_value());
  EXPECT_EQ(Range().newest, 0);
}

TEST_P(StoreContract, AChangeRefusedByTheStoreWritesNothing) {
  AddBasics();
  RowKeys keys = ConnectionKey(ConnectionName("a", "c"));
  keys.application = AppName("a");
  auto rows = Update(keys, [&](Rows& given) {
    given.application->display_name = "changed";
    given.connection.emplace();
    given.connection->name = ConnectionName("a", "c");
    given.connection->application = AppName("a");
    given.connection->provider = ProviderName("a", "missing");
    given.events.push_back(MakeEvent("a", "c"));
    return absl::OkStatus();
  });
  EXPECT_EQ(ReasonOf(rows.status()), Reason::kProviderNotFound);
  EXPECT_EQ((*RunSync(store_->GetApplication(AppName("a"))))->display_name, "");
  EXPECT_EQ(Range().newest, 0);
}

TEST_P(StoreContract, AChangeMayNotSetWhatItDidNotName) {
  auto unnamed = Update(RowKeys(), [](Rows& rows) {
    rows.application.emplace();
    rows.application->name = AppName("a");
    return absl::OkStatus();
  });
  EXPECT_EQ(ReasonOf(unnamed.status()), Reason::kInternalFault);
  auto renamed = Update(ApplicationKey(AppName("a")), [](Rows& rows) {
    rows.application.emplace();
    rows.application->name = AppName("b");
    return absl::OkStatus();
  });
  EXPECT_EQ(ReasonOf(renamed.status()), Reason::kInternalFault);
  EXPECT_THAT(RunSync(store_->ListApplications("", 10))->items, IsEmpty());
}

TEST_P(StoreContract, ParentsMustExist) {
  EXPECT_EQ(ReasonOf(AddProvider("a", "p")), Reason::kApplicationNotFound);
  EXPECT_EQ(ReasonOf(AddKey("a", "k", "d")), Reason::kApplicationNotFound);
  ASSERT_TRUE(AddApplication("a").ok());
  EXPECT_EQ(ReasonOf(AddConnection("a", "c", "p")), Reason::kProviderNotFound);
  EXPECT_EQ(ReasonOf(AddAuthorization("s", "a", "p", "c")),
            Reason::kProviderNotFound);
}

TEST_P(StoreContract, AKeyDigestIsTakenOnce) {
  AddBasics();
  ASSERT_TRUE(AddKey("a", "k1", "digest").ok());
  EXPECT_EQ(ReasonOf(AddKey("a", "k2", "digest")), Reason::kResourceExists);
  EXPECT_TRUE(AddKey("a", "k1", "other").ok());
  EXPECT_TRUE(AddKey("a", "k2", "digest").ok());
  EXPECT_EQ((*RunSync(store_->FindKey("digest")))->name,
            "applications/a/keys/k2");
}

TEST_P(StoreContract, AnApplicationInUseStays) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  ASSERT_TRUE(AddKey("a", "k", "digest").ok());
  ASSERT_TRUE(AddApplication("ab").ok());
  ASSERT_TRUE(AddKey("ab", "k", "another").ok());
  const RowKeys app = ApplicationKey(AppName("a"));
  EXPECT_EQ(ReasonOf(Delete(app)), Reason::kResourceInUse);
  ASSERT_TRUE(Delete(ConnectionKey(ConnectionName("a", "c"))).ok());
  EXPECT_EQ(ReasonOf(Delete(app)), Reason::kResourceInUse);
  ASSERT_TRUE(Delete(ProviderKey(ProviderName("a", "p"))).ok());
  EXPECT_TRUE(Delete(app).ok());
  // Its keys have gone with it; those of others have not.
  EXPECT_FALSE(RunSync(store_->FindKey("digest"))->has_value());
  EXPECT_TRUE(RunSync(store_->FindKey("another"))->has_value());
}

TEST_P(StoreContract, AnApplicationGoesTogetherWithItsLastProvider) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  ASSERT_TRUE(
      AddAuthorization("s", "a", "p", "c", AuthorizationStatus::kDone).ok());
  ASSERT_TRUE(AddKey("a", "k", "digest").ok());
  RowKeys keys;
  keys.application = AppName("a");
  keys.provider = ProviderName("a", "p");
  keys.connection = ConnectionName("a", "c");
  keys.key = "applications/a/keys/k";
  auto rows = Update(keys, [](Rows& given) {
    given.application.reset();
    given.provider.reset();
    given.connection.reset();
    return absl::OkStatus();
  });
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_FALSE(rows->key.has_value());
  EXPECT_FALSE(RunSync(store_->FindKey("digest"))->has_value());
  EXPECT_FALSE(RunSync(store_->GetAuthorization("s"))->has_value());
}

TEST_P(StoreContract, AProviderWithAConsentUnderWayStays) {
  AddBasics();
  const RowKeys provider = ProviderKey(ProviderName("a", "p"));
  ASSERT_TRUE(AddAuthorization("1", "a", "p", "c").ok());
  EXPECT_EQ(ReasonOf(Delete(provider)), Reason::kResourceInUse);
  ASSERT_TRUE(
      AddAuthorization("1", "a", "p", "c", AuthorizationStatus::kExchanging)
          .ok());
  EXPECT_EQ(ReasonOf(Delete(provider)), Reason::kResourceInUse);
  ASSERT_TRUE(
      AddAuthorization("2", "a", "p", "d", AuthorizationStatus::kFailed).ok());
  clock_.Advance(absl::Minutes(10));  // the first has expired at this instant
  EXPECT_TRUE(Delete(provider).ok());
  EXPECT_FALSE(RunSync(store_->GetAuthorization("1"))->has_value());
  EXPECT_FALSE(RunSync(store_->GetAuthorization("2"))->has_value());
}

TEST_P(StoreContract, EndedAuthorizationsGoWithTheirConnection) {
  AddBasics();
  ASSERT_TRUE(AddConnection("a", "c", "p").ok());
  using S = AuthorizationStatus;
  ASSERT_TRUE(AddAuthorization("done", "a", "p", "c", S::kDone).ok());
  ASSERT_TRUE(AddAuthorization("failed", "a", "p", "c", S::kFailed).ok());
  ASSERT_TRUE(AddAuthorization("expired", "a", "p", "c", S::kPending,
                               absl::ZeroDuration())
                  .ok());
  ASSERT_TRUE(AddAuthorization("open", "a", "p", "c").ok());
  ASSERT_TRUE(AddAuthorization("other", "a", "p", "d", S::kDone).ok());
  ASSERT_TRUE(Delete(ConnectionKey(ConnectionName("a", "c"))).ok());
  auto has = [&](const char* name) {
    return RunSync(store_->GetAuthorization(name))->has_value();
  };
  EXPECT_FALSE(has("done"));
  EXPECT_FALSE(has("failed"));
  EXPECT_FALSE(has("expired"));
  EXPECT_TRUE(has("open"));
  EXPECT_TRUE(has("other"));
}

}  // namespace
}  // namespace valetkey::store
