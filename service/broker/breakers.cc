#include "service/broker/breakers.h"

#include <algorithm>
#include <utility>

#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::broker {
namespace {

// How long callers wait while a trial is under way.
constexpr absl::Duration kTrial = absl::Seconds(1);

// Half as it is, half by chance, so that replicas do not try together.
absl::Duration OpenFor(int failures, const BreakerOptions& options,
                       double unit) {
  absl::Duration open = options.min_open;
  for (int i = options.failures; i < failures && open < options.max_open; ++i) {
    open *= 2;
  }
  return std::min(open, options.max_open) * (0.5 + unit / 2);
}

}  // namespace

Breakers::Breakers(const Clock& clock, Random& random, BreakerOptions options)
    : clock_(clock), random_(random), options_(options) {}

Breakers::Pass::~Pass() {
  if (owner_ != nullptr) owner_->Withdraw(endpoint_, trial_);
}

void Breakers::Pass::Succeeded() {
  if (owner_ == nullptr) return;
  std::exchange(owner_, nullptr)->Report(endpoint_, trial_, true);
}

void Breakers::Pass::Failed() {
  if (owner_ == nullptr) return;
  std::exchange(owner_, nullptr)->Report(endpoint_, trial_, false);
}

bool Breakers::IsOpen(const Breaker& breaker) const {
  return breaker.failures >= options_.failures &&
         (breaker.trial || clock_.Now() < breaker.open_until);
}

absl::StatusOr<Breakers::Pass> Breakers::Admit(const std::string& endpoint,
                                               const std::string& provider) {
  MutexLock lock(mutex_);
  const auto it = breakers_.find(endpoint);
  if (it == breakers_.end()) return Pass(*this, endpoint, false);
  Breaker& breaker = it->second;
  if (!provider.empty()) breaker.providers.insert(provider);
  if (IsOpen(breaker)) {
    const absl::Duration left = breaker.open_until - clock_.Now();
    return MakeError(
        Reason::kProviderUnavailable,
        "the provider's token endpoint has been failing; it is "
        "tried again soon",
        {{"endpoint", endpoint}},
        breaker.trial ? kTrial : std::max(left, absl::Milliseconds(1)));
  }
  const bool trial = breaker.failures >= options_.failures;
  breaker.trial = trial;
  return Pass(*this, endpoint, trial);
}

void Breakers::Report(const std::string& endpoint, bool trial, bool succeeded) {
  MutexLock lock(mutex_);
  if (succeeded) {
    const auto it = breakers_.find(endpoint);
    if (it == breakers_.end()) return;
    if (it->second.failures >= options_.failures) {
      Log(LogLevel::kInfo, "a token endpoint answers again",
          {{"endpoint", endpoint}});
    }
    breakers_.erase(it);
    return;
  }
  Breaker& breaker = breakers_[endpoint];
  if (trial) breaker.trial = false;
  // Requests that were under way when it opened say nothing new.
  const bool late = breaker.failures >= options_.failures && !trial;
  if (late) return;
  ++breaker.failures;
  if (breaker.failures < options_.failures) return;
  breaker.open_until =
      clock_.Now() + OpenFor(breaker.failures, options_, random_.Unit());
  if (!trial) {
    Log(LogLevel::kWarning,
        "a token endpoint fails; it is only tried now and then",
        {{"endpoint", endpoint}, {"failures", breaker.failures}});
  }
}

void Breakers::Withdraw(const std::string& endpoint, bool trial) {
  if (!trial) return;
  MutexLock lock(mutex_);
  const auto it = breakers_.find(endpoint);
  if (it != breakers_.end()) it->second.trial = false;
}

std::vector<std::string> Breakers::ClosedOff() const {
  MutexLock lock(mutex_);
  std::vector<std::string> providers;
  for (const auto& [endpoint, breaker] : breakers_) {
    if (!IsOpen(breaker)) continue;
    providers.insert(providers.end(), breaker.providers.begin(),
                     breaker.providers.end());
  }
  return providers;
}

std::vector<BreakerState> Breakers::List() const {
  MutexLock lock(mutex_);
  std::vector<BreakerState> states;
  for (const auto& [endpoint, breaker] : breakers_) {
    if (breaker.failures < options_.failures) continue;
    states.push_back({.endpoint = endpoint,
                      .failures = breaker.failures,
                      .open_until = breaker.open_until});
  }
  std::sort(states.begin(), states.end(),
            [](const BreakerState& a, const BreakerState& b) {
              return a.endpoint < b.endpoint;
            });
  return states;
}

}  // namespace valetkey::broker
