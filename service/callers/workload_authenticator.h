// Callers without an API key: workloads that show a JWT of their platform
// ("Bearer eyJ...") or a client certificate, told by the caller policy.
//
// Whoever was verified is kept in memory until the token or certificate ends,
// so that the hot path costs a hash and a look-up; a change of the policy or
// of an issuer's keys is heeded by the very next call. Thread-safe.

#ifndef VALETKEY_CALLERS_WORKLOAD_AUTHENTICATOR_H_
#define VALETKEY_CALLERS_WORKLOAD_AUTHENTICATOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/broker/types.h"
#include "service/callers/caller_cache.h"
#include "service/callers/policy_keeper.h"

namespace valetkey::callers {

using CallerOr = absl::StatusOr<std::shared_ptr<const broker::Caller>>;

class WorkloadAuthenticator {
 public:
  // All outlive this object.
  WorkloadAuthenticator(PolicyKeeper& keeper, const Clock& clock,
                        Metrics& metrics, std::size_t max_entries = 20'000);

  // Whether an Authorization header is for us rather than an API key.
  static bool IsToken(absl::string_view authorization);

  // From memory, on the calling thread; nullopt if it must be verified.
  // One of the two: the header, or the verified certificate in PEM.
  std::optional<CallerOr> TryAuthenticate(
      absl::string_view authorization, absl::string_view certificate_pem) const;
  // CALLER_INVALID, CALLER_DENIED or CALLER_KEYS_UNAVAILABLE. Waits for the
  // issuer's keys, for some seconds at most.
  Task<CallerOr> Authenticate(std::string authorization,
                              std::string certificate_pem);

 private:
  struct Outcomes {
    Counter& admitted;
    Counter& denied;
    Counter& invalid;
    Counter& unavailable;
  };
  static Outcomes CountersOf(Metrics& metrics, const char* kind);

  Task<CallerOr> VerifyToken(std::string token);
  CallerOr VerifyCertificate(const std::string& pem);
  // What a rule gives; the caller is kept until then.
  CallerOr Admit(const identity::Rule* rule, const std::string& issuer,
                 const std::string& subject, const CallerCache::Digest& digest,
                 std::uint64_t generation, absl::Time until);
  static void Count(const Outcomes& outcomes, const absl::Status& status);

  PolicyKeeper& keeper_;
  const Clock& clock_;
  CallerCache cache_;
  const Outcomes tokens_;
  const Outcomes certificates_;
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_WORKLOAD_AUTHENTICATOR_H_
