// The flight that renews a connection's tokens, up to the provider's answer;
// what becomes of that is in refresh_outcome.cc.
//
// One flight at a time for each connection in this process (its reactor's
// Cell), one at a time among replicas (the lease in the row). What goes to the
// provider was recorded before it went.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "service/base/crypto.h"
#include "service/base/fault_point.h"
#include "service/base/url.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Connection;
using store::Rows;
using store::TokenRecord;

// Reading again because the connection changed underneath.
constexpr int kMaxRounds = 8;
// How soon to look again while another replica holds the lease.
constexpr absl::Duration kLeasePoll = absl::Milliseconds(200);
// Someone who waits for a token does not wait out a long back-off: the
// provider may be well again.
constexpr absl::Duration kMaxDemandBackoff = absl::Seconds(30);

const std::string& UrlTemplate(const oauth::Definition& definition) {
  return definition.refresh().url().empty() ? definition.token().url()
                                            : definition.refresh().url();
}
// Whether all of the provider's connections are refreshed at one place.
bool IsFixed(const oauth::Definition& definition) {
  return !absl::StrContains(UrlTemplate(definition), '{');
}
// Of a place that the connection has a say in, the origin alone: the rest may
// hold what is nobody's business.
std::string EndpointName(const oauth::Definition& definition,
                         const HttpRequest& request) {
  if (IsFixed(definition)) return UrlTemplate(definition);
  const auto url = ParseUrl(request.url);
  return url.ok() ? url->Origin() : std::string("an unknown place");
}

// What an earlier failure still forbids: nothing is sent before its time.
absl::Status StillBackingOff(const Connection& connection, absl::Time now) {
  if (!connection.last_failure) return absl::OkStatus();
  const store::Failure& failure = *connection.last_failure;
  const Reason reason = ReasonFromName(failure.reason);
  absl::Time until = failure.retry_time;
  if (reason != Reason::kProviderThrottled) {
    until = std::min(until, failure.time + kMaxDemandBackoff);
  }
  if (now >= until || reason == Reason::kNone) return absl::OkStatus();
  return MakeError(reason, failure.message, {}, until - now);
}

}  // namespace

Broker::Impl::Cell& Broker::Impl::CellOf(absl::string_view name) {
  return cells[d.reactors.For(name).index()];
}

Task<absl::StatusOr<Entry>> Broker::Impl::JoinRefresh(std::string name,
                                                      std::string token,
                                                      std::int64_t seen,
                                                      absl::Time deadline) {
  for (int round = 0; round < kMaxRounds; ++round) {
    std::shared_ptr<Flight> flight;
    const auto it = CellOf(name).flights.find(name);
    if (it == CellOf(name).flights.end()) {
      flight = StartFlight(name, token, seen);
      if (!flight) co_return ShuttingDown();
    } else {
      flight = it->second;
      refreshes_joined.Add();
    }
    const absl::Duration left = deadline - absl::Now();
    if (!co_await WaitFor(flight->landed, left)) {
      co_return MakeError(Reason::kProviderUnavailable,
                          "the provider has not answered yet; the refresh goes "
                          "on, try again",
                          {}, absl::Seconds(1));
    }
    // A flight for another of the connection's tokens says nothing of ours.
    if (flight->token == token || !flight->landed->value().ok()) {
      co_return flight->landed->value();
    }
  }
  co_return MakeError(Reason::kProviderUnavailable,
                      "the connection's other tokens are being renewed", {},
                      absl::Seconds(1));
}

std::shared_ptr<Broker::Impl::Flight> Broker::Impl::StartFlight(
    const std::string& name, const std::string& token, std::int64_t seen) {
  Cell& cell = CellOf(name);
  if (cell.flights.contains(name)) return cell.flights[name];
  const asio::any_io_executor executor = d.reactors.For(name).executor();
  auto flight = std::make_shared<Flight>();
  flight->name = name;
  flight->token = token;
  flight->landed = std::make_shared<Promise<absl::StatusOr<Entry>>>(executor);
  cell.flights.emplace(name, flight);
  if (!flights.SpawnUncancelled(executor, "refresh", RunFlight(flight, seen))) {
    cell.flights.erase(name);
    return nullptr;
  }
  return flight;
}

void Broker::Impl::StartFlightSoon(absl::string_view name,
                                   absl::string_view token, std::int64_t seen) {
  asio::post(d.reactors.For(name).executor(),
             [this, name = std::string(name), token = std::string(token),
              seen] { StartFlight(name, token, seen); });
}

Task<void> Broker::Impl::RunFlight(std::shared_ptr<Flight> flight,
                                   std::int64_t seen) {
  absl::StatusOr<Entry> result = co_await Fly(flight, seen);
  if (!result.ok()) {
    refreshes_failed.Add();
    Log(LogLevel::kInfo, "refresh failed",
        {{"connection", flight->name}, {"error", result.status()}});
  }
  CellOf(flight->name).flights.erase(flight->name);
  if (!flight->landed->is_set()) flight->landed->Set(std::move(result));
}

Task<absl::StatusOr<Entry>> Broker::Impl::Fly(std::shared_ptr<Flight> flight,
                                              std::int64_t seen) {
  for (int round = 0; round < kMaxRounds && !closing; ++round) {
    if (std::exchange(flight->leased, false)) {
      // Another replica is at it. It ends by its answer or with its lease.
      co_await valetkey::SleepFor(kLeasePoll * (0.5 + d.random.Unit()));
      --round;
    }
    auto read = co_await d.store.GetConnection(flight->name);
    NoteStore(read.status());
    if (!read.ok()) co_return read.status();
    if (!*read) {
      co_return MakeError(Reason::kConnectionNotFound,
                          "there is no such connection",
                          {{"connection", flight->name}});
    }
    Connection connection = **std::move(read);
    if (connection.state != store::ConnectionState::kActive) {
      (void)Publish(connection);
      co_return StateError(connection);
    }
    // 0: whatever the generation; but once, for what changes it meanwhile is
    // as new as what we would fetch.
    if (seen == 0) seen = connection.generation;
    if (connection.generation > seen) co_return Publish(connection);

    VK_CO_ASSIGN_OR_RETURN(std::shared_ptr<const ProviderContext> provider,
                           co_await providers.Get(connection.provider));
    const absl::Status early = StillBackingOff(connection, d.clock.Now());
    if (!early.ok()) co_return early;
    // Waiting for a permit may take long: what was read is checked again by
    // Begin, which is conditional on the generation.
    const Limiter::Permit permit = co_await provider->limiter->Acquire();
    ++refreshing;
    auto outcome =
        co_await Attempt(flight, std::move(connection), std::move(provider));
    --refreshing;
    if (outcome) co_return *std::move(outcome);
  }
  if (closing) co_return ShuttingDown();
  co_return MakeError(Reason::kProviderUnavailable,
                      "the connection keeps changing", {}, absl::Seconds(1));
}

Task<std::optional<absl::StatusOr<Entry>>> Broker::Impl::Attempt(
    std::shared_ptr<Flight> flight, Connection connection,
    std::shared_ptr<const ProviderContext> provider) {
  const TokenRecord* held = FindToken(connection, flight->token);
  if (held == nullptr) {
    co_return absl::StatusOr<Entry>(MakeError(
        Reason::kTokenNotFound, "the connection has no token of that name",
        {{"token", flight->token}}));
  }
  const oauth::RefreshKind kind = oauth::RefreshKindOf(
      *provider->definition, !held->refresh_sealed.empty());
  if (kind == oauth::RefreshKind::kNone) {
    if (held->expire_time && *held->expire_time <= d.clock.Now()) {
      // Nothing can renew it any more but the person.
      store::RowKeys keys;
      keys.connection = connection.name;
      const std::int64_t generation = connection.generation;
      auto rows = co_await d.store.Update(keys, [generation](Rows& row) {
        if (!row.connection || row.connection->generation != generation) {
          return absl::AbortedError("changed");
        }
        RecordDeadGrant("",
                        "the access token has expired and there is no "
                        "refresh token",
                        row);
        return absl::OkStatus();
      });
      if (!rows.ok()) co_return std::nullopt;
      reauthorizations.Add();
      (void)Publish(*rows->connection);
      co_return absl::StatusOr<Entry>(StateError(*rows->connection));
    }
    co_return absl::StatusOr<Entry>(
        MakeError(Reason::kRefreshUnsupported,
                  "the provider gave no refresh token for this connection"));
  }

  oauth::RefreshParameters parameters;
  parameters.scopes = held->scopes;
  parameters.redirect_uri = provider->record.redirect_uri.empty()
                                ? options.public_url + "/oauth/callback"
                                : provider->record.redirect_uri;
  const bool by_access_token = kind == oauth::RefreshKind::kAccessToken;
  if (!held->refresh_sealed.empty()) {
    auto opened =
        d.sealer.Open(held->refresh_sealed,
                      RefreshTokenAssociatedData(connection.name, held->name));
    if (!opened.ok()) co_return absl::StatusOr<Entry>(opened.status());
    parameters.refresh_token = *std::move(opened);
  }
  if (by_access_token) {
    auto opened =
        d.sealer.Open(held->access_sealed,
                      AccessTokenAssociatedData(connection.name, held->name));
    if (!opened.ok()) co_return absl::StatusOr<Entry>(opened.status());
    parameters.access_token = *std::move(opened);
  }
  const SecretString& presented =
      by_access_token ? parameters.access_token : parameters.refresh_token;
  const std::string digest = Sha256(presented.Reveal());
  if (digest == connection.dead_refresh_digest) {
    connection.state = store::ConnectionState::kReauthorizationRequired;
    co_return absl::StatusOr<Entry>(StateError(connection));
  }
  auto opened_client = provider->ClientFor(
      d.sealer, connection.name, connection.inputs, connection.metadata);
  if (!opened_client.ok()) {
    co_return absl::StatusOr<Entry>(opened_client.status());
  }
  oauth::Client client = *std::move(opened_client);
  absl::Time asked = d.clock.Now();
  auto request =
      oauth::RefreshRequest(*provider->definition, client, parameters, asked);
  if (!request.ok()) co_return absl::StatusOr<Entry>(request.status());

  const std::string endpoint = EndpointName(*provider->definition, *request);
  auto pass = breakers.Admit(
      endpoint, IsFixed(*provider->definition) ? provider->record.name : "");
  if (!pass.ok()) co_return absl::StatusOr<Entry>(pass.status());

  AttemptRef attempt{.instance = options.instance,
                     .attempt_id = HexEncode(d.random.Bytes(8)),
                     .token = flight->token};
  const BeginRefresh begin{.instance = options.instance,
                           .exclusive = d.store.exclusive(),
                           .attempt_id = attempt.attempt_id,
                           .token = flight->token,
                           .generation = connection.generation,
                           .presented_digest = digest,
                           .lease = options.lease,
                           .take_over = Settled()};
  auto outcome = std::make_shared<BeginOutcome>(BeginOutcome::kMoved);
  store::RowKeys keys;
  keys.connection = connection.name;
  const auto start = std::chrono::steady_clock::now();
  auto begun = co_await d.store.Update(keys, [begin, outcome](Rows& rows) {
    *outcome = Begin(begin, rows);
    return *outcome == BeginOutcome::kBegun ? absl::OkStatus()
                                            : absl::AbortedError("not begun");
  });
  NoteStore(begun.status());
  if (!begun.ok()) {
    if (*outcome == BeginOutcome::kBegun ||
        begun.status().code() != absl::StatusCode::kAborted) {
      co_return absl::StatusOr<Entry>(begun.status());
    }
    flight->leased = *outcome == BeginOutcome::kLeased;
    co_return std::nullopt;
  }
  connection = *std::move(begun->connection);
  attempt.number = connection.attempts;
  // A process that stood still meanwhile may have lost the lease already: what
  // is sent must be answered for while we hold it.
  if (absl::FromChrono(std::chrono::steady_clock::now() - start) +
          options.http_timeout >
      options.lease) {
    co_return std::nullopt;
  }

  oauth::ParsedTokenAnswer parsed;
  for (bool again = false;; again = true) {
    FaultPoint("refresh.before_post");
    const HttpResult sent =
        co_await d.http.Send(*std::move(request), options.http_timeout);
    FaultPoint("refresh.after_post");
    provider_latency.Observe(absl::ToDoubleSeconds(d.clock.Now() - asked));
    if (!sent.status.ok()) {
      pass->Failed();
      co_return co_await Fail(attempt, std::move(connection),
                              std::move(provider), digest,
                              {.kind = oauth::FailureClass::kUnavailable,
                               .message = std::string(sent.status.message())},
                              sent.maybe_sent);
    }
    std::vector<absl::string_view> secrets = oauth::SecretsOf(client);
    secrets.push_back(parameters.refresh_token.Reveal());
    secrets.push_back(parameters.access_token.Reveal());
    parsed =
        oauth::ParseTokenAnswer(*provider->definition, oauth::Leg::kRefresh,
                                sent.response, asked, secrets);
    // A refused client has presented no grant: it may come with its other
    // secret.
    if (!parsed.failure || again || !provider->other_secret ||
        !co_await HoldOn(attempt, connection.name)) {
      break;
    }
    auto other = co_await OtherSecret(provider, parsed.failure->kind, asked);
    if (!other) break;
    // All else of the client is the same.
    client.client_secret = other->client.client_secret;
    asked = d.clock.Now();
    request =
        oauth::RefreshRequest(*other->definition, client, parameters, asked);
    if (!request.ok()) break;
    provider = std::move(other);
  }
  if (parsed.failure) {
    const bool unknown =
        parsed.failure->kind == oauth::FailureClass::kUnavailable ||
        parsed.failure->kind == oauth::FailureClass::kUnreadable;
    if (unknown) {
      pass->Failed();
    } else {
      pass->Succeeded();
    }
    co_return co_await Fail(attempt, std::move(connection), std::move(provider),
                            digest, *std::move(parsed.failure), unknown);
  }
  pass->Succeeded();
  providers.NoteAccepted(*provider);
  // An answer that only extends what we have brings no token of its own.
  if (parsed.answer->tokens.size() == 1 &&
      parsed.answer->tokens[0].name.empty()) {
    parsed.answer->tokens[0].name = flight->token;
  }
  Hopped hopped{.answer = *std::move(parsed.answer)};
  if (flight->token.empty() &&
      !oauth::PostExchangeHops(*provider->definition, oauth::Leg::kRefresh)
           .empty()) {
    hopped = co_await HopAfterRefresh(attempt, connection, provider, client,
                                      std::move(hopped.answer), asked);
  }
  co_return co_await CommitAnswer(flight, attempt, std::move(connection),
                                  std::move(provider), std::move(hopped),
                                  asked);
}

}  // namespace valetkey::broker
