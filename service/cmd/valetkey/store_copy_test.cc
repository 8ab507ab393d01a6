#include "service/cmd/valetkey/store_copy.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/base/status.h"
#include "service/store/fake_store.h"
#include "service/store/run_sync.h"

namespace valetkey::cli {
namespace {

using store::FakeStore;
using store::Rows;

class StoreCopyTest : public ::testing::Test {
 protected:
  void Fill() {
    store::RowKeys definition;
    definition.definition = "catalog/acme";
    Put(definition, [](Rows& rows) {
      rows.definition.emplace();
      rows.definition->name = "catalog/acme";
      rows.definition->text = "id: \"acme\"";
      rows.definition->create_time = absl::FromUnixSeconds(1'700'000'000);
    });
    for (const char* app : {"applications/a", "applications/b"}) {
      store::RowKeys keys;
      keys.application = app;
      keys.key = absl::StrCat(app, "/keys/k");
      Put(keys, [&](Rows& rows) {
        rows.application.emplace();
        rows.application->name = app;
        rows.application->return_uris = {"https://a.example/back"};
        rows.key.emplace();
        rows.key->name = *keys.key;
        rows.key->application = app;
        rows.key->digest = absl::StrCat("digest of ", app);
      });
      keys = {};
      keys.provider = absl::StrCat(app, "/providers/p");
      Put(keys, [&](Rows& rows) {
        rows.provider.emplace();
        rows.provider->name = *keys.provider;
        rows.provider->application = app;
        rows.provider->client_secret_sealed = "sealed";
        rows.provider->catalog_entry = "catalog/acme";
      });
    }
    for (int i = 0; i < 1234; ++i) AddConnection(i);
  }
  void AddConnection(int number) {
    store::RowKeys keys;
    keys.connection = absl::StrCat("applications/a/connections/c-", number);
    Put(keys, [&](Rows& rows) {
      rows.connection.emplace();
      rows.connection->name = *keys.connection;
      rows.connection->application = "applications/a";
      rows.connection->provider = "applications/a/providers/p";
      rows.connection->generation = 7;
      rows.connection->tokens.emplace_back();
      rows.connection->tokens[0].refresh_sealed = absl::StrCat("r", number);
      rows.connection->due_time = absl::FromUnixSeconds(1'700'000'000);
      rows.connection->lease.owner = "a server that has stopped";
      rows.connection->labels = {{"team", "a"}};
    });
  }
  void Put(const store::RowKeys& keys, std::function<void(Rows&)> change) {
    const auto rows = from_.UpdateNow(keys, [&](Rows& given) {
      change(given);
      return absl::OkStatus();
    });
    ASSERT_TRUE(rows.ok()) << rows.status();
  }

  FakeStore from_;
  FakeStore to_;
};

TEST_F(StoreCopyTest, AllOfIt) {
  Fill();
  const auto copied = RunSync(CopyStore(from_, to_));
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->definitions, 1);
  auto there = RunSync(to_.ListDefinitions());
  auto here = RunSync(from_.ListDefinitions());
  ASSERT_TRUE(there.ok() && here.ok());
  EXPECT_EQ(there->items, here->items);
  EXPECT_EQ(copied->applications, 2);
  EXPECT_EQ(copied->keys, 2);
  EXPECT_EQ(copied->providers, 2);
  EXPECT_EQ(copied->connections, 1234);
  const std::string name = "applications/a/connections/c-1233";
  store::Connection expected = *from_.FindConnection(name);
  expected.lease = {};  // nobody holds it any more
  EXPECT_EQ(*to_.FindConnection(name), expected);
  EXPECT_EQ(*to_.FindProvider("applications/b/providers/p"),
            *from_.FindProvider("applications/b/providers/p"));
  EXPECT_TRUE(to_.events().empty());
}

TEST_F(StoreCopyTest, MayBeRepeatedAfterAnInterruption) {
  Fill();
  ASSERT_TRUE(RunSync(CopyStore(from_, to_)).ok());
  AddConnection(5000);
  ASSERT_TRUE(RunSync(CopyStore(from_, to_)).ok());
  EXPECT_TRUE(
      to_.FindConnection("applications/a/connections/c-5000").has_value());
}

TEST_F(StoreCopyTest, OverwritesNothing) {
  Fill();
  ASSERT_TRUE(RunSync(CopyStore(from_, to_)).ok());
  const std::string name = "applications/a/connections/c-3";
  store::RowKeys keys;
  keys.connection = name;
  ASSERT_TRUE(to_.UpdateNow(keys,
                            [](Rows& rows) {
                              rows.connection->generation = 9;
                              return absl::OkStatus();
                            })
                  .ok());
  const auto copied = RunSync(CopyStore(from_, to_));
  EXPECT_EQ(ReasonOf(copied.status()), Reason::kResourceExists);
  EXPECT_EQ(to_.FindConnection(name)->generation, 9);
}

}  // namespace
}  // namespace valetkey::cli
