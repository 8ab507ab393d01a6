// Whose account a connection is and which tenant it reaches, asked of the
// provider after each consent.

#include <utility>

#include "service/broker/impl.h"

namespace valetkey::broker {

Task<void> Broker::Impl::LearnAccount(
    store::Connection connection,
    std::shared_ptr<const ProviderContext> provider, oauth::TokenSet token) {
  const oauth::Definition& definition = *provider->definition;
  const oauth::Client client =
      provider->ClientFor(connection.inputs, connection.metadata);
  oauth::Account account;
  if (auto request = oauth::VerifyRequest(definition, client, token)) {
    const HttpResult sent =
        co_await d.http.Send(*std::move(request), options.http_timeout);
    auto found = sent.status.ok()
                     ? oauth::ParseAccount(definition, sent.response)
                     : absl::StatusOr<oauth::Account>(sent.status);
    if (found.ok()) {
      account = *std::move(found);
    } else {
      Log(LogLevel::kInfo, "the account at the provider is not known",
          {{"connection", connection.name}, {"error", found.status()}});
    }
  }
  if (auto request = oauth::DiscoveryRequest(definition, client, token)) {
    const HttpResult sent =
        co_await d.http.Send(*std::move(request), options.http_timeout);
    auto tenant =
        sent.status.ok()
            ? oauth::ParseDiscovery(definition, sent.response)
            : absl::StatusOr<std::map<std::string, std::string>>(sent.status);
    if (tenant.ok()) {
      for (auto& [key, value] : *tenant) {
        account.metadata[key] = std::move(value);
      }
    } else {
      Log(LogLevel::kInfo, "the tenant at the provider is not known",
          {{"connection", connection.name}, {"error", tenant.status()}});
    }
  }
  if (account.id.empty() && account.metadata.empty()) co_return;
  store::RowKeys keys;
  keys.connection = connection.name;
  const std::int64_t generation = connection.generation;
  auto rows =
      co_await d.store.Update(keys, [generation, account](store::Rows& row) {
        if (!row.connection || row.connection->generation < generation ||
            row.connection->state != store::ConnectionState::kActive) {
          return absl::AbortedError("nothing to change");
        }
        const store::Connection before = *row.connection;
        store::Connection& now = *row.connection;
        if (!account.id.empty()) {
          now.account_id = account.id;
          now.account_display_name = account.display_name;
        }
        for (const auto& [key, value] : account.metadata) {
          if (!value.empty()) now.metadata[key] = value;
        }
        if (now.account_id == before.account_id &&
            now.account_display_name == before.account_display_name &&
            now.metadata == before.metadata) {
          return absl::AbortedError("nothing to change");
        }
        now.update_time = row.now;
        row.events.push_back(EventOf(store::EventType::kUpdated, now));
        return absl::OkStatus();
      });
  if (!rows.ok() && rows.status().code() != absl::StatusCode::kAborted) {
    Log(LogLevel::kInfo, "the account at the provider could not be stored",
        {{"connection", connection.name}, {"error", rows.status()}});
  }
}

}  // namespace valetkey::broker
