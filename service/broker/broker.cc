#include "service/broker/broker.h"

#include <chrono>
#include <utility>

#include "service/base/name.h"
#include "service/broker/impl.h"

namespace valetkey::broker {

namespace {

std::int64_t NanosOf(std::chrono::steady_clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}
std::int64_t SteadyNanos() { return NanosOf(std::chrono::steady_clock::now()); }

}  // namespace

bool Caller::Reaches(absl::string_view name) const {
  return IsSystem() || ApplicationOf(name) == application;
}

Broker::Impl::Impl(BrokerDependencies dependencies, BrokerOptions opts)
    : d(dependencies),
      options(std::move(opts)),
      alone(d.store.exclusive()),
      providers(d.store, d.catalog, d.sealer, d.clock,
                options.max_parallel_per_client),
      cells(d.reactors.size()),
      unsettled(SteadyNanos()),
      breakers(d.clock, d.random, {}),
      refreshes_ok(d.metrics.GetCounter(
          "valetkey_refreshes_total", "Refreshes sent to providers, by result.",
          {{"result", "ok"}})),
      refreshes_failed(d.metrics.GetCounter(
          "valetkey_refreshes_total", "Refreshes sent to providers, by result.",
          {{"result", "failed"}})),
      refreshes_joined(d.metrics.GetCounter(
          "valetkey_refreshes_joined_total",
          "Callers that waited for a refresh already under way.")),
      reauthorizations(d.metrics.GetCounter(
          "valetkey_reauthorizations_required_total",
          "Connections whose grant was found dead at the provider.")),
      remote_hits(d.metrics.GetCounter(
          "valetkey_cache_lookups_total",
          "Look-ups past memory in the shared cache, by result.",
          {{"result", "hit"}})),
      remote_misses(d.metrics.GetCounter(
          "valetkey_cache_lookups_total",
          "Look-ups past memory in the shared cache, by result.",
          {{"result", "miss"}})),
      store_loads(d.metrics.GetCounter("valetkey_store_loads_total",
                                       "Connections read from the store.")),
      uncommitted_gauge(d.metrics.GetGauge(
          "valetkey_uncommitted_grants",
          "Tokens from a provider that wait in memory for the store.")),
      provider_latency(d.metrics.GetHistogram(
          "valetkey_provider_request_seconds",
          "How long token requests to providers took.")) {}

bool Broker::Impl::Settled() const {
  return SteadyNanos() - unsettled.load() >=
         absl::ToInt64Nanoseconds(options.settle);
}

void Broker::Impl::NoteStore(const absl::Status& status) {
  if (ReasonOf(status) == Reason::kStoreUnavailable) unsettled = SteadyNanos();
}

Broker::Broker(BrokerDependencies dependencies, BrokerOptions options)
    : impl_(std::make_unique<Impl>(dependencies, std::move(options))) {}

Broker::~Broker() = default;

void Broker::Start() {
  const asio::any_io_executor executor = impl_->d.reactors.At(0).executor();
  impl_->background.Spawn(executor, "scheduler", impl_->RunScheduler());
  impl_->background.Spawn(executor, "housekeeping", impl_->RunHousekeeping());
}

bool Broker::Shutdown(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  impl_->closing = true;
  impl_->flights.Close();
  const bool landed = impl_->flights.Join(timeout);
  impl_->background.Close();
  const absl::Duration left = deadline - absl::Now();
  return impl_->background.Join(std::max(left, absl::Seconds(1))) && landed;
}

std::optional<absl::StatusOr<TokenView>> Broker::TryGetToken(
    const GetTokenParameters& parameters) {
  return impl_->TryGetToken(parameters);
}

Task<absl::StatusOr<TokenView>> Broker::GetToken(GetTokenParameters parameters,
                                                 absl::Time deadline) {
  Reactor& reactor = impl_->d.reactors.For(parameters.name);
  co_return co_await impl_->On(
      reactor, impl_->GetTokenHere(std::move(parameters), deadline));
}

Task<absl::StatusOr<TokenView>> Broker::Refresh(RefreshParameters parameters,
                                                absl::Time deadline) {
  Reactor& reactor = impl_->d.reactors.For(parameters.name);
  for (bool again = false;; again = true) {
    auto entry = co_await impl_->On(
        reactor, impl_->JoinRefresh(parameters.name, parameters.token,
                                    parameters.generation, deadline));
    if (!entry.ok()) co_return entry.status();
    // Another replica may have ended it while the refresh was under way.
    VK_CO_RETURN_IF_ERROR(EndedError(parameters.name, **entry));
    const cache::CachedToken* token = (*entry)->Find(parameters.token);
    if (token == nullptr) {
      co_return MakeError(Reason::kTokenNotFound,
                          "the connection has no token of that name",
                          {{"token", parameters.token}});
    }
    if (token->expire_time > impl_->d.clock.Now()) {
      co_return TokenView{.entry = *std::move(entry), .token = token};
    }
    if (again) {
      co_return MakeError(Reason::kProviderResponseInvalid,
                          "the provider gave a token that has expired", {},
                          absl::Seconds(1));
    }
    // What others fetched since the generation asked about has died already.
    parameters.generation = (*entry)->generation;
  }
}

Task<absl::StatusOr<AuthorizeResult>> Broker::Authorize(
    AuthorizeParameters parameters) {
  return impl_->Authorize(std::move(parameters));
}

Task<absl::StatusOr<ExchangeResult>> Broker::Exchange(
    std::string application, ExchangeParameters parameters) {
  return impl_->Exchange(std::move(application), std::move(parameters));
}

Task<CallbackResult> Broker::FinishCallback(oauth::Callback callback,
                                            QueryParameters query) {
  return impl_->FinishCallback(std::move(callback), std::move(query));
}

Task<ConsentOffer> Broker::DescribeConsent(std::string state) {
  return impl_->DescribeConsent(std::move(state));
}

Task<absl::StatusOr<RevokeResult>> Broker::Revoke(std::string name) {
  Reactor& reactor = impl_->d.reactors.For(name);
  co_return co_await impl_->On(
      reactor, impl_->RevokeHere(name, Impl::Revocation::kCalled));
}

std::string Broker::DefaultRedirectUri() const {
  return impl_->options.public_url + "/oauth/callback";
}

void Broker::Committed(const std::vector<store::Event>& events) {
  for (const store::Event& event : events) {
    impl_->d.memory.Outdate(event.connection, event.generation);
  }
}

void Broker::Invalidate(absl::string_view name, std::int64_t below_generation) {
  if (name.empty()) {
    impl_->d.memory.DropAll();
  } else {
    impl_->d.memory.Drop(name, below_generation);
  }
}

void Broker::InvalidateProvider(absl::string_view name) {
  impl_->providers.Forget(name);
}

void Broker::ConfirmMemory(std::chrono::steady_clock::time_point time) {
  impl_->memory_good_until.store(
      NanosOf(time) + absl::ToInt64Nanoseconds(impl_->options.coherence_bound),
      std::memory_order_relaxed);
}

bool Broker::Impl::MemoryIsGood() const {
  return alone ||
         SteadyNanos() < memory_good_until.load(std::memory_order_relaxed);
}

void Broker::TrustRemote(bool trust,
                         std::chrono::steady_clock::time_point time) {
  const std::int64_t until =
      trust ? NanosOf(time) +
                  absl::ToInt64Nanoseconds(impl_->options.coherence_bound)
            : 0;
  impl_->remote_good_until.store(until, std::memory_order_release);
}

bool Broker::Impl::RemoteIsGood() const {
  return SteadyNanos() < remote_good_until.load(std::memory_order_acquire);
}

BrokerStatus Broker::status() const {
  return {.refreshing = impl_->refreshing.load(),
          .handling = impl_->due_running.load(),
          .uncommitted = impl_->uncommitted.load(),
          .memory_current = impl_->MemoryIsGood(),
          .remote_current = impl_->RemoteIsGood(),
          .breakers = impl_->breakers.List()};
}

bool Broker::ready() const {
  return !impl_->closing && impl_->uncommitted.load() == 0;
}

}  // namespace valetkey::broker
