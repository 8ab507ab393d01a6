// Circuit breakers, one for each token endpoint: while an endpoint is down,
// nothing is sent there but a trial now and then, and callers learn at once
// that it is.
//
//   auto pass = breakers.Admit(endpoint, provider);
//   if (!pass.ok()) co_return pass.status();   // PROVIDER_UNAVAILABLE
//   ... send ...
//   pass->Succeeded();   // or Failed(); destroyed without a word: not sent
//
// Closed until `failures` requests in a row got no answer of the endpoint's
// own (5xx, no connection, no answer in time, something unreadable); then open
// for a while that doubles with each trial that fails; then one trial at a
// time is let through, and the first that succeeds closes it. A refusal (4xx)
// is an answer. Thread-safe.

#ifndef VALETKEY_BROKER_BREAKERS_H_
#define VALETKEY_BROKER_BREAKERS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/base/mutex.h"

namespace valetkey::broker {

struct BreakerOptions {
  int failures = 5;
  absl::Duration min_open = absl::Seconds(2);
  absl::Duration max_open = absl::Minutes(1);
};

// For operators.
struct BreakerState {
  std::string endpoint;
  int failures = 0;       // in a row
  absl::Time open_until;  // before that nothing is sent
};

class Breakers {
 public:
  Breakers(const Clock& clock, Random& random, BreakerOptions options);

  // Leave to send one request, and where to say what came of it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          endpoint_(std::move(other.endpoint_)),
          trial_(other.trial_) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    void Succeeded();
    void Failed();

   private:
    friend class Breakers;
    Pass(Breakers& owner, std::string endpoint, bool trial)
        : owner_(&owner), endpoint_(std::move(endpoint)), trial_(trial) {}

    Breakers* owner_;  // null once it has reported, or was moved from
    std::string endpoint_;
    bool trial_;
  };

  // PROVIDER_UNAVAILABLE, with the time until it is worth asking again, while
  // the endpoint's breaker is open. `endpoint` names it; no secret in it.
  // `provider` is the resource name of the only one that this endpoint serves
  // all requests of; "" if it has others too (one for each shop, say).
  absl::StatusOr<Pass> Admit(const std::string& endpoint,
                             const std::string& provider);

  // Providers whose requests would be refused now.
  std::vector<std::string> ClosedOff() const;
  // Those that are not closed, by endpoint.
  std::vector<BreakerState> List() const;

 private:
  struct Breaker {
    int failures = 0;
    absl::Time open_until = absl::InfinitePast();
    bool trial = false;  // one is under way
    absl::flat_hash_set<std::string> providers;
  };

  bool IsOpen(const Breaker& breaker) const VK_REQUIRES(mutex_);
  void Report(const std::string& endpoint, bool trial, bool succeeded);
  void Withdraw(const std::string& endpoint, bool trial);

  const Clock& clock_;
  Random& random_;
  const BreakerOptions options_;
  mutable Mutex mutex_;
  // Only of endpoints that failed since they last succeeded.
  absl::flat_hash_map<std::string, Breaker> breakers_ VK_GUARDED_BY(mutex_);
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_BREAKERS_H_
