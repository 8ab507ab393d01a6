// A sign-in at an identity provider that is under way: what the browser was
// sent there with, sealed by the keyring into a cookie for ten minutes, so that
// any replica can finish it and none keeps anything.
//
// Each has a cookie of its own, named after its state, so that people can sign
// in in several tabs. It is SameSite=Lax, for the browser comes back from
// another site; it is good for nothing but the one answer that names its state.
// Thread-safe.

#ifndef VALETKEY_WEB_PENDING_SIGN_IN_H_
#define VALETKEY_WEB_PENDING_SIGN_IN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/base/http_message.h"
#include "service/base/sealer.h"
#include "service/identity/oidc.h"

namespace valetkey::web {

inline constexpr absl::Duration kPendingLifetime = absl::Minutes(10);
// More would not fit into a request's headers; then the others are forgotten.
inline constexpr std::size_t kMaxPending = 4;

struct PendingSignIn {
  identity::SignInSecrets secrets;
  std::string return_to;  // see OwnPath
};

// `path` if it is a place in the portal that a browser may be sent to: it
// begins with "/" but not "//" (another origin) nor "/portal/" (signing in
// again), and holds nothing that a browser reads as "/" or that a header cannot
// hold. Else "/".
std::string OwnPath(absl::string_view path);

class PendingSignIns {
 public:
  // All outlive this object. Secure as the session's cookie.
  PendingSignIns(const Sealer& sealer, const Clock& clock, bool secure)
      : sealer_(sealer), clock_(clock), secure_(secure) {}

  // New secrets, which nobody can guess.
  static identity::SignInSecrets NewSecrets(Random& random);

  // The values of Set-Cookie that keep one, and forget those of the request
  // that are too many beside it.
  std::vector<std::string> Begin(const PendingSignIn& pending,
                                 const HttpHeaders& request) const;
  // The one of that state; nullopt: none, or its time is over.
  std::optional<PendingSignIn> Read(const HttpHeaders& request,
                                    absl::string_view state) const;
  // Makes the browser forget it. REQUIRES: Read found it.
  std::string Clear(absl::string_view state) const;

 private:
  absl::string_view prefix() const;
  std::string NameOf(absl::string_view state) const;
  std::string Attributes(absl::Duration age) const;

  const Sealer& sealer_;
  const Clock& clock_;
  const bool secure_;
};

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_PENDING_SIGN_IN_H_
