// Signs people in at an operator's identity provider, and judges them by the
// caller policy: at the sign-in and at every call after it.
//
//   OidcClient client(keeper, clock, options);
//   ... co_await client.Begin(secrets) is where the browser goes ...
//   OidcOutcome outcome = co_await client.Finish(answer, secrets);
//   ... outcome.person is kept by whoever keeps the session ...
//   client.Judge(person) -> what they may do now
//
// The policy has the provider among its issuers, with the client id as an
// audience; keys and authorities to trust (ca_file) are those of that entry.
// Nothing is fetched before somebody signs in. No token is kept. Thread-safe.

#ifndef VALETKEY_CALLERS_OIDC_CLIENT_H_
#define VALETKEY_CALLERS_OIDC_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/secret.h"
#include "service/broker/types.h"
#include "service/callers/oidc_metadata.h"
#include "service/callers/policy_keeper.h"
#include "service/identity/oidc.h"
#include "service/identity/person.h"

namespace valetkey::callers {

struct OidcOptions {
  identity::RelyingParty party;
  std::string client_secret_file;  // read each time; "": a public client
};

// What a browser came back with.
struct OidcAnswer {
  SecretString code;
  std::string issuer;  // `iss`; "" without
};

// Somebody, and what they may do.
struct JudgedPerson {
  identity::Person person;
  std::shared_ptr<const broker::Caller> caller;
};

struct OidcOutcome {
  // OK; CALLER_DENIED or RIGHT_MISSING where it is known who it was; else what
  // kept it from being known.
  absl::Status status;
  JudgedPerson who;    // as far as it is known
  std::string person;  // for Judge
};

class OidcClient {
 public:
  // The keeper and the clock outlive this object.
  OidcClient(PolicyKeeper& keeper, const Clock& clock, OidcOptions options);

  const std::string& issuer() const { return options_.party.issuer; }

  // FIELD_INVALID unless the policy in force has the issuer with our client id.
  absl::Status CheckPolicy() const;
  // FIELD_INVALID unless the client secret, if there is to be one, can be read.
  absl::Status CheckSecret() const { return ClientSecret().status(); }

  // The URL of the provider's page. PROVIDER_UNAVAILABLE and so on.
  Task<absl::StatusOr<std::string>> Begin(identity::SignInSecrets secrets);

  // Exchanges the code, verifies the ID token and asks the policy.
  Task<OidcOutcome> Finish(OidcAnswer answer, identity::SignInSecrets secrets);

  // CALLER_INVALID: the policy does not let them administer any more, or
  // cannot tell without another sign-in.
  absl::StatusOr<JudgedPerson> Judge(absl::string_view person) const;

 private:
  Task<OidcMetadata::ProviderOr> Provider();
  absl::StatusOr<HttpClient*> Client() const;
  absl::StatusOr<SecretString> ClientSecret() const;
  Task<absl::StatusOr<SecretString>> Exchange(OidcAnswer answer,
                                              SecretString verifier);
  // The policy's entry; nullptr unless it has our client id.
  const identity::Issuer* IssuerIn(const identity::Policy& policy) const;

  PolicyKeeper& keeper_;
  const Clock& clock_;
  const OidcOptions options_;
  const std::shared_ptr<OidcMetadata> metadata_;
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_OIDC_CLIENT_H_
