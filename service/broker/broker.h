// The domain: begins and ends grants, keeps their tokens fresh, hands them out.
//
// All work for a connection runs on one reactor, chosen by its name, so that
// callers join a refresh under way without a lock; the refresh itself is
// detached from them and outlives them. Every change is committed to the store
// together with its event before anyone is told of it. See
// docs/architecture.md, "Refresh".
//
// Thread-safe. Coroutines may be awaited from any executor and resume there.
// Errors carry a Reason (service/base/status.h).

#ifndef VALETKEY_BROKER_BROKER_H_
#define VALETKEY_BROKER_BROKER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/reactor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/base/sealer.h"
#include "service/broker/breakers.h"
#include "service/broker/types.h"
#include "service/cache/memory_cache.h"
#include "service/cache/remote_cache.h"
#include "service/catalog/catalog.h"
#include "service/net/http/http_client.h"
#include "service/oauth/oauth.h"
#include "service/store/store.h"

namespace valetkey::broker {

struct BrokerOptions {
  // Names this process among replicas; random at each start.
  std::string instance;
  // "https://tokens.example.com": our callback is below it.
  std::string public_url;
  absl::Duration authorization_lifetime = absl::Minutes(15);
  // Where a browser finds an authorization URI; null: where it says. For
  // emulators.
  std::function<std::string(const std::string&)> browser_uri;
  // Bounds one request to a provider.
  absl::Duration http_timeout = absl::Seconds(20);
  // Longer than http_timeout, so that a lease outlives its request.
  absl::Duration lease = absl::Seconds(60);
  // With a store that others write to: memory is used only while all that was
  // committed longer ago than this is known to be in it (ConfirmMemory).
  absl::Duration coherence_bound = absl::Seconds(1);
  // After a start, and after the store was away, leases of others are not
  // taken over for so long.
  absl::Duration settle = absl::Seconds(5);
  // A connection not used for so long is refreshed only to keep its refresh
  // token alive.
  absl::Duration idle_after = absl::Hours(24);
  // How long before a refresh token dies the EXPIRING event comes.
  absl::Duration expiring_notice = absl::Hours(7 * 24);
  // A token with less than this left is not handed out.
  absl::Duration expiry_margin = absl::Seconds(2);
  // Events are kept so long, and at most so many.
  absl::Duration event_retention = absl::Hours(7 * 24);
  std::int64_t events_kept = 1'000'000;
  // Refreshes under way at once for one provider client.
  int max_parallel_per_client = 32;
};

// How it is, for operators.
struct BrokerStatus {
  int refreshing = 0;   // leases held
  int handling = 0;     // due connections being handled
  int uncommitted = 0;  // tokens that wait for the store
  bool memory_current = false;
  bool remote_current = false;
  std::vector<BreakerState> breakers;  // those that are not closed
};

// What the broker stands on; all outlive it. `remote` may be null.
struct BrokerDependencies {
  store::Store& store;
  cache::MemoryCache& memory;
  cache::RemoteCache* remote = nullptr;
  HttpClient& http;
  const catalog::Catalog& catalog;
  const Sealer& sealer;
  const Clock& clock;
  Random& random;
  ReactorPool& reactors;
  Metrics& metrics;
};

class Broker {
 public:
  Broker(BrokerDependencies dependencies, BrokerOptions options);
  // REQUIRES: Shutdown has been called.
  ~Broker();

  // Starts the scheduler and the housekeeping.
  void Start();
  // Refuses new work, lets flights that may have reached a provider finish,
  // and blocks until they have or the time is over. False in the latter case.
  bool Shutdown(absl::Duration timeout);

  // The hot path: answers from memory, on the calling thread, without waiting;
  // nullopt if it takes more (then call GetToken). The caller must have been
  // checked to reach `name`.
  std::optional<absl::StatusOr<TokenView>> TryGetToken(
      const GetTokenParameters& parameters);

  // Waits until the deadline at the latest: then PROVIDER_UNAVAILABLE or
  // STORE_UNAVAILABLE, and a refresh under way goes on.
  Task<absl::StatusOr<TokenView>> GetToken(GetTokenParameters parameters,
                                           absl::Time deadline);
  Task<absl::StatusOr<TokenView>> Refresh(RefreshParameters parameters,
                                          absl::Time deadline);
  Task<absl::StatusOr<AuthorizeResult>> Authorize(
      AuthorizeParameters parameters);
  // `application` is the caller's ("" for the system's): the state of another
  // one is unknown to it.
  Task<absl::StatusOr<ExchangeResult>> Exchange(std::string application,
                                                ExchangeParameters parameters);
  // The same for our own callback page, where the state alone tells whose it
  // is.
  Task<CallbackResult> FinishCallback(oauth::Callback callback,
                                      QueryParameters query);
  // What the person who has this state is about to be asked. Changes nothing.
  Task<ConsentOffer> DescribeConsent(std::string state);
  Task<absl::StatusOr<RevokeResult>> Revoke(std::string name);

  // The redirect URI of a provider that configures none.
  std::string DefaultRedirectUri() const;

  // Says that events were committed, before anyone else is told of them: who
  // hears of a change does not get the token from before it. Any thread.
  void Committed(const std::vector<store::Event>& events);

  // Forgets cached tokens of a connection that was changed or deleted by
  // someone else (an operator's delete, another replica).
  void Invalidate(absl::string_view name, std::int64_t below_generation);
  // Forgets a provider's configuration read earlier.
  void InvalidateProvider(absl::string_view name);

  // Says that all that was committed before `time` has been told to Committed
  // or Invalidate. Without it, and with a store that others write to, memory
  // is not used.
  void ConfirmMemory(std::chrono::steady_clock::time_point time);

  // Whether Redis may be read: true only while every committed change is known
  // to have reached it, so that it cannot bring back an old token. False at
  // first, and again when it was not said for coherence_bound since `time`.
  void TrustRemote(bool trust, std::chrono::steady_clock::time_point time);

  BrokerStatus status() const;

  // Whether new tokens could be stored: false while a pair from a provider
  // waits in memory because the store refuses writes.
  bool ready() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_BROKER_H_
