// Revoke: from the first commit on no token is given out; then the provider is
// told; then our copy is destroyed. A server that dies in between finishes it
// after its restart.

#include <algorithm>
#include <utility>

#include "service/base/fault_point.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::RevocationItem;
using store::Rows;

// How often the provider is told of tokens that came too late; half a minute.
constexpr int kLateTries = 6;

// The numbers of valetkey.v1.RevocationResult, which the record keeps.
int ResultNumber(oauth::RevokeOutcome outcome) {
  switch (outcome) {
    case oauth::RevokeOutcome::kRevoked:
      return 1;
    case oauth::RevokeOutcome::kAlreadyInvalid:
      return 2;
    case oauth::RevokeOutcome::kUnsupported:
      return 3;
    case oauth::RevokeOutcome::kFailed:
      return 4;
  }
  return 4;
}

RevocationItem ItemOf(const oauth::RevokeStep& step,
                      const oauth::RevokeResult& result) {
  return {.kind = static_cast<int>(step.kind),
          .token = step.token,
          .result = ResultNumber(result.outcome),
          .detail = result.detail};
}

}  // namespace

Task<absl::StatusOr<RevokeResult>> Broker::Impl::RevokeHere(std::string name,
                                                            Revocation kind) {
  Cell& cell = CellOf(name);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  for (;;) {
    std::shared_ptr<Promise<absl::StatusOr<RevokeResult>>> promise;
    const auto it = cell.revocations.find(name);
    const bool joined = it != cell.revocations.end();
    if (joined) {
      promise = it->second;
    } else {
      promise =
          std::make_shared<Promise<absl::StatusOr<RevokeResult>>>(executor);
      cell.revocations.emplace(name, promise);
      if (!flights.SpawnUncancelled(executor, "revoke",
                                    RunRevoke(name, kind, promise))) {
        cell.revocations.erase(name);
        co_return ShuttingDown();
      }
    }
    if (!co_await WaitFor(promise, absl::InfiniteDuration())) {
      co_return ShuttingDown();
    }
    const absl::StatusOr<RevokeResult> result = promise->value();
    // One that was under way may have been about another grant than the one
    // that this call found: it counts if it ended with the row revoked.
    if (!joined || (result.ok() && !result->superseded)) co_return result;
  }
}

Task<void> Broker::Impl::RunRevoke(
    std::string name, Revocation kind,
    std::shared_ptr<Promise<absl::StatusOr<RevokeResult>>> promise) {
  auto result = co_await RevokeOnce(name, kind);
  CellOf(name).revocations.erase(name);
  promise->Set(std::move(result));
}

Task<absl::StatusOr<RevokeResult>> Broker::Impl::RevokeOnce(std::string name,
                                                            Revocation kind) {
  store::RowKeys keys;
  keys.connection = name;
  const absl::Duration again = options.lease;
  auto begun = co_await d.store.Update(keys, [name, again, kind](Rows& rows) {
    if (!rows.connection) {
      return MakeError(Reason::kConnectionNotFound,
                       "there is no such connection", {{"connection", name}});
    }
    if (kind == Revocation::kLeftOver &&
        rows.connection->state != store::ConnectionState::kRevoking) {
      return absl::AbortedError("nothing is left of it");
    }
    BeginRevocation(again, rows);
    return absl::OkStatus();
  });
  if (!begun.ok()) co_return begun.status();
  Connection connection = *std::move(begun->connection);
  (void)Publish(connection);
  FaultPoint("revoke.after_begin");
  if (connection.state == store::ConnectionState::kRevoked) {
    co_return RevokeResult{.items = connection.revocation,
                           .copy_destroyed = true};
  }

  // A refresh under way may bring a newer pair: that is what must be revoked.
  if (const auto it = CellOf(name).flights.find(name);
      it != CellOf(name).flights.end()) {
    co_await WaitFor(it->second->landed,
                     options.http_timeout + absl::Seconds(5));
    auto read = co_await d.store.GetConnection(name);
    if (read.ok() && *read) connection = **std::move(read);
    if (connection.state == store::ConnectionState::kRevoked) {
      co_return RevokeResult{.items = connection.revocation,
                             .copy_destroyed = true};
    }
    // At many providers to revoke what the person has just replaced would end
    // the new grant as well.
    if (connection.state != store::ConnectionState::kRevoking) {
      co_return RevokeResult{.copy_destroyed = true, .superseded = true};
    }
  }
  RevokeResult result;
  result.items = co_await TellProvider(connection);
  auto finished = co_await d.store.Update(
      keys, [told = std::move(connection), items = result.items](Rows& rows) {
        if (!rows.connection) return absl::AbortedError("gone");
        FinishRevocation(told, items, rows);
        return absl::OkStatus();
      });
  FaultPoint("revoke.after_finish");
  if (finished.ok()) {
    // REVOKING: newer tokens came meanwhile; the scheduler goes on with them.
    const store::ConnectionState state = finished->connection->state;
    result.copy_destroyed = state != store::ConnectionState::kRevoking;
    result.superseded =
        result.copy_destroyed && state != store::ConnectionState::kRevoked;
    (void)Publish(*finished->connection);
  } else {
    // Deleted meanwhile is destroyed too; a store that is down is tried again
    // by the scheduler.
    result.copy_destroyed =
        finished.status().code() == absl::StatusCode::kAborted;
  }
  Log(LogLevel::kInfo, "connection revoked",
      {{"connection", name}, {"copy_destroyed", result.copy_destroyed}});
  co_return result;
}

Task<void> Broker::Impl::RevokeLate(Connection connection) {
  for (int count = 1;; ++count) {
    const std::vector<RevocationItem> items = co_await TellProvider(connection);
    const bool failed =
        std::any_of(items.begin(), items.end(), [](const RevocationItem& item) {
          return item.result == ResultNumber(oauth::RevokeOutcome::kFailed);
        });
    Log(failed ? LogLevel::kWarning : LogLevel::kInfo,
        "the provider was told to revoke tokens that came after the revocation",
        {{"connection", connection.name}, {"failed", failed}});
    if (!failed || closing || count == kLateTries) co_return;
    co_await valetkey::SleepFor(Backoff(count, d.random.Unit()));
  }
}

Task<oauth::RevokeResult> Broker::Impl::SendRevoke(
    const oauth::Definition& definition, HttpRequest request) {
  const HttpResult sent =
      co_await d.http.Send(std::move(request), options.http_timeout);
  if (sent.status.ok()) {
    co_return oauth::ParseRevokeAnswer(definition, sent.response);
  }
  oauth::RevokeResult result;
  result.detail = "the provider could not be reached";
  co_return result;
}

Task<std::vector<RevocationItem>> Broker::Impl::TellProvider(
    Connection connection) {
  std::vector<RevocationItem> items;
  std::vector<oauth::TokenSet> tokens;
  for (const store::TokenRecord& record : connection.tokens) {
    oauth::TokenSet set;
    set.name = record.name;
    auto access =
        d.sealer.Open(record.access_sealed,
                      AccessTokenAssociatedData(connection.name, record.name));
    if (access.ok()) set.access_token = *std::move(access);
    if (!record.refresh_sealed.empty()) {
      auto refresh = d.sealer.Open(
          record.refresh_sealed,
          RefreshTokenAssociatedData(connection.name, record.name));
      if (refresh.ok()) set.refresh_token = *std::move(refresh);
    }
    tokens.push_back(std::move(set));
  }
  auto provider = co_await providers.Get(connection.provider);
  const auto steps_of = [&](const ProviderContext& context)
      -> absl::StatusOr<std::vector<oauth::RevokeStep>> {
    VK_ASSIGN_OR_RETURN(
        const oauth::Client client,
        context.ClientFor(d.sealer, connection.name, connection.inputs,
                          connection.metadata));
    return oauth::RevokeSteps(*context.definition, client, tokens,
                              d.clock.Now());
  };
  absl::StatusOr<std::vector<oauth::RevokeStep>> steps =
      absl::UnavailableError("");
  // With the other client secret, for what is refused with this one.
  absl::StatusOr<std::vector<oauth::RevokeStep>> others = steps;
  if (provider.ok()) {
    steps = steps_of(**provider);
    if ((*provider)->other_secret) {
      others = steps_of(*(*provider)->WithOtherSecret());
    }
  } else {
    steps = provider.status();
  }
  if (!steps.ok()) {
    for (const oauth::TokenSet& set : tokens) {
      items.push_back({.kind = static_cast<int>(oauth::TokenKind::kAccessToken),
                       .token = set.name,
                       .result = ResultNumber(oauth::RevokeOutcome::kFailed),
                       .detail = std::string(steps.status().message())});
    }
    co_return items;
  }
  bool grant_ended = false;
  for (std::size_t i = 0; i < steps->size(); ++i) {
    oauth::RevokeStep& step = (*steps)[i];
    oauth::RevokeResult result;
    if (!step.request) {
      result = {.outcome = oauth::RevokeOutcome::kUnsupported,
                .detail = step.unsupported};
    } else if (grant_ended) {
      result = {.outcome = oauth::RevokeOutcome::kRevoked,
                .detail = "ended together with the grant"};
    } else {
      result = co_await SendRevoke(*(*provider)->definition,
                                   *std::move(step.request));
      if (result.outcome == oauth::RevokeOutcome::kFailed && others.ok() &&
          (*others)[i].request) {
        result = co_await SendRevoke(*(*provider)->definition,
                                     *std::move((*others)[i].request));
      }
      grant_ended =
          step.ends_grant && result.outcome == oauth::RevokeOutcome::kRevoked;
    }
    items.push_back(ItemOf(step, result));
  }
  co_return items;
}

}  // namespace valetkey::broker
