// What the tests of the PostgreSQL store share.

#ifndef VALETKEY_STORE_POSTGRES_POSTGRES_TEST_BASE_H_
#define VALETKEY_STORE_POSTGRES_POSTGRES_TEST_BASE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "service/async/reactor.h"
#include "service/net/sql/testing/postgres_server.h"
#include "service/net/sql/testing/run.h"
#include "service/store/postgres/postgres_store.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {

// Stores over one fresh database.
class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!sql::PostgresServer::Installed()) {
      GTEST_SKIP() << "PostgreSQL is not installed";
    }
    server_ = StartServer();
    ASSERT_NE(server_, nullptr);
    auto database = server_->NewDatabase();
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *database;
  }

  virtual sql::PostgresServer* StartServer() {
    return sql::PostgresServer::Shared();
  }

  PostgresStoreOptions Options() {
    PostgresStoreOptions options;
    options.url = server_->Url(database_);
    options.reactors = &reactors_;
    options.connection.max_backoff = absl::Milliseconds(100);
    return options;
  }
  std::unique_ptr<Store> Open() { return Open(Options()); }
  static std::unique_ptr<Store> Open(PostgresStoreOptions options) {
    auto store = NewPostgresStore(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string Query(const std::string& sql) {
    auto answer = server_->Query(database_, sql);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or("");
  }

  sql::PostgresServer* server_ = nullptr;
  std::string database_;
  ReactorPool reactors_{2};
};

// Makes or changes an application, with `events` events of it.
inline absl::Status PutApplication(Store& store, const std::string& id,
                                   const std::string& display_name = "",
                                   int events = 1) {
  return RunSync(store.Update(ApplicationKey(AppName(id)),
                              [=](Rows& rows) {
                                if (!rows.application) {
                                  rows.application.emplace();
                                }
                                rows.application->name = AppName(id);
                                rows.application->display_name = display_name;
                                for (int i = 0; i < events; ++i) {
                                  rows.events.push_back(MakeEvent(id, "c"));
                                }
                                return absl::OkStatus();
                              }))
      .status();
}

// An application "a" with a provider "p" and a connection "c".
inline void PutBasics(Store& store) {
  RowKeys keys;
  keys.application = AppName("a");
  keys.provider = ProviderName("a", "p");
  keys.connection = ConnectionName("a", "c");
  auto rows = RunSync(store.Update(keys, [](Rows& given) {
    given.application.emplace().name = AppName("a");
    given.provider.emplace().name = ProviderName("a", "p");
    given.provider->application = AppName("a");
    given.connection.emplace().name = ConnectionName("a", "c");
    given.connection->application = AppName("a");
    given.connection->provider = ProviderName("a", "p");
    return absl::OkStatus();
  }));
  ASSERT_TRUE(rows.ok()) << rows.status();
}

// Adds one to the connection's generation, with an event.
inline absl::Status Increment(Store& store) {
  return RunSync(store.Update(ConnectionKey(ConnectionName("a", "c")),
                              [](Rows& rows) {
                                ++rows.connection->generation;
                                rows.events.push_back(MakeEvent("a", "c"));
                                rows.events.back().generation =
                                    rows.connection->generation;
                                return absl::OkStatus();
                              }))
      .status();
}

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_POSTGRES_POSTGRES_TEST_BASE_H_
