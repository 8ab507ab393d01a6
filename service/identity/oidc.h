// Signing people in by OpenID Connect (Core 1.0 section 3.1, the code flow,
// with PKCE): what is sent and what comes back.
//
//   VK_ASSIGN_OR_RETURN(const auto provider, ParseOpenIdProvider(text,
//   issuer));
//   ... the browser goes to SignInUrl(...) and comes back with a code ...
//   VK_ASSIGN_OR_RETURN(HttpRequest request, CodeRequest(...));
//   VK_ASSIGN_OR_RETURN(SecretString token, ReadIdToken(response));
//   ... ParseJwt, CheckClaims, CheckSignature of jwt.h ...
//   VK_RETURN_IF_ERROR(CheckIdToken(claims, client_id, nonce));
//
// Pure functions, thread-safe. No error holds a code, a token or a secret.

#ifndef VALETKEY_IDENTITY_OIDC_H_
#define VALETKEY_IDENTITY_OIDC_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "service/base/http_message.h"
#include "service/base/secret.h"

namespace valetkey::identity {

// A person's token may list some hundreds of groups.
inline constexpr std::size_t kMaxIdTokenSize = 32 * 1024;

// Who we are at the identity provider.
struct RelyingParty {
  std::string issuer;
  std::string client_id;
  std::string redirect_uri;
  std::string scopes;  // with spaces between; "openid" among them
};

// What we need of its metadata (Discovery 1.0 section 3).
struct OpenIdProvider {
  enum class ClientAuthentication { kBasic, kPost, kNeither };

  std::string authorization_endpoint;
  std::string token_endpoint;
  // How a client with a secret shows it.
  ClientAuthentication authentication = ClientAuthentication::kBasic;
  // Whether it names itself when a browser comes back (RFC 9207).
  bool sends_issuer = false;
};

// What one sign-in is begun with, to be met again when it comes back.
struct SignInSecrets {
  SecretString state;
  SecretString nonce;
  SecretString verifier;  // RFC 7636
};

// https, or http to a loopback address; without a fragment. Whoever can change
// what comes from there is whoever they please.
bool IsFetchUrl(absl::string_view url);

// Where an issuer's metadata is (Discovery 1.0 section 4.1).
std::string MetadataUrl(absl::string_view issuer);

// PROVIDER_RESPONSE_INVALID with the field that is wrong.
absl::StatusOr<OpenIdProvider> ParseOpenIdProvider(absl::string_view text,
                                                   absl::string_view issuer);

std::string SignInUrl(const OpenIdProvider& provider, const RelyingParty& party,
                      const SignInSecrets& secrets);

// OK unless `issuer`, the `iss` that a browser came back with, is another's;
// "" is none (RFC 9207 section 2.4). ISSUER_MISMATCH.
absl::Status CheckReturnedIssuer(const OpenIdProvider& provider,
                                 const RelyingParty& party,
                                 absl::string_view issuer);

// An empty secret is a public client's. PROVIDER_CLIENT_REJECTED if the
// provider takes the secret in neither of the two ways that we know.
absl::StatusOr<HttpRequest> CodeRequest(const OpenIdProvider& provider,
                                        const RelyingParty& party,
                                        const SecretString& client_secret,
                                        const SecretString& code,
                                        const SecretString& verifier);

// The ID token of the answer; all other tokens are dropped unread.
// AUTHORIZATION_CODE_REJECTED, PROVIDER_CLIENT_REJECTED, PROVIDER_UNAVAILABLE
// or PROVIDER_RESPONSE_INVALID. The response is wiped.
absl::StatusOr<SecretString> ReadIdToken(HttpResponse& response);

// What an ID token must hold beyond any JWT (Core 1.0 section 3.1.3.7): our
// nonce, `iat`, and no other party that it was issued to (`azp`).
// CALLER_INVALID.
absl::Status CheckIdToken(const nlohmann::json& claims,
                          absl::string_view client_id,
                          const SecretString& nonce);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_OIDC_H_
