// Rows as the tests of the rules begin with.

#ifndef VALETKEY_BROKER_RULES_HARNESS_H_
#define VALETKEY_BROKER_RULES_HARNESS_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/broker/rules.h"

namespace valetkey::broker {

inline constexpr char kApplication[] = "applications/shop";
inline constexpr char kProvider[] = "applications/shop/providers/pinterest";
inline constexpr char kName[] = "applications/shop/connections/c-7";

inline const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

inline Schedule DaySchedule() {
  return {.idle_after = absl::Hours(24),
          .expiring_notice = absl::Hours(7 * 24)};
}

// Lives an hour, is due after 48 minutes; its refresh token lives 60 days.
inline store::TokenRecord Token(const std::string& name, absl::Time issued) {
  store::TokenRecord token;
  token.name = name;
  token.token_type = "bearer";
  token.access_sealed = "sealed access";
  token.issue_time = issued;
  token.expire_time = issued + absl::Hours(1);
  token.refresh_sealed = "sealed refresh";
  token.refresh_digest = absl::StrCat("digest ", absl::ToUnixSeconds(issued));
  token.refresh_expire_time = issued + absl::Hours(60 * 24);
  token.refresh_issue_time = issued;
  token.due_time = issued + absl::Minutes(48);
  return token;
}

inline store::Rows ActiveRows() {
  store::Rows rows;
  rows.now = kNow;
  store::Connection& connection = rows.connection.emplace();
  connection.name = kName;
  connection.application = kApplication;
  connection.provider = kProvider;
  connection.subject = "u-1";
  connection.labels = {{"team", "a"}};
  connection.generation = 3;
  connection.scopes = {"pins:read"};
  connection.tokens = {Token("", kNow)};
  connection.create_time = kNow;
  connection.update_time = kNow;
  Reschedule(DaySchedule(), kNow, connection);
  return rows;
}

inline NewTokens TokensAt(absl::Time issued) {
  NewTokens tokens;
  tokens.tokens = {Token("", issued)};
  return tokens;
}

inline BeginRefresh BeginOf(const store::Connection& connection,
                            const std::string& instance = "one",
                            const std::string& attempt = "attempt-1") {
  return {.instance = instance,
          .attempt_id = attempt,
          .token = "",
          .generation = connection.generation,
          .presented_digest = connection.tokens[0].refresh_digest,
          .lease = absl::Seconds(60)};
}

// As its owner knows it after Begin.
inline AttemptRef RefOf(const BeginRefresh& begin, const store::Rows& rows) {
  return {.instance = begin.instance,
          .attempt_id = begin.attempt_id,
          .number = rows.connection ? rows.connection->attempts : 0,
          .token = begin.token};
}

inline store::Rows ConsentRows(bool reauthorize) {
  store::Rows rows;
  rows.now = kNow;
  store::Authorization& consent = rows.authorization.emplace();
  consent.name = "hash";
  consent.application = kApplication;
  consent.provider = kProvider;
  consent.connection = kName;
  consent.reauthorize = reauthorize;
  consent.subject = "u-1";
  consent.labels = {{"team", "b"}};
  consent.scopes = {"pins:read", "pins:write"};
  consent.verifier_sealed = "sealed";
  consent.status = store::AuthorizationStatus::kExchanging;
  return rows;
}

inline std::vector<store::EventType> Types(
    const std::vector<store::Event>& events) {
  std::vector<store::EventType> types;
  for (const store::Event& event : events) types.push_back(event.type);
  return types;
}

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_RULES_HARNESS_H_
