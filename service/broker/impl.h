// The inside of the broker: one class, its parts in one file each.
//
//   broker.cc      start, shutdown, the facade
//   tokens.cc      reading a token: memory, then Redis, then the store
//   refresh.cc     the flight that renews tokens
//   refresh_outcome.cc  committing its tokens, recording its failure
//   hops.cc        the calls that follow an answer with tokens
//   evidence.cc    telling a dead grant from a refused client
//   consent.cc     Authorize
//   exchange.cc    Exchange
//   account.cc     whose account a new connection is
//   callback.cc    the redirect to our own callback
//   revoke.cc      Revoke
//   scheduler.cc   what is due, housekeeping

#ifndef VALETKEY_BROKER_IMPL_H_
#define VALETKEY_BROKER_IMPL_H_

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "service/async/promise.h"
#include "service/async/task_scope.h"
#include "service/broker/breakers.h"
#include "service/broker/broker.h"
#include "service/broker/providers.h"
#include "service/broker/rules.h"

namespace valetkey::broker {

using Entry = std::shared_ptr<const cache::CachedConnection>;

// What is said of a connection that was revoked or deleted; OK for any other.
absl::Status EndedError(absl::string_view name,
                        const cache::CachedConnection& entry);

absl::Status ShuttingDown();

// AUTHORIZATION_STATE_INVALID: the state "has expired", "is not known", ...
absl::Status StateInvalid(absl::string_view why);

// Connections being handled by the scheduler. Thread-safe.
class DueSet {
 public:
  // False if it is there already.
  bool Insert(const store::DueConnection& due) {
    MutexLock lock(mutex_);
    if (!names_.insert(due.name).second) return false;
    ++providers_[due.provider];
    return true;
  }
  void Erase(const store::DueConnection& due) {
    MutexLock lock(mutex_);
    names_.erase(due.name);
    const auto it = providers_.find(due.provider);
    if (--it->second == 0) providers_.erase(it);
  }
  // Providers with so many connections here.
  std::vector<std::string> Busy(int count) const {
    MutexLock lock(mutex_);
    std::vector<std::string> busy;
    for (const auto& [provider, running] : providers_) {
      if (running >= count) busy.push_back(provider);
    }
    return busy;
  }

 private:
  mutable Mutex mutex_;
  absl::flat_hash_set<std::string> names_ VK_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> providers_ VK_GUARDED_BY(mutex_);
};

struct Broker::Impl {
  Impl(BrokerDependencies dependencies, BrokerOptions options);

  // --- tokens.cc ---

  // Whether what others have changed would be known here.
  bool MemoryIsGood() const;
  bool RemoteIsGood() const;
  std::optional<absl::StatusOr<TokenView>> TryGetToken(
      const GetTokenParameters& parameters);
  // What the entry gives for the question; nullopt if a newer one is needed.
  std::optional<absl::StatusOr<TokenView>> Serve(
      const GetTokenParameters& parameters, const Entry& entry);
  // REQUIRES: on the connection's reactor, as all that takes a Cell.
  Task<absl::StatusOr<TokenView>> GetTokenHere(GetTokenParameters parameters,
                                               absl::Time deadline);
  // The connection as Redis or the store has it, put into memory.
  // `min_generation` passes over a Redis that is behind.
  Task<absl::StatusOr<Entry>> Load(std::string name,
                                   std::int64_t min_generation);
  Task<void> RunLoad(std::string name, std::int64_t min_generation,
                     std::shared_ptr<Promise<absl::StatusOr<Entry>>> promise);
  Task<absl::StatusOr<Entry>> LoadFromStore(std::string name);
  Task<std::optional<Entry>> LoadFromRemote(std::string name);
  // Opens the access tokens of a record and puts them into memory, and into
  // Redis in the background.
  absl::StatusOr<Entry> Publish(const store::Connection& connection);
  Task<void> PutRemote(std::string name, Entry entry);

  // --- hops.cc ---

  // What the calls after an answer made of it.
  struct Hopped {
    oauth::TokenAnswer answer;
    // Of a call without which the main token is of no use.
    std::optional<RefreshFailure> failure;
  };
  Task<Hopped> Hop(std::string connection,
                   std::shared_ptr<const ProviderContext> provider,
                   oauth::Client client, oauth::Leg leg,
                   oauth::TokenAnswer answer);
  // The same in an attempt to refresh: the new refresh token is stored before,
  // and after a failure the access token in hand stays.
  Task<Hopped> HopAfterRefresh(AttemptRef attempt, store::Connection connection,
                               std::shared_ptr<const ProviderContext> provider,
                               oauth::Client client, oauth::TokenAnswer answer,
                               absl::Time asked);

  // --- refresh.cc, refresh_outcome.cc ---

  // A refresh under way. `landed` is set as soon as callers can be answered;
  // the flight stays in its cell until the outcome is committed.
  struct Flight {
    std::string name;
    std::string token;
    std::shared_ptr<Promise<absl::StatusOr<Entry>>> landed;
    bool leased = false;  // another replica has the lease
  };
  // What is going on for the connections of one reactor; touched by its
  // thread only.
  struct Cell {
    absl::flat_hash_map<std::string, std::shared_ptr<Flight>> flights;
    absl::flat_hash_map<std::string,
                        std::shared_ptr<Promise<absl::StatusOr<Entry>>>>
        loads;
    absl::flat_hash_map<
        std::string, std::shared_ptr<Promise<absl::StatusOr<ExchangeResult>>>>
        exchanges;
    absl::flat_hash_map<std::string,
                        std::shared_ptr<Promise<absl::StatusOr<RevokeResult>>>>
        revocations;
  };
  Cell& CellOf(absl::string_view name);

  // Joins the flight under way for the connection or starts one, and waits for
  // it. `seen` is the generation that the caller wants to be past.
  Task<absl::StatusOr<Entry>> JoinRefresh(std::string name, std::string token,
                                          std::int64_t seen,
                                          absl::Time deadline);
  // Starts a flight unless one is under way; nobody waits for it.
  std::shared_ptr<Flight> StartFlight(const std::string& name,
                                      const std::string& token,
                                      std::int64_t seen);
  void StartFlightSoon(absl::string_view name, absl::string_view token,
                       std::int64_t seen);
  Task<void> RunFlight(std::shared_ptr<Flight> flight, std::int64_t seen);
  Task<absl::StatusOr<Entry>> Fly(std::shared_ptr<Flight> flight,
                                  std::int64_t seen);
  // One try: begin, send, write the outcome. nullopt: read again, for the
  // connection changed underneath.
  Task<std::optional<absl::StatusOr<Entry>>> Attempt(
      std::shared_ptr<Flight> flight, store::Connection connection,
      std::shared_ptr<const ProviderContext> provider);
  Task<absl::StatusOr<Entry>> CommitAnswer(
      std::shared_ptr<Flight> flight, AttemptRef attempt,
      store::Connection connection,
      std::shared_ptr<const ProviderContext> provider, Hopped hopped,
      absl::Time asked);
  // Renews the lease for one more request; false if it is no longer ours.
  Task<bool> HoldOn(AttemptRef attempt, std::string name);
  Task<absl::StatusOr<Entry>> Fail(
      AttemptRef attempt, store::Connection connection,
      std::shared_ptr<const ProviderContext> provider, std::string presented,
      oauth::ProviderFailure failure, bool outcome_unknown);
  // Commits what must not be lost: tries until it is written or the tokens
  // turn out to be no longer ours to write.
  Task<absl::StatusOr<store::Rows>> CommitForSure(store::RowKeys keys,
                                                  store::Change change,
                                                  std::string name);

  // Waits while another replica is at the connection with the same secret, and
  // then commits what it left to be committed.
  Task<absl::StatusOr<store::Rows>> CommitLate(
      store::RowKeys keys, store::Change change,
      std::shared_ptr<const Landing> landing);
  // Whether leases of other replicas may be taken over.
  bool Settled() const;
  void NoteStore(const absl::Status& status);

  // Seals an answer into records that replace `held`.
  NewTokens SealTokens(absl::string_view connection,
                       const oauth::Definition& definition,
                       const std::vector<store::TokenRecord>& held,
                       const oauth::TokenAnswer& answer, absl::Time asked,
                       const std::vector<std::string>& requested);
  Schedule ScheduleOf(const store::Connection& connection,
                      const oauth::Definition& definition) const;

  // --- evidence.cc ---

  // Whether the client's own credentials are good, as far as can be found out.
  enum class ClientStanding { kAccepted, kRefused, kUnknown };
  Task<ClientStanding> FindStanding(
      std::shared_ptr<const ProviderContext> provider, absl::Time since);
  // The provider with its other secret, if there is one and the failure of a
  // call sent at `asked` means that this one is refused; else null.
  Task<std::shared_ptr<const ProviderContext>> OtherSecret(
      std::shared_ptr<const ProviderContext> provider,
      oauth::FailureClass failure, absl::Time asked);

  // --- consent.cc, offer.cc, exchange.cc, account.cc, callback.cc ---

  Task<absl::StatusOr<AuthorizeResult>> Authorize(
      AuthorizeParameters parameters);
  // The verifier is "" without PKCE.
  absl::StatusOr<std::string> AuthorizationUriOf(
      const ProviderContext& provider,
      const store::Authorization& authorization, const std::string& state,
      const SecretString& verifier) const;
  // Names for people, and the return URI if it is registered still.
  struct ConsentParties {
    std::string application_display_name;
    std::string return_uri;
    absl::StatusOr<std::shared_ptr<const ProviderContext>> provider;
  };
  Task<ConsentParties> PartiesOf(store::Authorization authorization);
  Task<ConsentOffer> DescribeConsent(std::string state);
  Task<absl::StatusOr<ExchangeResult>> Exchange(std::string application,
                                                ExchangeParameters parameters);
  Task<absl::StatusOr<ExchangeResult>> ExchangeHere(
      std::string digest, std::string application,
      ExchangeParameters parameters);
  Task<void> RunExchange(
      std::string key, std::string digest, std::string application,
      ExchangeParameters parameters,
      std::shared_ptr<Promise<absl::StatusOr<ExchangeResult>>> promise);
  Task<absl::StatusOr<ExchangeResult>> ExchangeOnce(
      std::string digest, std::string application,
      ExchangeParameters parameters);
  Task<absl::StatusOr<oauth::TokenAnswer>> TradeCode(
      store::Authorization authorization, ExchangeParameters parameters,
      std::shared_ptr<const ProviderContext> provider);
  // What the definition keeps of a callback's parameters.
  static std::map<std::string, std::string> CapturedOf(
      const oauth::Definition& definition,
      const ExchangeParameters& parameters);
  // The person's inputs, with those that the provider itself has told.
  static std::map<std::string, std::string> InputsOf(
      const oauth::Definition& definition,
      std::map<std::string, std::string> inputs,
      const std::map<std::string, std::string>& captured);
  Task<absl::StatusOr<ExchangeResult>> CommitConsent(
      store::Authorization authorization,
      std::shared_ptr<const ProviderContext> provider,
      ExchangeParameters parameters, oauth::TokenAnswer answer,
      absl::Time asked);
  Task<void> LearnAccount(store::Connection connection,
                          std::shared_ptr<const ProviderContext> provider,
                          oauth::TokenSet token);
  Task<CallbackResult> FinishCallback(oauth::Callback callback,
                                      QueryParameters query);

  // --- revoke.cc ---

  enum class Revocation {
    kCalled,
    // Ends what an earlier one has begun, and begins none: the person may have
    // consented since that was seen.
    kLeftOver,
  };
  Task<absl::StatusOr<RevokeResult>> RevokeHere(std::string name,
                                                Revocation kind);
  Task<void> RunRevoke(
      std::string name, Revocation kind,
      std::shared_ptr<Promise<absl::StatusOr<RevokeResult>>> promise);
  Task<absl::StatusOr<RevokeResult>> RevokeOnce(std::string name,
                                                Revocation kind);
  // Revokes tokens that came when the connection was revoked already.
  Task<void> RevokeLate(store::Connection connection);
  // The definition outlives the task.
  Task<oauth::RevokeResult> SendRevoke(const oauth::Definition& definition,
                                       HttpRequest request);
  Task<std::vector<store::RevocationItem>> TellProvider(
      store::Connection connection);

  // --- scheduler.cc ---

  Task<void> RunScheduler();
  Task<void> RunDue(store::DueConnection due);
  Task<void> HandleDue(std::string name);
  Task<void> Postpone(std::string name, std::int64_t revision,
                      absl::Duration by);
  Task<void> RunHousekeeping();

  // Runs a task on a reactor; the caller resumes where it was.
  template <class T>
  Task<T> On(Reactor& reactor, Task<T> task);

  BrokerDependencies d;
  const BrokerOptions options;
  const bool alone;  // nobody else writes to the store
  Providers providers;
  std::vector<Cell> cells;  // one for each reactor
  TaskScope flights;        // finished at shutdown
  TaskScope background;     // cancelled at shutdown
  std::atomic<bool> closing{false};
  // When the store was last away, or this began: nanoseconds of the steady
  // clock.
  std::atomic<std::int64_t> unsettled;
  std::atomic<int> uncommitted{0};  // pairs that wait for the store
  // Until when memory and Redis may be used: nanoseconds of the steady clock.
  std::atomic<std::int64_t> memory_good_until{0};
  std::atomic<std::int64_t> remote_good_until{0};
  std::atomic<int> due_running{0};
  std::atomic<int> refreshing{0};  // attempts under way
  DueSet scheduled;
  Breakers breakers;

  Counter& refreshes_ok;
  Counter& refreshes_failed;
  Counter& refreshes_joined;
  Counter& reauthorizations;
  Counter& remote_hits;
  Counter& remote_misses;
  Counter& store_loads;
  Gauge& uncommitted_gauge;
  Histogram& provider_latency;
};

template <class T>
Task<T> Broker::Impl::On(Reactor& reactor, Task<T> task) {
  co_return co_await asio::co_spawn(reactor.executor(), std::move(task),
                                    asio::use_awaitable);
}

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_IMPL_H_
