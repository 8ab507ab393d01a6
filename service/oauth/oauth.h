// OAuth 2.0 as pure functions: requests are made and answers read here, by
// what a provider's definition says; nothing here waits, sends or keeps.
//
// RFC 6749 (authorization code, refresh), RFC 6750 (bearer), RFC 7009
// (revocation), RFC 7523 (JWT client authentication), RFC 7636 (PKCE),
// RFC 9207 (issuer in the callback), and the providers' deviations from them.

#ifndef VALETKEY_OAUTH_OAUTH_H_
#define VALETKEY_OAUTH_OAUTH_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/base/http_message.h"
#include "service/base/secret.h"
#include "service/base/url.h"
#include "valetkey/catalog/v1/definition.pb.h"

namespace valetkey::oauth {

using Definition = ::valetkey::catalog::v1::ProviderDefinition;

// An OAuth client as configured: who we are at the provider.
struct Client {
  std::string client_id;
  SecretString client_secret;
  // Values for {input.x}: the operator's and the person's.
  std::map<std::string, std::string> inputs;
  // Those that are secret.
  std::map<std::string, SecretString> secret_inputs;
  // Values kept from earlier answers, for {meta.x}.
  std::map<std::string, std::string> metadata;
};

// What a client sends that must not be quoted, for ParseTokenAnswer: valid
// while the client lives and is not changed.
std::vector<absl::string_view> SecretsOf(const Client& client);

// Whether the definition says that its input of that name is secret.
bool IsSecretInput(const Definition& definition, absl::string_view name);

// FIELD_INVALID ("inputs.tenant") unless each value is one of the definition's
// inputs that the operator or the person gives, and as it must be. Values that
// are missing are no error here: a request that needs one says so.
absl::Status CheckInputs(const Definition& definition,
                         const std::map<std::string, std::string>& inputs);

// --- PKCE (RFC 7636) ---
// Whether PKCE is sent when the configured provider says nothing.
bool PkceByDefault(const Definition& definition);
SecretString NewVerifier(Random& random);  // 43 characters
std::string ChallengeS256(const SecretString& verifier);

// --- Scopes ---
// Splits on spaces, commas and plus signs, whatever the provider uses; drops
// duplicates, keeps the order.
std::vector<std::string> SplitScopes(absl::string_view text);

// --- Authorization request (RFC 6749 section 4.1.1) ---
struct AuthorizationParameters {
  std::string redirect_uri;
  std::string state;
  std::vector<std::string> scopes;  // the definition's required ones are added
  std::string code_challenge;       // "" without PKCE
  std::map<std::string, std::string> extra;  // FIELD_INVALID if not allowed
};
absl::StatusOr<std::string> AuthorizationUri(
    const Definition& definition, const Client& client,
    const AuthorizationParameters& parameters);

// --- Callback (RFC 6749 section 4.1.2) ---
struct Callback {
  std::string state;
  std::string code;
  std::string issuer;
  std::string error;
  std::string error_description;
  std::map<std::string, std::string> captured;  // what the definition keeps
};
// Reads the query (or form) of a redirect. Before the state is known the
// definition is not: then pass nullptr and read again.
Callback ReadCallback(const Definition* definition,
                      const QueryParameters& query);
// ISSUER_MISMATCH for an `iss` that is not the provider's (RFC 9207), and for
// none where the provider always sends one. A provider that is not known to
// send one may name the origin of its consent page only.
absl::Status CheckIssuer(const Definition& definition,
                         absl::string_view issuer);
// What an `error` in place of a code means (RFC 6749 section 4.1.2.1):
// CONSENT_DENIED, PROVIDER_UNAVAILABLE or PROVIDER_REQUEST_REJECTED, with the
// provider's word in the metadata, cut short and printable.
absl::Status CallbackError(absl::string_view error);

// --- Token requests ---
struct ExchangeParameters {
  std::string code;
  std::string redirect_uri;
  SecretString verifier;  // empty without PKCE
  std::string state;
  std::map<std::string, std::string> callback;  // for {callback.x}
};
absl::StatusOr<HttpRequest> ExchangeRequest(
    const Definition& definition, const Client& client,
    const ExchangeParameters& parameters, absl::Time now);

struct RefreshParameters {
  SecretString refresh_token;
  SecretString access_token;  // for kinds that refresh by it
  std::vector<std::string> scopes;
  std::string redirect_uri;
};
// How this provider renews a token, given what we hold of it.
enum class RefreshKind { kNone, kRefreshToken, kAccessToken, kExtend };
RefreshKind RefreshKindOf(const Definition& definition, bool has_refresh_token);
absl::StatusOr<HttpRequest> RefreshRequest(const Definition& definition,
                                           const Client& client,
                                           const RefreshParameters& parameters,
                                           absl::Time now);

// --- Token answers (RFC 6749 section 5) ---
struct TokenSet {
  std::string name;  // "" is the main one
  SecretString access_token;
  SecretString refresh_token;  // empty: none in this answer
  std::string token_type;
  std::optional<absl::Time> expire_time;
  // Of the refresh token here; of the one we have, if there is none here.
  // nullopt: not said.
  std::optional<absl::Time> refresh_expire_time;
  // nullopt: the answer does not say (then they are as requested).
  std::optional<std::vector<std::string>> scopes;
};
struct TokenAnswer {
  // The main one first, if the answer has it (Slack's may hold a user's token
  // alone). In the answer to a refresh: the one that was refreshed; its
  // access_token is empty when the refresh only extended the one we have.
  std::vector<TokenSet> tokens;
  std::map<std::string, std::string> metadata;  // captured; no secrets
};

// What a failed answer means for the grant.
enum class FailureClass {
  kGrantDead,        // the refresh token or code is refused: the user must act
  kClientRejected,   // our client id or secret: the operator must act
  kAmbiguous,        // one of the two above; the answer cannot tell (Pinterest)
  kRequestRejected,  // scope, parameter: the operator must act
  kThrottled,        // 429 and the like
  kUnavailable,      // 5xx and the like
  kUnreadable,       // an answer that is no answer
};
struct ProviderFailure {
  FailureClass kind = FailureClass::kUnreadable;
  std::string code;     // the provider's, short and printable: "invalid_grant"
  std::string message;  // the provider's, cut short, printable, redacted
  absl::Duration retry_after = absl::ZeroDuration();  // zero: not said
};
struct ParsedTokenAnswer {
  std::optional<TokenAnswer> answer;
  std::optional<ProviderFailure> failure;  // exactly one of the two is set
};
enum class Leg { kExchange, kRefresh };
// `secrets_sent` are redacted from what the failure quotes.
ParsedTokenAnswer ParseTokenAnswer(
    const Definition& definition, Leg leg, const HttpResponse& response,
    absl::Time now, const std::vector<absl::string_view>& secrets_sent);

// --- Is our client good? ---
// A request that succeeds only for a client whose credentials are accepted and
// that touches no grant (client_credentials, RFC 6749 section 4.4); nullopt if
// the definition has none. For answers that are kAmbiguous.
std::optional<HttpRequest> ClientProbeRequest(const Definition& definition,
                                              const Client& client,
                                              absl::Time now);
enum class ClientProbe { kAccepted, kRefused, kUnknown };
ClientProbe ParseClientProbe(const Definition& definition,
                             const HttpResponse& response);

// --- After the exchange (a second hop for a longer-lived token) ---
// The calls to make after an exchange, or after a refresh of the main token,
// by number and in order.
std::vector<int> PostExchangeHops(const Definition& definition, Leg leg);
// Whether the token is of no use without this call.
bool IsHopNeeded(const Definition& definition, int hop);
absl::StatusOr<HttpRequest> PostExchangeRequest(const Definition& definition,
                                                int hop, const Client& client,
                                                const TokenAnswer& so_far,
                                                absl::Time now);
// Merges a hop's answer into `so_far`; what the client sent is redacted from
// what a failure quotes.
std::optional<ProviderFailure> MergePostExchange(const Definition& definition,
                                                 int hop, const Client& client,
                                                 const HttpResponse& response,
                                                 absl::Time now,
                                                 TokenAnswer& so_far);

// --- Who is it (verification) ---
struct Account {
  std::string id;
  std::string display_name;
  std::map<std::string, std::string> metadata;  // captured; no secrets
};
// nullopt: the definition has no verification.
std::optional<HttpRequest> VerifyRequest(const Definition& definition,
                                         const Client& client,
                                         const TokenSet& token);
absl::StatusOr<Account> ParseAccount(const Definition& definition,
                                     const HttpResponse& response);

// --- Which tenant (discovery) ---
// nullopt: the definition has none, or its URL lacks a value.
std::optional<HttpRequest> DiscoveryRequest(const Definition& definition,
                                            const Client& client,
                                            const TokenSet& token);
struct Tenants {
  // The one that is taken: by the client's input, by what its metadata has from
  // before, or by the definition's choice. "": none.
  std::string id;
  std::string name;
  // All of them as a JSON array of objects with "id" and "name", where there
  // are several; those that do not fit are left out.
  std::string list;
};
absl::StatusOr<Tenants> ParseDiscovery(const Definition& definition,
                                       const Client& client,
                                       const HttpResponse& response);

// --- Revocation (RFC 7009 and the variants of it) ---
enum class TokenKind { kAccessToken = 1, kRefreshToken = 2 };
struct RevokeStep {
  TokenKind kind = TokenKind::kAccessToken;
  std::string token;  // TokenSet name
  // nullopt: the provider has no way; `unsupported` says so in a sentence.
  std::optional<HttpRequest> request;
  std::string unsupported;
  // Whether success of this step ends the other tokens of the grant too.
  bool ends_grant = false;
};
absl::StatusOr<std::vector<RevokeStep>> RevokeSteps(
    const Definition& definition, const Client& client,
    const std::vector<TokenSet>& tokens, absl::Time now);
enum class RevokeOutcome { kRevoked, kAlreadyInvalid, kUnsupported, kFailed };
struct RevokeResult {
  RevokeOutcome outcome = RevokeOutcome::kFailed;
  std::string detail;  // a sentence, without secrets
};
RevokeResult ParseRevokeAnswer(const Definition& definition,
                               const HttpResponse& response);

// --- Lifetimes ---
// When a token shall be refreshed in the background: at about 80 % of its
// life, earlier by up to a tenth of it as `unit` in [0, 1) says, and within
// the window that the provider allows. nullopt: it cannot or need not be.
std::optional<absl::Time> SoftLimit(const Definition& definition,
                                    absl::Time issue_time,
                                    std::optional<absl::Time> expire_time,
                                    bool refreshable, double unit);
// When an idle connection must be refreshed so that its refresh token does
// not die. nullopt: never.
std::optional<absl::Time> KeepAliveLimit(
    const Definition& definition, absl::Time issue_time,
    std::optional<absl::Time> refresh_expire_time);

}  // namespace valetkey::oauth

#endif  // VALETKEY_OAUTH_OAUTH_H_
