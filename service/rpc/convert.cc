#include "service/rpc/convert.h"

#include <algorithm>
#include <optional>

#include "service/broker/admin.h"
#include "service/broker/inputs.h"

namespace valetkey::rpc {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
constexpr std::int64_t kMinTimeSeconds = -62'135'596'800;
constexpr std::int64_t kMaxTimeSeconds = 253'402'300'799;

template <class Map>
void FillMap(const std::map<std::string, std::string>& in, Map* out) {
  for (const auto& [key, value] : in) (*out)[key] = value;
}

template <class List>
void FillList(const std::vector<std::string>& in, List* out) {
  out->Add(in.begin(), in.end());
}

// What was asked for and is not among what was granted, as a list.
template <class List>
void FillMissing(const std::vector<std::string>& requested,
                 const std::vector<std::string>& granted, List* out) {
  for (const std::string& scope : requested) {
    if (std::find(granted.begin(), granted.end(), scope) == granted.end()) {
      *out->Add() = scope;
    }
  }
}

}  // namespace

void FillTime(absl::Time time, google::protobuf::Timestamp* out) {
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds < kMinTimeSeconds || seconds > kMaxTimeSeconds) {
    out->set_seconds(std::clamp(seconds, kMinTimeSeconds, kMaxTimeSeconds));
    return;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<std::int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void FillToken(const broker::TokenView& view, v1::Token* out) {
  const cache::CachedToken& token = *view.token;
  const absl::string_view access_token = token.access_token.Reveal();
  out->set_access_token(access_token.data(), access_token.size());
  out->set_token_type(token.token_type);
  out->set_generation(view.entry->generation);
  if (token.expire_time != absl::InfiniteFuture()) {
    FillTime(token.expire_time, out->mutable_expire_time());
  }
  if (token.refresh_time != absl::InfiniteFuture()) {
    FillTime(token.refresh_time, out->mutable_refresh_time());
  }
  absl::string_view rest = token.scopes;
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    const absl::string_view scope = rest.substr(0, space);
    if (!scope.empty()) out->add_scopes(scope.data(), scope.size());
    if (space == absl::string_view::npos) break;
    rest.remove_prefix(space + 1);
  }
}

void FillApplication(const store::Application& in, v1::Application* out) {
  out->set_name(in.name);
  out->set_display_name(in.display_name);
  FillList(in.return_uris, out->mutable_return_uris());
  FillTime(in.create_time, out->mutable_create_time());
  FillTime(in.update_time, out->mutable_update_time());
  out->set_etag(broker::EtagOf(in.revision));
}

void FillKey(const store::ApiKey& in, v1::Key* out) {
  out->set_name(in.name);
  out->set_display_name(in.display_name);
  // RIGHT_READ_METADATA is 1 for bit 0, and so on.
  for (int right = v1::RIGHT_READ_METADATA; right <= v1::RIGHT_ADMINISTER;
       ++right) {
    if ((in.rights & (1u << (right - 1))) != 0) {
      out->add_rights(static_cast<v1::Right>(right));
    }
  }
  FillTime(in.create_time, out->mutable_create_time());
  if (in.expire_time) FillTime(*in.expire_time, out->mutable_expire_time());
  if (in.revoke_time) FillTime(*in.revoke_time, out->mutable_revoke_time());
  if (in.last_use_time) {
    FillTime(*in.last_use_time, out->mutable_last_use_time());
  }
}

void FillProvider(const store::Provider& in,
                  absl::string_view default_redirect_uri, bool in_catalog,
                  v1::Provider* out) {
  out->set_name(in.name);
  out->set_display_name(in.display_name);
  out->set_catalog_entry(in.catalog_entry);
  out->set_environment(in.environment);
  out->set_client_id(in.client_id);
  out->set_client_secret_set(!in.client_secret_sealed.empty());
  out->set_second_client_secret_set(!in.second_secret_sealed.empty());
  FillList(in.scopes, out->mutable_scopes());
  out->set_redirect_uri(in.redirect_uri.empty()
                            ? std::string(default_redirect_uri)
                            : in.redirect_uri);
  out->set_pkce(static_cast<v1::PkceMode>(in.pkce));
  for (const auto& [name, value] : in.inputs) {
    if (!broker::IsSealedInput(name)) (*out->mutable_inputs())[name] = value;
  }
  out->set_state(in_catalog ? v1::PROVIDER_STATE_ACTIVE
                            : v1::PROVIDER_STATE_CATALOG_ENTRY_MISSING);
  FillTime(in.create_time, out->mutable_create_time());
  FillTime(in.update_time, out->mutable_update_time());
  out->set_etag(broker::EtagOf(in.revision));
}

void FillConnection(const store::Connection& in, v1::Connection* out) {
  out->set_name(in.name);
  out->set_provider(in.provider);
  out->set_subject(in.subject);
  FillMap(in.labels, out->mutable_labels());
  out->set_state(static_cast<v1::ConnectionState>(in.state));
  FillList(in.scopes, out->mutable_scopes());
  FillMissing(in.requested_scopes, in.scopes, out->mutable_missing_scopes());
  out->set_generation(in.generation);
  FillTime(in.create_time, out->mutable_create_time());
  FillTime(in.update_time, out->mutable_update_time());
  std::optional<absl::Time> due;
  for (const store::TokenRecord& token : in.tokens) {
    if (token.due_time && (!due || *token.due_time < *due)) {
      due = token.due_time;
    }
    if (!token.name.empty()) {
      out->add_extra_tokens(token.name);
      continue;
    }
    if (token.expire_time) {
      FillTime(*token.expire_time, out->mutable_expire_time());
    }
    if (token.refresh_expire_time) {
      FillTime(*token.refresh_expire_time, out->mutable_refresh_expire_time());
    }
  }
  if (due && in.state == store::ConnectionState::kActive) {
    FillTime(*due, out->mutable_next_refresh_time());
  }
  if (in.last_refresh_time) {
    FillTime(*in.last_refresh_time, out->mutable_last_refresh_time());
  }
  if (in.last_failure) {
    v1::RefreshFailure* failure = out->mutable_last_failure();
    failure->set_reason(in.last_failure->reason);
    failure->set_message(in.last_failure->message);
    FillTime(in.last_failure->time, failure->mutable_time());
    failure->set_count(in.last_failure->count);
  }
  if (!in.account_id.empty() || !in.account_display_name.empty()) {
    out->mutable_account()->set_id(in.account_id);
    out->mutable_account()->set_display_name(in.account_display_name);
  }
  FillMap(in.metadata, out->mutable_metadata());
  out->set_etag(broker::EtagOf(in.revision));
}

void FillEvent(const store::Event& in, v1::Event* out) {
  out->set_sequence(in.sequence);
  FillTime(in.time, out->mutable_time());
  out->set_type(static_cast<v1::EventType>(in.type));
  out->set_connection(in.connection);
  out->set_provider(in.provider);
  out->set_subject(in.subject);
  FillMap(in.labels, out->mutable_labels());
  out->set_generation(in.generation);
  out->set_state(static_cast<v1::ConnectionState>(in.state));
  if (in.expire_time) FillTime(*in.expire_time, out->mutable_expire_time());
  out->set_reason(in.reason);
}

}  // namespace valetkey::rpc
