// Reading a token: memory, then Redis, then the store.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "service/base/fault_point.h"
#include "service/broker/cache_codec.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

// Redis is a short cut: beyond this the store is as quick.
constexpr absl::Duration kRemoteDeadline = absl::Milliseconds(250);
// How long Redis remembers that a connection gives no tokens; by then whoever
// could write an old one has given up.
constexpr absl::Duration kTombstoneLife = absl::Minutes(10);
constexpr absl::Duration kMaxRemoteLife = absl::Hours(24);
// Seconds from one background refresh that use has begun to the next, if it
// came to nothing; what was sent has its own back-off in the record.
constexpr std::int64_t kBackgroundRetry = 30;
// Reading again because the connection changed underneath ends somewhere.
constexpr int kMaxRounds = 6;

absl::Status MissingScopes(const cache::CachedToken& token,
                           const std::vector<std::string>& required) {
  const std::vector<absl::string_view> granted =
      absl::StrSplit(token.scopes, ' ', absl::SkipEmpty());
  std::vector<std::string> missing;
  for (const std::string& scope : required) {
    if (std::find(granted.begin(), granted.end(), scope) == granted.end()) {
      missing.push_back(scope);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return MakeError(
      Reason::kScopeNotGranted,
      "a required scope was not granted; send the person to Authorize with "
      "this connection's name and the scopes",
      {{"missing_scopes", absl::StrJoin(missing, " ")}});
}

absl::Status NeedsReauthorization(absl::string_view name,
                                  absl::string_view provider) {
  store::Connection connection;
  connection.name = std::string(name);
  connection.provider = std::string(provider);
  connection.state = store::ConnectionState::kReauthorizationRequired;
  return StateError(connection);
}

absl::Status NotFound(absl::string_view name) {
  return MakeError(Reason::kConnectionNotFound, "there is no such connection",
                   {{"connection", std::string(name)}});
}

cache::CachedState CachedStateOf(store::ConnectionState state) {
  switch (state) {
    case store::ConnectionState::kActive:
      return cache::CachedState::kActive;
    case store::ConnectionState::kReauthorizationRequired:
      return cache::CachedState::kReauthorizationRequired;
    case store::ConnectionState::kRevoking:
    case store::ConnectionState::kRevoked:
      return cache::CachedState::kRevoked;
  }
  return cache::CachedState::kDeleted;
}

}  // namespace

absl::Status ShuttingDown() {
  return MakeError(Reason::kServerShuttingDown, "the server is shutting down",
                   {}, absl::Seconds(1));
}

absl::Status EndedError(absl::string_view name,
                        const cache::CachedConnection& entry) {
  if (entry.state == cache::CachedState::kRevoked) {
    return MakeError(Reason::kConnectionRevoked, "the connection was revoked",
                     {{"connection", std::string(name)}});
  }
  if (entry.state == cache::CachedState::kDeleted) return NotFound(name);
  return absl::OkStatus();
}

std::optional<absl::StatusOr<TokenView>> Broker::Impl::TryGetToken(
    const GetTokenParameters& parameters) {
  const Entry entry = d.memory.Find(parameters.name);
  if (!entry || !MemoryIsGood()) return std::nullopt;
  return Serve(parameters, entry);
}

std::optional<absl::StatusOr<TokenView>> Broker::Impl::Serve(
    const GetTokenParameters& parameters, const Entry& entry) {
  if (entry->state == cache::CachedState::kOutdated ||
      entry->generation < parameters.min_generation ||
      entry->generation < parameters.rejected_generation) {
    return std::nullopt;
  }
  if (absl::Status ended = EndedError(parameters.name, *entry); !ended.ok()) {
    return ended;
  }
  const cache::CachedToken* token = entry->Find(parameters.token);
  if (token == nullptr) {
    std::vector<std::string> names;
    for (const cache::CachedToken& held : entry->tokens) {
      names.push_back(held.name.empty() ? "default" : held.name);
    }
    return MakeError(
        Reason::kTokenNotFound, "the connection has no token of that name",
        {{"token", parameters.token}, {"tokens", absl::StrJoin(names, " ")}});
  }
  if (!parameters.required_scopes.empty()) {
    absl::Status missing = MissingScopes(*token, parameters.required_scopes);
    if (!missing.ok()) return missing;
  }
  const absl::Time now = d.clock.Now();
  const absl::Duration left = token->expire_time - now;
  // A state of "reauthorization required" is about the refresh token: an
  // access token that still lives is served to its end.
  if (entry->generation == parameters.rejected_generation ||
      left <= options.expiry_margin || left < parameters.min_lifetime) {
    return std::nullopt;
  }
  const std::int64_t second = absl::ToUnixSeconds(now);
  if (entry->last_use.load(std::memory_order_relaxed) != second) {
    entry->last_use.store(second, std::memory_order_relaxed);
  }
  if (now >= token->refresh_time &&
      entry->state == cache::CachedState::kActive) {
    std::int64_t after = entry->refresh_after.load(std::memory_order_relaxed);
    if (second >= after &&
        entry->refresh_after.compare_exchange_strong(
            after, second + kBackgroundRetry, std::memory_order_relaxed)) {
      StartFlightSoon(parameters.name, parameters.token, entry->generation);
    }
  }
  return TokenView{.entry = entry, .token = token};
}

Task<absl::StatusOr<TokenView>> Broker::Impl::GetTokenHere(
    GetTokenParameters parameters, absl::Time deadline) {
  // The entry is held here: memory may have let go of it by the next look.
  Entry entry = MemoryIsGood() ? d.memory.Find(parameters.name) : nullptr;
  const std::int64_t needed =
      std::max(parameters.min_generation, parameters.rejected_generation);
  bool refreshed = false;
  for (int round = 0; round < kMaxRounds; ++round) {
    const bool outdated =
        entry && entry->state == cache::CachedState::kOutdated;
    if (!entry || outdated || entry->generation < needed) {
      const std::int64_t wanted =
          outdated ? std::max(needed, entry->generation) : needed;
      auto read = co_await Load(parameters.name, wanted);
      if (!read.ok()) co_return read.status();
      if ((*read)->generation < wanted ||
          (*read)->state == cache::CachedState::kOutdated) {
        // Joined the look-up of somebody who asked for less.
        read = co_await LoadFromStore(parameters.name);
        if (!read.ok()) co_return read.status();
      }
      entry = *std::move(read);
      if (entry->generation < needed) {
        co_return InvalidField(
            parameters.min_generation == needed ? "min_generation"
                                                : "rejected_generation",
            absl::StrCat("a generation that exists, at most ",
                         entry->generation));
      }
    }
    if (auto ready = Serve(parameters, entry)) co_return *std::move(ready);
    if (entry->state == cache::CachedState::kReauthorizationRequired) {
      // Who must consent again is the record's to say; memory does not keep it.
      auto read = co_await d.store.GetConnection(parameters.name);
      if (!read.ok()) {
        co_return NeedsReauthorization(parameters.name, entry->provider);
      }
      if (!*read) co_return NotFound(parameters.name);
      auto current = Publish(**read);
      if (!current.ok()) co_return current.status();
      const absl::Status state = StateError(**read);
      if (!state.ok()) co_return state;
      entry = *std::move(current);
      continue;
    }
    const cache::CachedToken* token = entry->Find(parameters.token);
    const absl::Duration lifetime = token->expire_time - token->issue_time;
    if (lifetime < parameters.min_lifetime || refreshed) {
      if (parameters.min_lifetime > absl::ZeroDuration()) {
        co_return MakeError(
            Reason::kMinLifetimeUnavailable,
            "min_lifetime is longer than this provider's tokens live",
            {{"lifetime", absl::StrCat(absl::ToInt64Seconds(lifetime), "s")}});
      }
      // A token that was expired when it came.
      co_return MakeError(Reason::kProviderResponseInvalid,
                          "the provider gave a token that has expired", {},
                          absl::Seconds(1));
    }
    auto renewed = co_await JoinRefresh(parameters.name, parameters.token,
                                        entry->generation, deadline);
    if (!renewed.ok()) co_return renewed.status();
    refreshed = (*renewed)->generation > entry->generation;
    entry = *std::move(renewed);
  }
  co_return MakeError(Reason::kProviderUnavailable,
                      "the connection keeps changing; try again", {},
                      absl::Seconds(1));
}

Task<absl::StatusOr<Entry>> Broker::Impl::Load(std::string name,
                                               std::int64_t min_generation) {
  Cell& cell = CellOf(name);
  std::shared_ptr<Promise<absl::StatusOr<Entry>>> promise;
  if (const auto it = cell.loads.find(name); it != cell.loads.end()) {
    promise = it->second;
  } else {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    promise = std::make_shared<Promise<absl::StatusOr<Entry>>>(executor);
    cell.loads.emplace(name, promise);
    if (!flights.Spawn(executor, "load",
                       RunLoad(name, min_generation, promise))) {
      cell.loads.erase(name);
      co_return ShuttingDown();
    }
  }
  co_await WaitFor(promise, absl::InfiniteDuration());
  if (!promise->is_set()) {
    co_return ShuttingDown();
  }
  co_return promise->value();
}

Task<void> Broker::Impl::RunLoad(
    std::string name, std::int64_t min_generation,
    std::shared_ptr<Promise<absl::StatusOr<Entry>>> promise) {
  std::optional<Entry> remote = co_await LoadFromRemote(name);
  absl::StatusOr<Entry> result = absl::UnknownError("not loaded");
  if (remote && (*remote)->generation >= min_generation) {
    result = *remote;
  } else {
    result = co_await LoadFromStore(name);
  }
  CellOf(name).loads.erase(name);
  promise->Set(std::move(result));
}

Task<std::optional<Entry>> Broker::Impl::LoadFromRemote(std::string name) {
  if (d.remote == nullptr || !d.remote->healthy() || !RemoteIsGood()) {
    co_return std::nullopt;
  }
  auto found = co_await d.remote->Get(name, absl::Now() + kRemoteDeadline);
  if (!found.ok() || !*found || (*found)->sealed.empty()) {
    remote_misses.Add();
    co_return std::nullopt;
  }
  auto opened = d.sealer.Open((*found)->sealed, CacheAssociatedData(name));
  if (!opened.ok()) {
    remote_misses.Add();
    Log(LogLevel::kWarning, "an entry of the shared cache does not open",
        {{"connection", name}, {"error", opened.status()}});
    co_return std::nullopt;
  }
  auto entry = DecodeCached(opened->Reveal());
  if (!entry || entry->generation != (*found)->generation) {
    remote_misses.Add();
    co_return std::nullopt;
  }
  remote_hits.Add();
  co_return d.memory.Put(name, std::move(entry));
}

Task<absl::StatusOr<Entry>> Broker::Impl::LoadFromStore(std::string name) {
  store_loads.Add();
  auto read = co_await d.store.GetConnection(name);
  if (!read.ok()) co_return read.status();
  if (!*read) co_return NotFound(name);
  co_return Publish(**read);
}

absl::StatusOr<Entry> Broker::Impl::Publish(
    const store::Connection& connection) {
  auto entry = std::make_shared<cache::CachedConnection>();
  entry->provider = connection.provider;
  entry->generation = connection.generation;
  entry->revision = connection.revision;
  entry->state = CachedStateOf(connection.state);
  if (entry->state != cache::CachedState::kRevoked) {
    entry->tokens.reserve(connection.tokens.size());
    for (const store::TokenRecord& record : connection.tokens) {
      cache::CachedToken token;
      token.name = record.name;
      VK_ASSIGN_OR_RETURN(token.access_token,
                          d.sealer.Open(record.access_sealed,
                                        AccessTokenAssociatedData(
                                            connection.name, record.name)));
      token.token_type = record.token_type;
      token.scopes = absl::StrJoin(record.scopes, " ");
      token.issue_time = record.issue_time.value_or(absl::InfinitePast());
      token.expire_time = record.expire_time.value_or(absl::InfiniteFuture());
      token.refresh_time = record.due_time.value_or(absl::InfiniteFuture());
      entry->tokens.push_back(std::move(token));
    }
  }
  const Entry kept = d.memory.Put(connection.name, std::move(entry));
  if (d.remote != nullptr && kept->revision == connection.revision) {
    background.Spawn(d.reactors.For(connection.name).executor(),
                     "put into shared cache", PutRemote(connection.name, kept));
  }
  return kept;
}

Task<void> Broker::Impl::PutRemote(std::string name, Entry entry) {
  if (!d.remote->healthy()) co_return;
  cache::RemoteEntry remote;
  remote.generation = entry->generation;
  absl::Duration life = kTombstoneLife;
  if (entry->state == cache::CachedState::kActive && !entry->tokens.empty()) {
    life = kMaxRemoteLife;
    const absl::Time now = d.clock.Now();
    for (const cache::CachedToken& token : entry->tokens) {
      life = std::min(life, token.expire_time - now);
    }
    if (life <= absl::ZeroDuration()) co_return;
    remote.sealed =
        d.sealer.Seal(EncodeCached(*entry), CacheAssociatedData(name));
  } else if (entry->state == cache::CachedState::kReauthorizationRequired) {
    // The tokens stay good to their end; the entry that is there already may.
    co_return;
  }
  const absl::Status put = co_await d.remote->Put(
      name, std::move(remote), life, absl::Now() + kRemoteDeadline);
  if (!put.ok() && LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "the shared cache did not take an entry",
        {{"connection", name}, {"error", put}});
  }
}

}  // namespace valetkey::broker
