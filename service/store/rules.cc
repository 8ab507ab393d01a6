#include "service/store/rules.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/search.h"

namespace valetkey::store {
namespace {

template <class T>
bool Fits(const std::optional<std::string>& key, const std::optional<T>& row) {
  return !row.has_value() || (key.has_value() && row->name == *key);
}

template <class T>
void RoundOne(std::optional<T>* row) {
  if (row->has_value()) RoundTimes(&**row);
}

}  // namespace

absl::Status CheckChanged(const RowKeys& keys, const Rows& rows) {
  if (!Fits(keys.application, rows.application) || !Fits(keys.key, rows.key) ||
      !Fits(keys.provider, rows.provider) ||
      !Fits(keys.authorization, rows.authorization) ||
      !Fits(keys.connection, rows.connection) ||
      !Fits(keys.definition, rows.definition)) {
    return MakeError(Reason::kInternalFault,
                     "a change has set a row that it did not name");
  }
  for (const Event& event : rows.events) {
    if (event.application.empty()) {
      return MakeError(Reason::kInternalFault,
                       "a change has made an event of no application");
    }
  }
  return absl::OkStatus();
}

void RoundTimes(Rows* rows) {
  RoundOne(&rows->application);
  RoundOne(&rows->key);
  RoundOne(&rows->provider);
  RoundOne(&rows->authorization);
  RoundOne(&rows->connection);
  RoundOne(&rows->definition);
  for (Event& event : rows->events) RoundTimes(&event);
}

bool IsOpen(const Authorization& authorization, absl::Time now) {
  return (authorization.status == AuthorizationStatus::kPending ||
          authorization.status == AuthorizationStatus::kExchanging) &&
         authorization.expire_time > now;
}

void DropDependants(const RowKeys& keys, const Gone& gone, Rows* rows) {
  if (gone.application && rows->key &&
      rows->key->application == *keys.application) {
    rows->key.reset();
  }
  if (!rows->authorization) return;
  const Authorization& row = *rows->authorization;
  if ((gone.provider && row.provider == *keys.provider) ||
      (gone.connection && row.connection == *keys.connection &&
       !IsOpen(row, rows->now))) {
    rows->authorization.reset();
  }
}

void AddGroup(std::string provider, ConnectionState state, bool is_ailing,
              std::int64_t count, std::vector<ConnectionGroup>* groups) {
  const bool needs_attention = NeedsAttention(state, is_ailing);
  if (!groups->empty()) {
    ConnectionGroup& last = groups->back();
    if (last.provider == provider && last.state == state &&
        last.needs_attention == needs_attention) {
      last.count += count;
      return;
    }
  }
  groups->push_back({std::move(provider), state, needs_attention, count});
}

absl::Status ApplicationInUse(absl::string_view name) {
  return MakeError(Reason::kResourceInUse,
                   "the application still has providers or connections",
                   {{"name", std::string(name)}});
}

absl::Status ProviderInUse(absl::string_view name) {
  return MakeError(
      Reason::kResourceInUse,
      "the provider still has connections or pending authorizations",
      {{"name", std::string(name)}});
}

absl::Status ApplicationMissing(absl::string_view name) {
  return MakeError(Reason::kApplicationNotFound, "no such application",
                   {{"name", std::string(name)}});
}

absl::Status ProviderMissing(absl::string_view name) {
  return MakeError(Reason::kProviderNotFound, "no such provider",
                   {{"name", std::string(name)}});
}

absl::Status DefinitionInUse(absl::string_view name) {
  return MakeError(Reason::kResourceInUse,
                   "a provider still uses the catalog entry",
                   {{"name", std::string(name)}});
}

absl::Status KeyTaken() {
  return MakeError(Reason::kResourceExists, "there is a key of that digest");
}

}  // namespace valetkey::store
