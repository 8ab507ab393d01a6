// The calls that follow an answer of the token endpoint, for the token that is
// really wanted: one that lives longer, or a session (post_exchange.cc).
//
// A refresh token may be spent by then, so the one that took its place is kept
// before anything else is asked.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/fault_point.h"
#include "service/broker/impl.h"

namespace valetkey::broker {
namespace {

RefreshFailure FailureOf(const oauth::ProviderFailure& failure) {
  // The grant is alive, for it has just given a token: nobody is condemned.
  Reason reason = Reason::kProviderRequestRejected;
  switch (failure.kind) {
    case oauth::FailureClass::kThrottled:
      reason = Reason::kProviderThrottled;
      break;
    case oauth::FailureClass::kUnavailable:
      reason = Reason::kProviderUnavailable;
      break;
    case oauth::FailureClass::kUnreadable:
      reason = Reason::kProviderResponseInvalid;
      break;
    case oauth::FailureClass::kGrantDead:
    case oauth::FailureClass::kClientRejected:
    case oauth::FailureClass::kAmbiguous:
    case oauth::FailureClass::kRequestRejected:
      break;
  }
  return {.reason = reason,
          .message = absl::StrCat(
              "the call after the token's failed: ",
              failure.message.empty() ? failure.code : failure.message),
          .retry_after = failure.retry_after};
}

}  // namespace

Task<Broker::Impl::Hopped> Broker::Impl::Hop(
    std::string connection, std::shared_ptr<const ProviderContext> provider,
    oauth::Client client, oauth::Leg leg, oauth::TokenAnswer answer) {
  Hopped hopped{.answer = std::move(answer)};
  const oauth::Definition& definition = *provider->definition;
  for (const int hop : oauth::PostExchangeHops(definition, leg)) {
    std::optional<oauth::ProviderFailure> failure;
    const absl::Time asked = d.clock.Now();
    auto request = oauth::PostExchangeRequest(definition, hop, client,
                                              hopped.answer, asked);
    if (request.ok()) {
      const HttpResult sent =
          co_await d.http.Send(*std::move(request), options.http_timeout);
      if (sent.status.ok()) {
        failure = oauth::MergePostExchange(definition, hop, client,
                                           sent.response, asked, hopped.answer);
      } else {
        failure = {.kind = oauth::FailureClass::kUnavailable,
                   .message = std::string(sent.status.message())};
      }
    } else {
      failure = {.kind = oauth::FailureClass::kRequestRejected,
                 .message = std::string(request.status().message())};
    }
    if (!failure) continue;
    Log(LogLevel::kWarning, "a call after the token's failed",
        {{"connection", connection},
         {"code", failure->code},
         {"message", failure->message}});
    // The first token is good by itself: a call that fails is no reason to
    // lose a grant whose code is spent.
    if (oauth::IsHopNeeded(definition, hop)) {
      hopped.failure = FailureOf(*failure);
    }
    break;
  }
  co_return hopped;
}

Task<Broker::Impl::Hopped> Broker::Impl::HopAfterRefresh(
    AttemptRef attempt, store::Connection connection,
    std::shared_ptr<const ProviderContext> provider, oauth::Client client,
    oauth::TokenAnswer answer, absl::Time asked) {
  const NewTokens given =
      SealTokens(connection.name, *provider->definition, connection.tokens,
                 answer, asked, connection.scopes);
  store::RowKeys keys;
  keys.connection = connection.name;
  // If the store refuses, or the attempt is somebody else's by now, it is
  // CommitAnswer that finds out what becomes of the tokens.
  (void)co_await d.store.Update(
      keys, [attempt, fresh = given.tokens.front(),
             lease = options.lease](store::Rows& rows) {
        return KeepRefreshToken(attempt, fresh, lease, rows)
                   ? absl::OkStatus()
                   : absl::AbortedError("the attempt is no longer ours");
      });
  FaultPoint("refresh.before_hop");
  Hopped hopped =
      co_await Hop(connection.name, std::move(provider), std::move(client),
                   oauth::Leg::kRefresh, std::move(answer));
  if (!hopped.failure) co_return hopped;
  // What we have serves to its end; the refresh token is the new one.
  oauth::TokenSet& main = hopped.answer.tokens.front();
  const store::TokenRecord* held = FindToken(connection, main.name);
  main.access_token = SecretString();
  main.expire_time = held == nullptr ? asked : held->expire_time;
  const int count =
      connection.last_failure ? connection.last_failure->count + 1 : 1;
  hopped.failure->retry_after =
      std::max(hopped.failure->retry_after, Backoff(count, d.random.Unit()));
  co_return hopped;
}

}  // namespace valetkey::broker
