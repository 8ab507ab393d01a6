#include "src/testing/fake_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "src/names.h"
#include "src/testing/fake_errors.h"
#include "src/testing/fake_pages.h"

namespace valetkey::client::internal {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
  out->set_nanos(static_cast<int>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out->seconds()))));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

grpc::Status NotFound(const std::string& connection) {
  return FakeError(v1::CONNECTION_NOT_FOUND, {{"connection", connection}});
}

grpc::Status NeedsReauthorization(const v1::Connection& connection) {
  return FakeError(v1::REAUTHORIZATION_REQUIRED,
                   {{"connection", connection.name()},
                    {"provider", connection.provider()},
                    {"subject", connection.subject()}});
}

}  // namespace

void FakeStore::NextToken(Held& held, const std::string& access_token) {
  v1::Token& token = held.token;
  v1::Connection& connection = held.connection;
  const std::int64_t generation = connection.generation() + 1;
  const absl::Time now = now_();
  token.Clear();
  token.set_access_token(access_token.empty()
                             ? absl::StrCat("fake-access-token-", generation)
                             : access_token);
  token.set_token_type(held.options.token_type);
  token.set_generation(generation);
  connection.clear_scopes();
  for (const std::string& scope : held.options.scopes) {
    token.add_scopes(scope);
    connection.add_scopes(scope);
  }
  connection.clear_expire_time();
  if (held.options.expires_in != absl::InfiniteDuration()) {
    SetTime(now + held.options.expires_in, token.mutable_expire_time());
    *connection.mutable_expire_time() = token.expire_time();
  }
  if (held.options.refresh_in.has_value()) {
    SetTime(now + *held.options.refresh_in, token.mutable_refresh_time());
  }
  connection.set_state(v1::CONNECTION_STATE_ACTIVE);
  connection.set_generation(generation);
  connection.set_etag(absl::StrCat("e", generation));
  SetTime(now, connection.mutable_update_time());
}

std::int64_t FakeStore::SetToken(const std::string& connection,
                                 const std::string& access_token,
                                 const FakeTokenOptions& options) {
  const auto [it, made] = connections_.try_emplace(connection);
  Held& held = it->second;
  v1::EventType type = v1::EVENT_TYPE_REFRESHED;
  if (made) {
    type = v1::EVENT_TYPE_CONNECTED;
    held.connection.set_name(connection);
    held.connection.set_provider(
        absl::StrCat(ApplicationOf(connection), "/providers/fake"));
    held.connection.set_subject("fake");
    SetTime(now_(), held.connection.mutable_create_time());
  } else if (held.connection.state() != v1::CONNECTION_STATE_ACTIVE) {
    type = v1::EVENT_TYPE_REAUTHORIZED;
  }
  held.options = options;
  NextToken(held, access_token);
  EmitFor(held, type);
  return held.token.generation();
}

void FakeStore::RequireReauthorization(const std::string& connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.connection.set_state(
      v1::CONNECTION_STATE_REAUTHORIZATION_REQUIRED);
  EmitFor(found->second, v1::EVENT_TYPE_REAUTHORIZATION_REQUIRED,
          "REAUTHORIZATION_REQUIRED");
}

grpc::Status FakeStore::Find(const std::string& name, Held** held) {
  if (!absl::StartsWith(name, "applications/")) {
    return FakeError(
        v1::FIELD_INVALID,
        {{"field", "name"}, {"expected", "applications/{a}/connections/{c}"}});
  }
  const auto found = connections_.find(name);
  if (found == connections_.end()) return NotFound(name);
  *held = &found->second;
  return grpc::Status::OK;
}

// ------------------------------------------------------------------- tokens

grpc::Status FakeStore::Authorize(const v1::AuthorizeRequest& request,
                                  v1::AuthorizeResponse* response) {
  if (request.provider().empty()) {
    return FakeError(v1::FIELD_INVALID, {{"field", "provider"}});
  }
  std::string connection = request.connection();
  if (!connection.empty() && connections_.count(connection) == 0) {
    return NotFound(connection);
  }
  if (connection.empty()) {
    connection = absl::StrCat(ApplicationOf(request.provider()),
                              "/connections/c-", ++made_);
  }
  const std::string state =
      absl::StrCat("fake-state-", authorizations_.size() + 1);
  authorizations_[state] = {request, connection};
  const std::string& back = request.return_uri();
  response->set_authorization_uri(
      absl::StrCat(back.empty() ? "https://provider.invalid/authorize" : back,
                   absl::StrContains(back, '?') ? "&" : "?",
                   "code=fake-code&state=", state));
  response->set_state(state);
  response->set_connection(connection);
  SetTime(now_() + absl::Minutes(15), response->mutable_expire_time());
  return grpc::Status::OK;
}

grpc::Status FakeStore::Exchange(const v1::ExchangeRequest& request,
                                 v1::ExchangeResponse* response) {
  const auto found = authorizations_.find(request.state());
  if (found == authorizations_.end()) {
    return FakeError(v1::AUTHORIZATION_STATE_INVALID);
  }
  Pending& pending = found->second;
  if (!request.error().empty()) {
    return FakeError(v1::CONSENT_DENIED, {{"provider_error", request.error()}});
  }
  if (request.code().empty()) {
    return FakeError(v1::FIELD_INVALID, {{"field", "code"}});
  }
  if (!std::exchange(pending.done, true)) {
    const bool made = connections_.count(pending.connection) == 0;
    Held& held = connections_[pending.connection];
    v1::Connection& connection = held.connection;
    if (made) {
      connection.set_name(pending.connection);
      connection.set_provider(pending.request.provider());
      connection.set_subject(pending.request.subject());
      *connection.mutable_labels() = pending.request.labels();
      SetTime(now_(), connection.mutable_create_time());
    }
    held.options.scopes = {pending.request.scopes().begin(),
                           pending.request.scopes().end()};
    NextToken(held, "");
    EmitFor(held,
            made ? v1::EVENT_TYPE_CONNECTED : v1::EVENT_TYPE_REAUTHORIZED);
  }
  const Held& held = connections_[pending.connection];
  response->set_connection(pending.connection);
  *response->mutable_scopes() = held.token.scopes();
  response->set_generation(held.token.generation());
  return grpc::Status::OK;
}

grpc::Status FakeStore::GetToken(const v1::GetTokenRequest& request,
                                 v1::GetTokenResponse* response) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.name(), &held);
  if (!found.ok()) return found;
  const v1::Connection& connection = held->connection;
  if (connection.state() == v1::CONNECTION_STATE_REVOKED) {
    return FakeError(v1::CONNECTION_REVOKED, {{"connection", request.name()}});
  }
  if (!request.token().empty()) {
    return FakeError(v1::TOKEN_NOT_FOUND,
                     {{"token", request.token()}, {"tokens", "default"}});
  }
  std::vector<std::string> missing;
  for (const std::string& scope : request.required_scopes()) {
    const auto& granted = held->token.scopes();
    if (std::find(granted.begin(), granted.end(), scope) == granted.end()) {
      missing.push_back(scope);
    }
  }
  if (!missing.empty()) {
    return FakeError(v1::SCOPE_NOT_GRANTED,
                     {{"missing_scopes", absl::StrJoin(missing, " ")}});
  }
  for (const auto& [field, generation] :
       {std::make_pair("min_generation", request.min_generation()),
        std::make_pair("rejected_generation", request.rejected_generation())}) {
    if (generation > held->token.generation()) {
      return FakeError(v1::FIELD_INVALID, {{"field", field}});
    }
  }
  const absl::Duration least = absl::Seconds(request.min_lifetime().seconds());
  const absl::Duration left = held->token.has_expire_time()
                                  ? TimeOf(held->token.expire_time()) - now_()
                                  : absl::InfiniteDuration();
  if (request.rejected_generation() == held->token.generation() ||
      left <= absl::ZeroDuration() || left < least) {
    if (connection.state() == v1::CONNECTION_STATE_REAUTHORIZATION_REQUIRED) {
      return NeedsReauthorization(connection);
    }
    if (least > held->options.expires_in) {
      return FakeError(v1::MIN_LIFETIME_UNAVAILABLE);
    }
    NextToken(*held, "");
    EmitFor(*held, v1::EVENT_TYPE_REFRESHED);
  }
  *response->mutable_token() = held->token;
  return grpc::Status::OK;
}

grpc::Status FakeStore::Refresh(const v1::RefreshRequest& request,
                                v1::RefreshResponse* response) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.name(), &held);
  if (!found.ok()) return found;
  if (held->connection.state() == v1::CONNECTION_STATE_REVOKED) {
    return FakeError(v1::CONNECTION_REVOKED, {{"connection", request.name()}});
  }
  if (request.generation() == 0 ||
      request.generation() >= held->token.generation()) {
    if (held->connection.state() != v1::CONNECTION_STATE_ACTIVE) {
      return NeedsReauthorization(held->connection);
    }
    NextToken(*held, "");
    EmitFor(*held, v1::EVENT_TYPE_REFRESHED);
  }
  *response->mutable_token() = held->token;
  return grpc::Status::OK;
}

grpc::Status FakeStore::Revoke(const v1::RevokeRequest& request,
                               v1::RevokeResponse* response) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.name(), &held);
  if (!found.ok()) return found;
  v1::Connection& connection = held->connection;
  if (connection.state() != v1::CONNECTION_STATE_REVOKED) {
    connection.set_state(v1::CONNECTION_STATE_REVOKED);
    connection.set_generation(connection.generation() + 1);
    connection.clear_expire_time();
    EmitFor(*held, v1::EVENT_TYPE_REVOKED);
  }
  for (const v1::TokenKind kind :
       {v1::TOKEN_KIND_ACCESS_TOKEN, v1::TOKEN_KIND_REFRESH_TOKEN}) {
    v1::TokenRevocation* const revocation = response->add_tokens();
    revocation->set_kind(kind);
    revocation->set_result(v1::REVOCATION_RESULT_REVOKED);
  }
  response->set_copy_destroyed(true);
  return grpc::Status::OK;
}

// -------------------------------------------------------------- connections

void FakeStore::SetApiBaseUrl(const std::string& name, absl::string_view url) {
  Held* held = nullptr;
  if (!Find(name, &held).ok()) return;
  held->connection.set_api_base_url(url.data(), url.size());
}

grpc::Status FakeStore::GetConnection(const v1::GetConnectionRequest& request,
                                      v1::GetConnectionResponse* response) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.name(), &held);
  if (found.ok()) *response->mutable_connection() = held->connection;
  return found;
}

grpc::Status FakeStore::ListConnections(
    const v1::ListConnectionsRequest& request,
    v1::ListConnectionsResponse* response) {
  const std::string prefix = absl::StrCat(request.parent(), "/connections/");
  std::vector<const v1::Connection*> found;
  for (const auto& [name, held] : connections_) {
    const v1::Connection& connection = held.connection;
    if (!absl::StartsWith(name, prefix) ||
        (!request.provider().empty() &&
         request.provider() != connection.provider()) ||
        (!request.subject().empty() &&
         request.subject() != connection.subject()) ||
        (request.state() != v1::CONNECTION_STATE_UNSPECIFIED &&
         request.state() != connection.state()) ||
        !HasLabels(connection.labels(), request.labels())) {
      continue;
    }
    found.push_back(&connection);
  }
  response->set_cursor(Checkpoint().cursor());
  return FakePage(found, request.page_size(), request.page_token(),
                  response->mutable_connections(),
                  response->mutable_next_page_token());
}

grpc::Status FakeStore::UpdateConnection(
    const v1::UpdateConnectionRequest& request,
    v1::UpdateConnectionResponse* response) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.connection().name(), &held);
  if (!found.ok()) return found;
  const std::string& etag = request.connection().etag();
  if (!etag.empty() && etag != held->connection.etag()) {
    return FakeError(v1::ETAG_MISMATCH);
  }
  *held->connection.mutable_labels() = request.connection().labels();
  EmitFor(*held, v1::EVENT_TYPE_UPDATED);
  *response->mutable_connection() = held->connection;
  return grpc::Status::OK;
}

grpc::Status FakeStore::DeleteConnection(
    const v1::DeleteConnectionRequest& request, v1::DeleteConnectionResponse*) {
  Held* held = nullptr;
  const grpc::Status found = Find(request.name(), &held);
  if (!found.ok()) return found;
  EmitFor(*held, v1::EVENT_TYPE_DELETED);
  connections_.erase(request.name());
  return grpc::Status::OK;
}

}  // namespace valetkey::client::internal
