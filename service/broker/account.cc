// Whose account a connection is and which tenant it reaches, asked of the
// provider after each consent.

#include <utility>

#include "service/broker/impl.h"

namespace valetkey::broker {
namespace {

void KeepOrDrop(const std::string& key, const std::string& value,
                std::map<std::string, std::string>& metadata) {
  if (value.empty()) {
    metadata.erase(key);
  } else {
    metadata[key] = value;
  }
}

}  // namespace

Task<void> Broker::Impl::LearnAccount(
    store::Connection connection,
    std::shared_ptr<const ProviderContext> provider, oauth::TokenSet token) {
  const oauth::Definition& definition = *provider->definition;
  auto opened = provider->ClientFor(d.sealer, connection.name,
                                    connection.inputs, connection.metadata);
  if (!opened.ok()) {
    Log(LogLevel::kWarning, "a secret input does not open",
        {{"connection", connection.name}, {"error", opened.status()}});
    co_return;
  }
  const oauth::Client client = *std::move(opened);
  oauth::Account account;
  std::optional<oauth::Tenants> tenants;
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
    auto found = sent.status.ok()
                     ? oauth::ParseDiscovery(definition, client, sent.response)
                     : absl::StatusOr<oauth::Tenants>(sent.status);
    if (found.ok()) {
      tenants = *std::move(found);
      if (tenants->id.empty()) {
        Log(LogLevel::kInfo, "none of the tenants was chosen",
            {{"connection", connection.name}});
      }
    } else {
      Log(LogLevel::kInfo, "the tenant at the provider is not known",
          {{"connection", connection.name}, {"error", found.status()}});
    }
  }
  if (account.id.empty() && account.metadata.empty() && !tenants) co_return;
  store::RowKeys keys;
  keys.connection = connection.name;
  const std::int64_t generation = connection.generation;
  auto rows = co_await d.store.Update(
      keys, [generation, account, tenants](store::Rows& row) {
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
        // A tenant that is not to be had any more must not stay: callers build
        // on it.
        if (tenants) {
          KeepOrDrop("tenant_id", tenants->id, now.metadata);
          KeepOrDrop("tenant_name", tenants->name, now.metadata);
          KeepOrDrop("tenants", tenants->list, now.metadata);
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
