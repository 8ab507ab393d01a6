#include <optional>
#include <string>
#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/admin_rows.h"
#include "service/broker/rules.h"
#include "service/oauth/template.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::EventType;
using store::Rows;

absl::Status NoConnection(absl::string_view name) {
  return MakeError(Reason::kConnectionNotFound, "there is no such connection",
                   {{"connection", std::string(name)}});
}

}  // namespace

Task<absl::StatusOr<Connection>> Admin::GetConnection(std::string name) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("name", "connections", name));
  VK_CO_ASSIGN_OR_RETURN(std::optional<Connection> found,
                         co_await store_.GetConnection(name));
  if (!found) co_return NoConnection(name);
  co_return *std::move(found);
}

Task<absl::StatusOr<std::string>> Admin::ApiBaseUrl(Connection connection) {
  VK_CO_ASSIGN_OR_RETURN(std::optional<store::Provider> provider,
                         co_await store_.GetProvider(connection.provider));
  if (!provider) co_return "";
  const auto definition =
      catalog_.Find(IdOf(provider->catalog_entry), provider->environment);
  if (!definition || definition->api_base_url().empty()) co_return "";
  oauth::Client client;
  client.client_id = provider->client_id;
  client.inputs = std::move(provider->inputs);
  for (const auto& [name, value] : connection.inputs) {
    client.inputs[name] = value;
  }
  client.metadata = std::move(connection.metadata);
  const absl::StatusOr<std::string> url = oauth::ExpandUrl(
      definition->api_base_url(),
      {.definition = *definition, .client = client, .now = clock_.Now()});
  co_return url.ok() ? *url : "";
}

Task<absl::StatusOr<store::Page<Connection>>> Admin::ListConnections(
    store::ConnectionFilter filter, std::string after, int limit) {
  const std::string application = filter.application;
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("parent", application));
  if (!filter.provider.empty()) {
    VK_CO_RETURN_IF_ERROR(
        CheckChildName("provider", "providers", filter.provider));
    if (ApplicationOf(filter.provider) != application) {
      co_return InvalidField("provider", "a provider of the application");
    }
  }
  VK_CO_RETURN_IF_ERROR(CheckLabels("labels", filter.labels));
  VK_CO_ASSIGN_OR_RETURN(
      store::Page<Connection> page,
      co_await store_.ListConnections(std::move(filter), after, limit));
  if (page.items.empty()) {
    VK_CO_RETURN_IF_ERROR((co_await GetApplication(application)).status());
  }
  co_return page;
}

Task<absl::StatusOr<std::vector<store::ConnectionGroup>>>
Admin::CountConnections(std::string application, std::string provider) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("parent", application));
  VK_CO_ASSIGN_OR_RETURN(
      std::vector<store::ConnectionGroup> groups,
      co_await store_.GroupConnections(application, std::move(provider)));
  if (groups.empty()) {
    VK_CO_RETURN_IF_ERROR((co_await GetApplication(application)).status());
  }
  co_return groups;
}

Task<absl::StatusOr<Connection>> Admin::UpdateConnectionLabels(
    std::string name, std::string etag, store::Labels labels) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("connection.name", "connections", name));
  VK_CO_RETURN_IF_ERROR(CheckLabels("connection.labels", labels));
  store::RowKeys keys;
  keys.connection = name;
  VK_CO_ASSIGN_OR_RETURN(
      Rows rows, co_await store_.Update(keys, [name, etag, labels](Rows& row) {
        if (!row.connection) return NoConnection(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, row.connection->revision));
        if (row.connection->labels == labels) return absl::OkStatus();
        row.connection->labels = labels;
        row.connection->update_time = row.now;
        row.events.push_back(EventOf(EventType::kUpdated, *row.connection));
        return absl::OkStatus();
      }));
  co_return *std::move(rows.connection);
}

Task<absl::Status> Admin::DeleteConnection(std::string name, std::string etag) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("name", "connections", name));
  store::RowKeys keys;
  keys.connection = name;
  const absl::StatusOr<Rows> deleted =
      co_await store_.Update(keys, [name, etag](Rows& row) {
        if (!row.connection) return NoConnection(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, row.connection->revision));
        // Whoever holds tokens of the last generation drops them.
        row.connection->generation += 1;
        row.events.push_back(EventOf(EventType::kDeleted, *row.connection));
        row.connection.reset();
        return absl::OkStatus();
      });
  if (MayHaveCommitted(deleted.status()) && hooks_.connection_deleted) {
    hooks_.connection_deleted(name);
  }
  co_return deleted.status();
}

}  // namespace valetkey::broker
