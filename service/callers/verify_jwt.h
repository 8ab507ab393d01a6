// Verifies a JWT by the policy in force: its issuer, claims and signature, with
// a look at the issuer's keys if the one that signed it is not known.

#ifndef VALETKEY_CALLERS_VERIFY_JWT_H_
#define VALETKEY_CALLERS_VERIFY_JWT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/callers/policy_keeper.h"
#include "service/identity/jwt.h"
#include "service/identity/policy.h"

namespace valetkey::callers {

// What a JWT was verified by.
struct VerifiedBy {
  // The keeper's before all that it stands for: see CallerCache.
  std::uint64_t generation = 0;
  std::shared_ptr<const PolicySnapshot> snapshot;
  const identity::Issuer* issuer = nullptr;  // of the snapshot
};

// `audience` is whom it must be for; "": any of the issuer's audiences.
// CALLER_INVALID or CALLER_KEYS_UNAVAILABLE. Waits for the issuer's keys, for
// some seconds at most; the arguments outlive the task.
Task<absl::StatusOr<VerifiedBy>> VerifyJwt(PolicyKeeper& keeper,
                                           const Clock& clock,
                                           const identity::Jwt& jwt,
                                           std::string audience);

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_VERIFY_JWT_H_
