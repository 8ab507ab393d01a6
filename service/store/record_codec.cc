#include "service/store/record_codec.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "service/store/record.pb.h"

namespace valetkey::store {
namespace {

constexpr std::int64_t kPast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kFuture = std::numeric_limits<std::int64_t>::max();

using Pairs = google::protobuf::RepeatedPtrField<internal::Pair>;
using Strings = google::protobuf::RepeatedPtrField<std::string>;

void PutPairs(const std::map<std::string, std::string>& map, Pairs* pairs) {
  pairs->Clear();
  for (const auto& [key, value] : map) {
    internal::Pair* pair = pairs->Add();
    pair->set_key(key);
    pair->set_value(value);
  }
}

std::map<std::string, std::string> TakePairs(Pairs* pairs) {
  std::map<std::string, std::string> map;
  for (internal::Pair& pair : *pairs) {
    map[std::move(*pair.mutable_key())] = std::move(*pair.mutable_value());
  }
  return map;
}

void PutStrings(const std::vector<std::string>& from, Strings* to) {
  to->Assign(from.begin(), from.end());
}

std::vector<std::string> TakeStrings(Strings* from) {
  return {std::make_move_iterator(from->begin()),
          std::make_move_iterator(from->end())};
}

// Sets or clears an optional time: PUT_TIME(message, expire_time, optional).
#define PUT_TIME(message, field, value)             \
  do {                                              \
    if ((value).has_value()) {                      \
      (message)->set_##field(EncodeTime(*(value))); \
    } else {                                        \
      (message)->clear_##field();                   \
    }                                               \
  } while (false)

#define TAKE_TIME(message, field)                                 \
  ((message).has_##field()                                        \
       ? std::optional<absl::Time>(DecodeTime((message).field())) \
       : std::nullopt)

void PutToken(const TokenRecord& from, internal::ConnectionRecord::Token* to) {
  to->set_name(from.name);
  to->set_token_type(from.token_type);
  PutStrings(from.scopes, to->mutable_scopes());
  to->set_access_sealed(from.access_sealed);
  PUT_TIME(to, issue_time, from.issue_time);
  PUT_TIME(to, expire_time, from.expire_time);
  to->set_refresh_sealed(from.refresh_sealed);
  to->set_refresh_digest(from.refresh_digest);
  PUT_TIME(to, refresh_expire_time, from.refresh_expire_time);
  PUT_TIME(to, refresh_issue_time, from.refresh_issue_time);
  to->set_attempt(from.attempt);
  PUT_TIME(to, due_time, from.due_time);
}

TokenRecord TakeToken(internal::ConnectionRecord::Token* from) {
  TokenRecord to;
  to.name = std::move(*from->mutable_name());
  to.token_type = std::move(*from->mutable_token_type());
  to.scopes = TakeStrings(from->mutable_scopes());
  to.access_sealed = std::move(*from->mutable_access_sealed());
  to.issue_time = TAKE_TIME(*from, issue_time);
  to.expire_time = TAKE_TIME(*from, expire_time);
  to.refresh_sealed = std::move(*from->mutable_refresh_sealed());
  to.refresh_digest = std::move(*from->mutable_refresh_digest());
  to.refresh_expire_time = TAKE_TIME(*from, refresh_expire_time);
  to.refresh_issue_time = TAKE_TIME(*from, refresh_issue_time);
  to.attempt = from->attempt();
  to.due_time = TAKE_TIME(*from, due_time);
  return to;
}

// Keeps, for each token that is still there, what this program does not know
// of it.
void PutTokens(const std::vector<TokenRecord>& tokens,
               internal::ConnectionRecord* message) {
  google::protobuf::RepeatedPtrField<internal::ConnectionRecord::Token> old;
  old.Swap(message->mutable_tokens());
  for (const TokenRecord& token : tokens) {
    auto* to = message->add_tokens();
    auto same = std::find_if(old.begin(), old.end(), [&](const auto& one) {
      return one.name() == token.name;
    });
    if (same != old.end()) to->Swap(&*same);
    PutToken(token, to);
  }
}

// The message that the blob holds, to be changed in place; an unreadable one
// is replaced.
template <class M>
M Parse(const std::string& blob) {
  M message;
  if (!message.ParseFromString(blob)) message.Clear();
  return message;
}

template <class M>
bool ParseView(absl::string_view blob, M* message) {
  return blob.size() <= std::numeric_limits<int>::max() &&
         message->ParseFromArray(blob.data(), static_cast<int>(blob.size()));
}

void Round(absl::Time* time) { *time = RoundTime(*time); }
void Round(std::optional<absl::Time>* time) {
  if (time->has_value()) *time = RoundTime(**time);
}

}  // namespace

std::int64_t EncodeTime(absl::Time time) {
  if (time == absl::InfinitePast()) return kPast;
  if (time == absl::InfiniteFuture()) return kFuture;
  return absl::ToUnixMicros(time);
}

absl::Time DecodeTime(std::int64_t micros) {
  if (micros == kPast) return absl::InfinitePast();
  if (micros == kFuture) return absl::InfiniteFuture();
  return absl::FromUnixMicros(micros);
}

absl::Time RoundTime(absl::Time time) { return DecodeTime(EncodeTime(time)); }

void Encode(const Application& record, std::string* blob) {
  auto message = Parse<internal::ApplicationRecord>(*blob);
  message.set_display_name(record.display_name);
  PutStrings(record.return_uris, message.mutable_return_uris());
  message.set_create_time(EncodeTime(record.create_time));
  message.set_update_time(EncodeTime(record.update_time));
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, Application* record) {
  internal::ApplicationRecord message;
  if (!ParseView(blob, &message)) return false;
  record->display_name = std::move(*message.mutable_display_name());
  record->return_uris = TakeStrings(message.mutable_return_uris());
  record->create_time = DecodeTime(message.create_time());
  record->update_time = DecodeTime(message.update_time());
  return true;
}

void RoundTimes(Application* record) {
  Round(&record->create_time);
  Round(&record->update_time);
}

void Encode(const ApiKey& record, std::string* blob) {
  auto message = Parse<internal::ApiKeyRecord>(*blob);
  message.set_display_name(record.display_name);
  message.set_rights(record.rights);
  message.set_create_time(EncodeTime(record.create_time));
  PUT_TIME(&message, expire_time, record.expire_time);
  PUT_TIME(&message, revoke_time, record.revoke_time);
  PUT_TIME(&message, last_use_time, record.last_use_time);
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, ApiKey* record) {
  internal::ApiKeyRecord message;
  if (!ParseView(blob, &message)) return false;
  record->display_name = std::move(*message.mutable_display_name());
  record->rights = message.rights();
  record->create_time = DecodeTime(message.create_time());
  record->expire_time = TAKE_TIME(message, expire_time);
  record->revoke_time = TAKE_TIME(message, revoke_time);
  record->last_use_time = TAKE_TIME(message, last_use_time);
  return true;
}

void RoundTimes(ApiKey* record) {
  Round(&record->create_time);
  Round(&record->expire_time);
  Round(&record->revoke_time);
  Round(&record->last_use_time);
}

void Encode(const Provider& record, std::string* blob) {
  auto message = Parse<internal::ProviderRecord>(*blob);
  message.set_display_name(record.display_name);
  message.set_catalog_entry(record.catalog_entry);
  message.set_environment(record.environment);
  message.set_client_id(record.client_id);
  message.set_client_secret_sealed(record.client_secret_sealed);
  message.set_second_secret_sealed(record.second_secret_sealed);
  PutStrings(record.scopes, message.mutable_scopes());
  message.set_redirect_uri(record.redirect_uri);
  message.set_pkce(static_cast<int>(record.pkce));
  PutPairs(record.inputs, message.mutable_inputs());
  message.set_create_time(EncodeTime(record.create_time));
  message.set_update_time(EncodeTime(record.update_time));
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, Provider* record) {
  internal::ProviderRecord message;
  if (!ParseView(blob, &message)) return false;
  record->display_name = std::move(*message.mutable_display_name());
  record->catalog_entry = std::move(*message.mutable_catalog_entry());
  record->environment = std::move(*message.mutable_environment());
  record->client_id = std::move(*message.mutable_client_id());
  record->client_secret_sealed =
      std::move(*message.mutable_client_secret_sealed());
  record->second_secret_sealed =
      std::move(*message.mutable_second_secret_sealed());
  record->scopes = TakeStrings(message.mutable_scopes());
  record->redirect_uri = std::move(*message.mutable_redirect_uri());
  record->pkce = static_cast<Pkce>(message.pkce());
  record->inputs = TakePairs(message.mutable_inputs());
  record->create_time = DecodeTime(message.create_time());
  record->update_time = DecodeTime(message.update_time());
  return true;
}

void RoundTimes(Provider* record) {
  Round(&record->create_time);
  Round(&record->update_time);
}

std::string EncodedCatalogEntry(absl::string_view catalog_entry) {
  internal::ProviderRecord message;
  message.set_catalog_entry(std::string(catalog_entry));
  return message.SerializeAsString();
}

void Encode(const AddedDefinition& record, std::string* blob) {
  auto message = Parse<internal::DefinitionRecord>(*blob);
  message.set_text(record.text);
  message.set_create_time(EncodeTime(record.create_time));
  message.set_update_time(EncodeTime(record.update_time));
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, AddedDefinition* record) {
  internal::DefinitionRecord message;
  if (!ParseView(blob, &message)) return false;
  record->text = std::move(*message.mutable_text());
  record->create_time = DecodeTime(message.create_time());
  record->update_time = DecodeTime(message.update_time());
  return true;
}

void RoundTimes(AddedDefinition* record) {
  Round(&record->create_time);
  Round(&record->update_time);
}

void Encode(const Authorization& record, std::string* blob) {
  auto message = Parse<internal::AuthorizationRecord>(*blob);
  message.set_reauthorize(record.reauthorize);
  message.set_subject(record.subject);
  PutPairs(record.labels, message.mutable_labels());
  PutStrings(record.scopes, message.mutable_scopes());
  PutPairs(record.inputs, message.mutable_inputs());
  message.set_return_uri(record.return_uri);
  message.set_redirect_uri(record.redirect_uri);
  message.set_verifier_sealed(record.verifier_sealed);
  message.set_code_digest(record.code_digest);
  message.set_failure_reason(record.failure_reason);
  message.set_failure_message(record.failure_message);
  message.set_create_time(EncodeTime(record.create_time));
  PutPairs(record.extra_parameters, message.mutable_extra_parameters());
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, Authorization* record) {
  internal::AuthorizationRecord message;
  if (!ParseView(blob, &message)) return false;
  record->reauthorize = message.reauthorize();
  record->subject = std::move(*message.mutable_subject());
  record->labels = TakePairs(message.mutable_labels());
  record->scopes = TakeStrings(message.mutable_scopes());
  record->inputs = TakePairs(message.mutable_inputs());
  record->return_uri = std::move(*message.mutable_return_uri());
  record->redirect_uri = std::move(*message.mutable_redirect_uri());
  record->verifier_sealed = std::move(*message.mutable_verifier_sealed());
  record->code_digest = std::move(*message.mutable_code_digest());
  record->failure_reason = std::move(*message.mutable_failure_reason());
  record->failure_message = std::move(*message.mutable_failure_message());
  record->create_time = DecodeTime(message.create_time());
  record->extra_parameters = TakePairs(message.mutable_extra_parameters());
  return true;
}

void RoundTimes(Authorization* record) {
  Round(&record->create_time);
  Round(&record->expire_time);
}

void Encode(const Connection& record, std::string* blob) {
  auto message = Parse<internal::ConnectionRecord>(*blob);
  PutPairs(record.labels, message.mutable_labels());
  message.set_generation(record.generation);
  message.set_attempts(record.attempts);
  PutStrings(record.requested_scopes, message.mutable_requested_scopes());
  PutStrings(record.scopes, message.mutable_scopes());
  PutTokens(record.tokens, &message);
  PutPairs(record.inputs, message.mutable_inputs());
  PutPairs(record.metadata, message.mutable_metadata());
  message.set_account_id(record.account_id);
  message.set_account_display_name(record.account_display_name);
  message.set_create_time(EncodeTime(record.create_time));
  message.set_update_time(EncodeTime(record.update_time));
  PUT_TIME(&message, last_refresh_time, record.last_refresh_time);
  PUT_TIME(&message, last_use_time, record.last_use_time);
  if (record.last_failure) {
    auto* failure = message.mutable_last_failure();
    failure->set_reason(record.last_failure->reason);
    failure->set_message(record.last_failure->message);
    failure->set_time(EncodeTime(record.last_failure->time));
    failure->set_count(record.last_failure->count);
    failure->set_retry_time(EncodeTime(record.last_failure->retry_time));
  } else {
    message.clear_last_failure();
  }
  auto* lease = message.mutable_lease();
  lease->set_owner(record.lease.owner);
  lease->set_attempt_id(record.lease.attempt_id);
  lease->set_expire_time(EncodeTime(record.lease.expire_time));
  auto* attempt = message.mutable_attempt();
  attempt->set_id(record.attempt.id);
  attempt->set_token(record.attempt.token);
  attempt->set_refresh_digest(record.attempt.refresh_digest);
  attempt->set_start_time(EncodeTime(record.attempt.start_time));
  attempt->set_unknown_outcomes(record.attempt.unknown_outcomes);
  message.set_dead_refresh_digest(record.dead_refresh_digest);
  message.set_expiring_announced(record.expiring_announced);
  message.clear_revocation();
  for (const RevocationItem& from : record.revocation) {
    auto* item = message.add_revocation();
    item->set_kind(from.kind);
    item->set_token(from.token);
    item->set_result(from.result);
    item->set_detail(from.detail);
  }
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, Connection* record) {
  internal::ConnectionRecord message;
  if (!ParseView(blob, &message)) return false;
  record->labels = TakePairs(message.mutable_labels());
  record->generation = message.generation();
  record->attempts = message.attempts();
  record->requested_scopes = TakeStrings(message.mutable_requested_scopes());
  record->scopes = TakeStrings(message.mutable_scopes());
  record->tokens.clear();
  for (auto& token : *message.mutable_tokens()) {
    record->tokens.push_back(TakeToken(&token));
  }
  record->inputs = TakePairs(message.mutable_inputs());
  record->metadata = TakePairs(message.mutable_metadata());
  record->account_id = std::move(*message.mutable_account_id());
  record->account_display_name =
      std::move(*message.mutable_account_display_name());
  record->create_time = DecodeTime(message.create_time());
  record->update_time = DecodeTime(message.update_time());
  record->last_refresh_time = TAKE_TIME(message, last_refresh_time);
  record->last_use_time = TAKE_TIME(message, last_use_time);
  record->last_failure.reset();
  if (message.has_last_failure()) {
    auto* from = message.mutable_last_failure();
    Failure& failure = record->last_failure.emplace();
    failure.reason = std::move(*from->mutable_reason());
    failure.message = std::move(*from->mutable_message());
    failure.time = DecodeTime(from->time());
    failure.count = from->count();
    failure.retry_time = DecodeTime(from->retry_time());
  }
  auto* lease = message.mutable_lease();
  record->lease.owner = std::move(*lease->mutable_owner());
  record->lease.attempt_id = std::move(*lease->mutable_attempt_id());
  record->lease.expire_time = DecodeTime(lease->expire_time());
  auto* attempt = message.mutable_attempt();
  record->attempt.id = std::move(*attempt->mutable_id());
  record->attempt.token = std::move(*attempt->mutable_token());
  record->attempt.refresh_digest =
      std::move(*attempt->mutable_refresh_digest());
  record->attempt.start_time = DecodeTime(attempt->start_time());
  record->attempt.unknown_outcomes = attempt->unknown_outcomes();
  record->dead_refresh_digest =
      std::move(*message.mutable_dead_refresh_digest());
  record->expiring_announced = message.expiring_announced();
  record->revocation.clear();
  for (auto& item : *message.mutable_revocation()) {
    record->revocation.push_back({item.kind(), std::move(*item.mutable_token()),
                                  item.result(),
                                  std::move(*item.mutable_detail())});
  }
  return true;
}

void RoundTimes(Connection* record) {
  Round(&record->create_time);
  Round(&record->update_time);
  Round(&record->last_refresh_time);
  Round(&record->last_use_time);
  Round(&record->due_time);
  Round(&record->lease.expire_time);
  Round(&record->attempt.start_time);
  if (record->last_failure) {
    Round(&record->last_failure->time);
    Round(&record->last_failure->retry_time);
  }
  for (TokenRecord& token : record->tokens) {
    Round(&token.issue_time);
    Round(&token.expire_time);
    Round(&token.refresh_expire_time);
    Round(&token.refresh_issue_time);
    Round(&token.due_time);
  }
}

void Encode(const Event& record, std::string* blob) {
  auto message = Parse<internal::EventRecord>(*blob);
  message.set_type(static_cast<int>(record.type));
  message.set_connection(record.connection);
  message.set_provider(record.provider);
  message.set_subject(record.subject);
  PutPairs(record.labels, message.mutable_labels());
  message.set_generation(record.generation);
  message.set_state(static_cast<int>(record.state));
  PUT_TIME(&message, expire_time, record.expire_time);
  message.set_reason(record.reason);
  *blob = message.SerializeAsString();
}

bool Decode(absl::string_view blob, Event* record) {
  internal::EventRecord message;
  if (!ParseView(blob, &message)) return false;
  record->type = static_cast<EventType>(message.type());
  record->connection = std::move(*message.mutable_connection());
  record->provider = std::move(*message.mutable_provider());
  record->subject = std::move(*message.mutable_subject());
  record->labels = TakePairs(message.mutable_labels());
  record->generation = message.generation();
  record->state = static_cast<ConnectionState>(message.state());
  record->expire_time = TAKE_TIME(message, expire_time);
  record->reason = std::move(*message.mutable_reason());
  return true;
}

void RoundTimes(Event* record) {
  Round(&record->time);
  Round(&record->expire_time);
}

}  // namespace valetkey::store
