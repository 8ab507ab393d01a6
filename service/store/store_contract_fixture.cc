#include "service/store/store_contract_test.h"

namespace valetkey::store {

absl::Status StoreContract::AddApplication(const std::string& id) {
  return Update(ApplicationKey(AppName(id)),
                [&](Rows& rows) {
                  rows.application.emplace();
                  rows.application->name = AppName(id);
                  rows.application->create_time = rows.now;
                  return absl::OkStatus();
                })
      .status();
}

absl::Status StoreContract::AddProvider(const std::string& app,
                                        const std::string& id) {
  const std::string name = ProviderName(app, id);
  return Update(ProviderKey(name),
                [&](Rows& rows) {
                  rows.provider.emplace();
                  rows.provider->name = name;
                  rows.provider->application = AppName(app);
                  return absl::OkStatus();
                })
      .status();
}

absl::Status StoreContract::AddKey(const std::string& app,
                                   const std::string& id,
                                   const std::string& digest) {
  const std::string name = absl::StrCat(AppName(app), "/keys/", id);
  return Update(KeyKey(name),
                [&](Rows& rows) {
                  rows.key.emplace();
                  rows.key->name = name;
                  rows.key->application = AppName(app);
                  rows.key->digest = digest;
                  return absl::OkStatus();
                })
      .status();
}

absl::Status StoreContract::AddAuthorization(const std::string& id,
                                             const std::string& app,
                                             const std::string& provider,
                                             const std::string& connection,
                                             AuthorizationStatus status,
                                             absl::Duration lifetime) {
  return Update(AuthorizationKey(id),
                [&](Rows& rows) {
                  rows.authorization.emplace();
                  rows.authorization->name = id;
                  rows.authorization->application = AppName(app);
                  rows.authorization->provider = ProviderName(app, provider);
                  rows.authorization->connection =
                      ConnectionName(app, connection);
                  rows.authorization->status = status;
                  rows.authorization->expire_time = rows.now + lifetime;
                  return absl::OkStatus();
                })
      .status();
}

absl::Status StoreContract::AddConnection(
    const std::string& app, const std::string& id, const std::string& provider,
    std::function<void(Connection&)> fill) {
  const std::string name = ConnectionName(app, id);
  return Update(ConnectionKey(name),
                [&](Rows& rows) {
                  rows.connection.emplace();
                  rows.connection->name = name;
                  rows.connection->application = AppName(app);
                  rows.connection->provider = ProviderName(app, provider);
                  if (fill) fill(*rows.connection);
                  return absl::OkStatus();
                })
      .status();
}

absl::Status StoreContract::AddEvents(const std::string& app, int count) {
  return Update(RowKeys(),
                [&](Rows& rows) {
                  for (int i = 0; i < count; ++i) {
                    rows.events.push_back(MakeEvent(app, "c"));
                  }
                  return absl::OkStatus();
                })
      .status();
}

void StoreContract::AddBasics() {
  ASSERT_TRUE(AddApplication("a").ok());
  ASSERT_TRUE(AddProvider("a", "p").ok());
}

absl::StatusOr<std::vector<std::string>> StoreContract::ListNames(
    const ConnectionFilter& filter, int page_size) {
  std::vector<std::string> ids;
  std::string after;
  do {
    VK_ASSIGN_OR_RETURN(
        auto page, RunSync(store_->ListConnections(filter, after, page_size)));
    EXPECT_LE(page.items.size(), static_cast<std::size_t>(page_size));
    for (const Connection& row : page.items) {
      ids.push_back(row.name.substr(row.name.rfind('/') + 1));
    }
    if (!page.next.empty()) {
      EXPECT_EQ(page.next, page.items.back().name);
    }
    after = page.next;
  } while (!after.empty());
  return ids;
}

std::vector<std::int64_t> StoreContract::Sequences(std::int64_t after,
                                                   int limit,
                                                   std::string application) {
  auto events = RunSync(store_->ReadEvents(after, limit, application));
  EXPECT_TRUE(events.ok()) << events.status();
  std::vector<std::int64_t> sequences;
  if (events.ok()) {
    for (const Event& event : *events) sequences.push_back(event.sequence);
  }
  return sequences;
}

EventRange StoreContract::Range() {
  auto range = RunSync(store_->GetEventRange());
  EXPECT_TRUE(range.ok()) << range.status();
  return range.value_or(EventRange{-1, -1});
}

absl::Status StoreContract::Delete(RowKeys keys) {
  return Update(std::move(keys),
                [](Rows& rows) {
                  rows.application.reset();
                  rows.key.reset();
                  rows.provider.reset();
                  rows.authorization.reset();
                  rows.connection.reset();
                  return absl::OkStatus();
                })
      .status();
}

}  // namespace valetkey::store
