// Whose account a connection is, asked of the provider after each consent.

#include <utility>

#include "service/broker/impl.h"

namespace valetkey::broker {

Task<void> Broker::Impl::LearnAccount(
    std::string name, std::int64_t generation,
    std::shared_ptr<const ProviderContext> provider, oauth::TokenSet token) {
  auto request =
      oauth::VerifyRequest(*provider->definition, provider->client, token);
  if (!request) co_return;
  const HttpResult sent =
      co_await d.http.Send(*std::move(request), options.http_timeout);
  if (!sent.status.ok()) co_return;
  auto account = oauth::ParseAccount(*provider->definition, sent.response);
  if (!account.ok()) {
    Log(LogLevel::kInfo, "the account at the provider is not known",
        {{"connection", name}, {"error", account.status()}});
    co_return;
  }
  store::RowKeys keys;
  keys.connection = name;
  auto rows = co_await d.store.Update(keys, [generation, account = *account](
                                                store::Rows& row) {
    if (!row.connection || row.connection->generation < generation ||
        row.connection->state != store::ConnectionState::kActive ||
        (row.connection->account_id == account.id &&
         row.connection->account_display_name == account.display_name)) {
      return absl::AbortedError("nothing to change");
    }
    row.connection->account_id = account.id;
    row.connection->account_display_name = account.display_name;
    row.connection->update_time = row.now;
    row.events.push_back(EventOf(store::EventType::kUpdated, *row.connection));
    return absl::OkStatus();
  });
  if (!rows.ok() && rows.status().code() != absl::StatusCode::kAborted) {
    Log(LogLevel::kInfo, "the account at the provider could not be stored",
        {{"connection", name}, {"error", rows.status()}});
  }
}

}  // namespace valetkey::broker
