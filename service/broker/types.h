// What the broker is asked and what it answers, as plain structs: the RPC
// layer turns messages into these and back.

#ifndef VALETKEY_BROKER_TYPES_H_
#define VALETKEY_BROKER_TYPES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/log.h"
#include "service/base/secret.h"
#include "service/cache/memory_cache.h"
#include "service/store/records.h"

namespace valetkey::broker {

// The application whose administrators reach all applications.
inline constexpr absl::string_view kSystemApplication = "applications/system";

// Who calls: made by the Authenticator from an API key, or by the caller
// policy from a JWT or a client certificate.
struct Caller {
  std::string application;   // applications/{a}
  std::string key;           // applications/{a}/keys/{k}; "" by policy
  std::uint32_t rights = 0;  // store::Right bits
  // By policy: the rule's name, and the JWT's subject or the certificate's
  // name. For the log.
  std::string rule;
  std::string subject;

  bool Has(store::Right right) const { return (rights & right) != 0; }
  bool IsSystem() const { return application == kSystemApplication; }
  // Whether a resource (its full name) may be known to exist by this caller.
  bool Reaches(absl::string_view name) const;
};

struct AuthorizeParameters {
  std::string provider;
  std::string subject;
  std::vector<std::string> scopes;
  std::string connection;
  std::string return_uri;
  std::map<std::string, std::string> extra_parameters;
  store::Labels labels;
  std::map<std::string, std::string> inputs;
};

struct AuthorizeResult {
  std::string authorization_uri;
  std::string state;
  absl::Time expire_time;
  std::string connection;
  std::string connect_uri;
};

// What a person is about to be asked by the provider, for a page that tells
// them first. Set as far as it could be found out.
struct ConsentOffer {
  // AUTHORIZATION_STATE_INVALID if nobody can consent by that state any more.
  absl::Status status;
  std::string authorization_uri;
  // The application's own redirect URI with a refusal (RFC 6749 section
  // 4.1.2.1); "" if our callback is where the provider sends people to.
  std::string refusal_uri;
  std::string return_uri;  // as in CallbackResult
  std::string application_display_name;
  std::string provider_display_name;
  struct Scope {
    std::string name;
    std::string description;  // "" if the definition has none
  };
  std::vector<Scope> scopes;
};

// What came back in the redirect.
struct ExchangeParameters {
  std::string state;
  std::string code;
  std::string issuer;
  std::string error;
  std::string error_description;
  std::map<std::string, std::string> callback_parameters;
};

struct ExchangeResult {
  std::string connection;
  std::vector<std::string> scopes;
  std::vector<std::string> missing_scopes;
  std::int64_t generation = 0;
};

// How a consent in a browser ended, for the page or the redirect. Set as far
// as it could be found out; `return_uri` is "" where there is none to go to.
struct CallbackResult {
  absl::Status status;
  ExchangeResult result;  // when status is OK
  std::string return_uri;
  std::string application_display_name;
  std::string provider_display_name;
};

struct GetTokenParameters {
  std::string name;
  std::string token;  // "" is the main one
  std::vector<std::string> required_scopes;
  absl::Duration min_lifetime = absl::ZeroDuration();
  std::int64_t min_generation = 0;
  std::int64_t rejected_generation = 0;
};

// A valid token: keeps alive the cache entry that it points into.
struct TokenView {
  std::shared_ptr<const cache::CachedConnection> entry;
  const cache::CachedToken* token = nullptr;
};

struct RefreshParameters {
  std::string name;
  std::string token;
  std::int64_t generation = 0;
};

struct RevokeResult {
  std::vector<store::RevocationItem> items;
  bool copy_destroyed = false;
  // A person has consented anew meanwhile. That grant stands, and with it the
  // tokens that took the place of those to be revoked.
  bool superseded = false;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_TYPES_H_
