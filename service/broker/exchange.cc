// Exchange: the code for tokens, once, whoever asks and however often.
//
// The authorization's row says how far it came: pending, exchanging (the code
// has been sent; nobody knows the outcome), done, failed. A repeated call with
// the same code gets the same answer; any other code with that state is
// refused.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/fault_point.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Authorization;
using store::AuthorizationStatus;
using store::Connection;
using store::Rows;

std::vector<std::string> Missing(const std::vector<std::string>& requested,
                                 const std::vector<std::string>& granted) {
  std::vector<std::string> missing;
  for (const std::string& scope : requested) {
    if (std::find(granted.begin(), granted.end(), scope) == granted.end()) {
      missing.push_back(scope);
    }
  }
  return missing;
}

ExchangeResult ResultOf(const Connection& connection) {
  return {
      .connection = connection.name,
      .scopes = connection.scopes,
      .missing_scopes = Missing(connection.requested_scopes, connection.scopes),
      .generation = connection.generation};
}

}  // namespace

absl::Status StateInvalid(absl::string_view why) {
  return MakeError(Reason::kAuthorizationStateInvalid,
                   absl::StrCat("the state of this authorization ", why,
                                "; begin again with Authorize"));
}

Task<absl::StatusOr<ExchangeResult>> Broker::Impl::Exchange(
    std::string application, ExchangeParameters parameters) {
  if (parameters.state.empty()) {
    co_return InvalidField("state", "the state parameter of the redirect");
  }
  std::string digest = HexEncode(Sha256(parameters.state));
  Reactor& reactor = d.reactors.For(digest);
  co_return co_await On(reactor,
                        ExchangeHere(std::move(digest), std::move(application),
                                     std::move(parameters)));
}

Task<absl::StatusOr<ExchangeResult>> Broker::Impl::ExchangeHere(
    std::string digest, std::string application,
    ExchangeParameters parameters) {
  // Joined by state, code and caller alike: what differs waits for its turn,
  // and is then told what came of the first.
  const std::string key = absl::StrCat(digest, application, "\n",
                                       parameters.code, parameters.error);
  Cell& cell = CellOf(digest);
  std::shared_ptr<Promise<absl::StatusOr<ExchangeResult>>> promise;
  if (const auto it = cell.exchanges.find(key); it != cell.exchanges.end()) {
    promise = it->second;
  } else {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    promise =
        std::make_shared<Promise<absl::StatusOr<ExchangeResult>>>(executor);
    cell.exchanges.emplace(key, promise);
    if (!flights.SpawnUncancelled(
            executor, "exchange",
            RunExchange(key, digest, application, parameters, promise))) {
      cell.exchanges.erase(key);
      co_return MakeError(Reason::kServerShuttingDown,
                          "the server is shutting down", {}, absl::Seconds(1));
    }
  }
  if (!co_await WaitFor(promise, 3 * options.http_timeout)) {
    co_return MakeError(
        Reason::kStoreUnavailable,
        "the exchange is still under way; repeat the call with the same state "
        "and code",
        {}, absl::Seconds(2));
  }
  co_return promise->value();
}

Task<void> Broker::Impl::RunExchange(
    std::string key, std::string digest, std::string application,
    ExchangeParameters parameters,
    std::shared_ptr<Promise<absl::StatusOr<ExchangeResult>>> promise) {
  auto result =
      co_await ExchangeOnce(digest, application, std::move(parameters));
  CellOf(digest).exchanges.erase(key);
  promise->Set(std::move(result));
}

Task<absl::StatusOr<ExchangeResult>> Broker::Impl::ExchangeOnce(
    std::string digest, std::string application,
    ExchangeParameters parameters) {
  VK_CO_ASSIGN_OR_RETURN(auto found, co_await d.store.GetAuthorization(digest));
  if (!found || (!application.empty() && found->application != application)) {
    co_return StateInvalid("is not known");
  }
  Authorization authorization = *std::move(found);
  const std::string code_digest =
      parameters.code.empty() ? "" : Sha256(parameters.code);
  const bool same_code =
      !code_digest.empty() && authorization.code_digest == code_digest;
  if (authorization.status == AuthorizationStatus::kDone ||
      authorization.status == AuthorizationStatus::kFailed) {
    if (!same_code) co_return StateInvalid("was used before");
    if (authorization.status == AuthorizationStatus::kFailed) {
      const Reason reason = ReasonFromName(authorization.failure_reason);
      co_return MakeError(
          reason == Reason::kNone ? Reason::kAuthorizationCodeRejected : reason,
          authorization.failure_message);
    }
    VK_CO_ASSIGN_OR_RETURN(auto connection, co_await d.store.GetConnection(
                                                authorization.connection));
    if (!connection) co_return StateInvalid("was used before");
    co_return ResultOf(*connection);
  }
  if (authorization.expire_time <= d.clock.Now()) {
    co_return StateInvalid("has expired");
  }
  VK_CO_ASSIGN_OR_RETURN(std::shared_ptr<const ProviderContext> provider,
                         co_await providers.Get(authorization.provider));
  VK_CO_RETURN_IF_ERROR(
      oauth::CheckIssuer(*provider->definition, parameters.issuer));
  if (!parameters.error.empty()) {
    // The state stays good: the person may go back and decide otherwise.
    co_return oauth::CallbackError(parameters.error);
  }
  if (parameters.code.empty()) {
    co_return InvalidField("code", "the code parameter of the redirect");
  }

  store::RowKeys keys;
  keys.authorization = digest;
  auto claimed = co_await d.store.Update(keys, [code_digest](Rows& rows) {
    if (!rows.authorization || rows.authorization->expire_time <= rows.now) {
      return StateInvalid("has expired");
    }
    Authorization& row = *rows.authorization;
    if (row.status != AuthorizationStatus::kPending &&
        !(row.status == AuthorizationStatus::kExchanging &&
          row.code_digest == code_digest)) {
      return StateInvalid("is in use with another code");
    }
    row.status = AuthorizationStatus::kExchanging;
    row.code_digest = code_digest;
    return absl::OkStatus();
  });
  if (!claimed.ok()) co_return claimed.status();
  authorization = *std::move(claimed->authorization);

  const absl::Time asked = d.clock.Now();
  auto answer = co_await TradeCode(authorization, parameters, provider);
  if (!answer.ok()) {
    const Reason reason = ReasonOf(answer.status());
    if (reason == Reason::kAuthorizationCodeRejected) {
      const std::string message(answer.status().message());
      (void)co_await d.store.Update(keys, [message](Rows& rows) {
        if (!rows.authorization) return absl::AbortedError("gone");
        rows.authorization->status = AuthorizationStatus::kFailed;
        rows.authorization->failure_reason =
            std::string(ReasonName(Reason::kAuthorizationCodeRejected));
        rows.authorization->failure_message = message;
        return absl::OkStatus();
      });
    }
    Log(LogLevel::kInfo, "exchange failed",
        {{"provider", authorization.provider},
         {"connection", authorization.connection},
         {"error", answer.status()}});
    co_return answer.status();
  }
  co_return co_await CommitConsent(std::move(authorization),
                                   std::move(provider), std::move(parameters),
                                   *std::move(answer), asked);
}

Task<absl::StatusOr<oauth::TokenAnswer>> Broker::Impl::TradeCode(
    Authorization authorization, ExchangeParameters parameters,
    std::shared_ptr<const ProviderContext> provider) {
  oauth::ExchangeParameters exchange;
  exchange.code = parameters.code;
  exchange.redirect_uri = authorization.redirect_uri;
  exchange.state = parameters.state;
  exchange.callback = CapturedOf(*provider->definition, parameters);
  if (!authorization.verifier_sealed.empty()) {
    VK_CO_ASSIGN_OR_RETURN(
        exchange.verifier,
        d.sealer.Open(authorization.verifier_sealed,
                      VerifierAssociatedData(authorization.name)));
  }
  const std::map<std::string, std::string> inputs =
      InputsOf(*provider->definition, authorization.inputs, exchange.callback);
  oauth::Client client;
  absl::Time asked;
  oauth::ParsedTokenAnswer parsed;
  for (bool again = false;; again = true) {
    VK_CO_ASSIGN_OR_RETURN(
        client,
        provider->ClientFor(d.sealer, authorization.connection, inputs, {}));
    asked = d.clock.Now();
    VK_CO_ASSIGN_OR_RETURN(
        HttpRequest request,
        oauth::ExchangeRequest(*provider->definition, client, exchange, asked));
    FaultPoint("exchange.before_post");
    const HttpResult sent =
        co_await d.http.Send(std::move(request), options.http_timeout);
    FaultPoint("exchange.after_post");
    provider_latency.Observe(absl::ToDoubleSeconds(d.clock.Now() - asked));
    if (!sent.status.ok()) {
      co_return MakeError(Reason::kProviderUnavailable,
                          absl::StrCat("the provider could not be reached: ",
                                       sent.status.message()),
                          {}, absl::Seconds(5));
    }
    std::vector<absl::string_view> secrets = oauth::SecretsOf(client);
    secrets.push_back(parameters.code);
    secrets.push_back(exchange.verifier.Reveal());
    parsed =
        oauth::ParseTokenAnswer(*provider->definition, oauth::Leg::kExchange,
                                sent.response, asked, secrets);
    if (!parsed.failure || again) break;
    auto other = co_await OtherSecret(provider, parsed.failure->kind, asked);
    if (!other) break;
    provider = std::move(other);
  }
  if (parsed.answer) {
    providers.NoteAccepted(*provider);
    Hopped hopped =
        co_await Hop(authorization.connection, provider, client,
                     oauth::Leg::kExchange, *std::move(parsed.answer));
    if (hopped.failure && !hopped.answer.tokens.empty()) {
      // Of no use, and so never given out; the refresh that its end brings
      // about makes the call again.
      hopped.answer.tokens.front().expire_time = asked;
    }
    co_return std::move(hopped.answer);
  }
  oauth::ProviderFailure failure = *std::move(parsed.failure);
  const ErrorMetadata metadata = {{"provider_error", failure.code}};
  std::string message = failure.message;
  if (failure.kind == oauth::FailureClass::kAmbiguous) {
    const ClientStanding standing = co_await FindStanding(provider, asked);
    failure.kind = standing == ClientStanding::kRefused
                       ? oauth::FailureClass::kClientRejected
                       : oauth::FailureClass::kGrantDead;
    if (standing == ClientStanding::kUnknown) {
      message +=
          " (if this happens to everyone, check the provider's client "
          "id and secret)";
    }
  }
  switch (failure.kind) {
    case oauth::FailureClass::kGrantDead:
    case oauth::FailureClass::kAmbiguous:
      co_return MakeError(
          Reason::kAuthorizationCodeRejected,
          absl::StrCat("the provider refused the authorization code: ",
                       message),
          metadata);
    case oauth::FailureClass::kClientRejected:
      co_return MakeError(
          Reason::kProviderClientRejected,
          absl::StrCat("the provider refused our client id or secret: ",
                       message),
          metadata);
    case oauth::FailureClass::kRequestRejected:
      co_return MakeError(
          Reason::kProviderRequestRejected,
          absl::StrCat("the provider refused the token request: ", message),
          metadata);
    case oauth::FailureClass::kThrottled:
      co_return MakeError(Reason::kProviderThrottled,
                          "the provider asks for fewer calls", metadata,
                          std::max(failure.retry_after, absl::Seconds(5)));
    case oauth::FailureClass::kUnavailable:
      co_return MakeError(Reason::kProviderUnavailable,
                          absl::StrCat("the provider failed: ", message),
                          metadata,
                          std::max(failure.retry_after, absl::Seconds(5)));
    case oauth::FailureClass::kUnreadable:
      break;
  }
  co_return MakeError(
      Reason::kProviderResponseInvalid,
      absl::StrCat("the provider's answer could not be read: ", message),
      metadata, absl::Seconds(5));
}

std::map<std::string, std::string> Broker::Impl::CapturedOf(
    const oauth::Definition& definition, const ExchangeParameters& parameters) {
  const QueryParameters query(parameters.callback_parameters.begin(),
                              parameters.callback_parameters.end());
  return oauth::ReadCallback(&definition, query).captured;
}

std::map<std::string, std::string> Broker::Impl::InputsOf(
    const oauth::Definition& definition,
    std::map<std::string, std::string> inputs,
    const std::map<std::string, std::string>& captured) {
  for (const auto& input : definition.inputs()) {
    if (input.source() != catalog::v1::INPUT_SOURCE_CALLBACK &&
        input.source() != catalog::v1::INPUT_SOURCE_TOKEN_ANSWER) {
      continue;
    }
    const auto it = captured.find(input.name());
    if (it != captured.end()) inputs[input.name()] = it->second;
  }
  return inputs;
}

Task<absl::StatusOr<ExchangeResult>> Broker::Impl::CommitConsent(
    Authorization authorization,
    std::shared_ptr<const ProviderContext> provider,
    ExchangeParameters parameters, oauth::TokenAnswer answer,
    absl::Time asked) {
  const oauth::Definition& definition = *provider->definition;
  std::map<std::string, std::string> kept = CapturedOf(definition, parameters);
  for (const auto& [key, value] : answer.metadata) kept[key] = value;
  NewTokens tokens = SealTokens(authorization.connection, definition, {},
                                answer, asked, authorization.scopes);
  tokens.metadata = kept;
  const auto inputs = InputsOf(definition, authorization.inputs, kept);
  Connection fresh;
  fresh.tokens = tokens.tokens;
  const Schedule schedule = ScheduleOf(fresh, definition);

  store::RowKeys keys;
  keys.authorization = authorization.name;
  keys.connection = authorization.connection;
  const store::Change change = [tokens, inputs, schedule](Rows& rows) {
    if (!rows.authorization) return absl::AbortedError("gone");
    Authorization& consent = *rows.authorization;
    if (consent.status == AuthorizationStatus::kDone) {
      return absl::OkStatus();
    }
    return Connect(tokens, inputs, schedule, rows);
  };
  auto committed = co_await d.store.Update(keys, change);
  if (!committed.ok() &&
      committed.status().code() != absl::StatusCode::kAborted &&
      ReasonOf(committed.status()) != Reason::kConnectionNotFound) {
    Log(LogLevel::kError,
        "a new grant could not be stored; it is kept in memory and tried "
        "again",
        {{"connection", authorization.connection},
         {"error", committed.status()}});
    committed = co_await CommitForSure(keys, change, authorization.connection);
  }
  FaultPoint("exchange.after_commit");
  if (!committed.ok()) {
    if (committed.status().code() == absl::StatusCode::kAborted) {
      co_return StateInvalid("has expired");
    }
    co_return committed.status();
  }
  const Connection& connection = *committed->connection;
  Log(LogLevel::kInfo, "connected",
      {{"connection", connection.name},
       {"provider", connection.provider},
       {"generation", connection.generation}});
  (void)Publish(connection);
  if (!answer.tokens.empty()) {
    background.Spawn(d.reactors.For(connection.name).executor(),
                     "learn account",
                     LearnAccount(connection, provider, answer.tokens.front()));
  }
  co_return ResultOf(connection);
}

}  // namespace valetkey::broker
