#include "service/identity/oidc.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/base/url.h"
#include "service/identity/jwt.h"
#include "service/identity/strict_json.h"

namespace valetkey::identity {
namespace {

absl::Status BadMetadata(absl::string_view what) {
  return MakeError(
      Reason::kProviderResponseInvalid,
      absl::StrCat("the identity provider's configuration: ", what));
}

absl::StatusOr<std::string> EndpointIn(const Json& metadata, const char* name) {
  const std::string* const url = FindString(metadata, name);
  if (url == nullptr || !IsFetchUrl(*url)) {
    return BadMetadata(absl::StrCat(name, ": expected an https URL"));
  }
  return *url;
}

// Without the member: client_secret_basic (Discovery 1.0 section 3).
OpenIdProvider::ClientAuthentication AuthenticationIn(const Json& metadata) {
  using enum OpenIdProvider::ClientAuthentication;
  const auto found = metadata.find("token_endpoint_auth_methods_supported");
  if (found == metadata.end() || !found->is_array()) return kBasic;
  const auto has = [&found](const char* method) {
    return std::any_of(found->begin(), found->end(),
                       [&](const Json& element) { return element == method; });
  };
  if (has("client_secret_basic")) return kBasic;
  return has("client_secret_post") ? kPost : kNeither;
}

// A provider's word as it may be shown and logged.
std::string Printable(absl::string_view word) {
  std::string text(word.substr(0, 64));
  for (char& c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

absl::Status Refusal(const HttpResponse& response,
                     const std::optional<Json>& body) {
  const std::string* const error =
      body.has_value() ? FindString(*body, "error") : nullptr;
  if (error == nullptr) {
    const bool weather = response.status == 429 || response.status >= 500;
    return MakeError(weather ? Reason::kProviderUnavailable
                             : Reason::kProviderResponseInvalid,
                     absl::StrCat("the identity provider's token endpoint "
                                  "answered ",
                                  response.status));
  }
  const ErrorMetadata metadata = {{"error", Printable(*error)}};
  if (*error == "invalid_grant") {
    return MakeError(Reason::kAuthorizationCodeRejected,
                     "the identity provider does not take the code, which is "
                     "used, too old or not for this server",
                     metadata);
  }
  if (*error == "invalid_client" || *error == "unauthorized_client") {
    return MakeError(Reason::kProviderClientRejected,
                     "the identity provider refuses this server: compare "
                     "--portal_oidc_client_id and "
                     "--portal_oidc_client_secret_file with what is "
                     "registered there",
                     metadata);
  }
  return MakeError(Reason::kProviderRequestRejected,
                   "the identity provider refuses to exchange the code",
                   metadata);
}

}  // namespace

bool IsFetchUrl(absl::string_view url) {
  const absl::StatusOr<Url> parsed = ParseUrl(url);
  return parsed.ok() && parsed->fragment.empty() &&
         (parsed->scheme == "https" || parsed->IsLoopback());
}

std::string MetadataUrl(absl::string_view issuer) {
  return absl::StrCat(absl::StripSuffix(issuer, "/"),
                      "/.well-known/openid-configuration");
}

absl::StatusOr<OpenIdProvider> ParseOpenIdProvider(absl::string_view text,
                                                   absl::string_view issuer) {
  const std::optional<Json> metadata = ParseStrictObject(text);
  if (!metadata.has_value()) return BadMetadata("expected a JSON object");
  // Section 4.3: another's metadata would lead people to another's page.
  const std::string* const named = FindString(*metadata, "issuer");
  if (named == nullptr || *named != issuer) {
    return BadMetadata(
        "issuer: expected the same as --portal_oidc_issuer, character for "
        "character");
  }
  OpenIdProvider provider;
  VK_ASSIGN_OR_RETURN(provider.authorization_endpoint,
                      EndpointIn(*metadata, "authorization_endpoint"));
  VK_ASSIGN_OR_RETURN(provider.token_endpoint,
                      EndpointIn(*metadata, "token_endpoint"));
  provider.authentication = AuthenticationIn(*metadata);
  const auto sends =
      metadata->find("authorization_response_iss_parameter_supported");
  provider.sends_issuer = sends != metadata->end() && *sends == true;
  return provider;
}

std::string SignInUrl(const OpenIdProvider& provider, const RelyingParty& party,
                      const SignInSecrets& secrets) {
  return AppendQuery(
      provider.authorization_endpoint,
      {{"response_type", "code"},
       {"client_id", party.client_id},
       {"redirect_uri", party.redirect_uri},
       {"scope", party.scopes},
       {"state", std::string(secrets.state.Reveal())},
       {"nonce", std::string(secrets.nonce.Reveal())},
       {"code_challenge", Base64UrlEncode(Sha256(secrets.verifier.Reveal()))},
       {"code_challenge_method", "S256"}});
}

absl::Status CheckReturnedIssuer(const OpenIdProvider& provider,
                                 const RelyingParty& party,
                                 absl::string_view issuer) {
  if (issuer.empty() ? !provider.sends_issuer : issuer == party.issuer) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kIssuerMismatch,
                   "the answer does not come from the identity provider that "
                   "was asked");
}

absl::StatusOr<HttpRequest> CodeRequest(const OpenIdProvider& provider,
                                        const RelyingParty& party,
                                        const SecretString& client_secret,
                                        const SecretString& code,
                                        const SecretString& verifier) {
  using enum OpenIdProvider::ClientAuthentication;
  QueryParameters form = {
      {"grant_type", "authorization_code"},
      {"code", std::string(code.Reveal())},
      {"redirect_uri", party.redirect_uri},
      {"code_verifier", std::string(verifier.Reveal())},
  };
  HttpRequest request;
  request.method = "POST";
  request.url = provider.token_endpoint;
  request.headers.Add("Accept", "application/json");
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  if (client_secret.empty()) {
    form.emplace_back("client_id", party.client_id);
  } else if (provider.authentication == kBasic) {
    // RFC 6749 section 2.3.1: each of the two is encoded as in a form.
    request.headers.Add(
        "Authorization",
        absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(
                                   FormEncode(party.client_id), ":",
                                   FormEncode(client_secret.Reveal())))));
  } else if (provider.authentication == kPost) {
    form.emplace_back("client_id", party.client_id);
    form.emplace_back("client_secret", std::string(client_secret.Reveal()));
  } else {
    return MakeError(Reason::kProviderClientRejected,
                     "the identity provider takes a client's secret in "
                     "neither of the ways client_secret_basic and "
                     "client_secret_post: allow one of them there");
  }
  request.body = EncodeQuery(form);
  for (auto& [name, value] : form) WipeMemory(value.data(), value.size());
  return request;
}

absl::StatusOr<SecretString> ReadIdToken(HttpResponse& response) {
  std::optional<Json> body = ParseStrictObject(response.body);
  WipeMemory(response.body.data(), response.body.size());
  response.body.clear();
  if (response.status != 200) return Refusal(response, body);
  if (!body.has_value()) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the identity provider's token endpoint answered no JSON");
  }
  SecretString token;
  for (auto& [name, value] : body->items()) {
    if (!value.is_string()) continue;
    SecretString text =
        SecretString::Take(std::move(value.get_ref<std::string&>()));
    if (name == "id_token") token = std::move(text);
  }
  if (token.empty() || token.size() > kMaxIdTokenSize) {
    return MakeError(Reason::kProviderResponseInvalid,
                     "the identity provider sent no ID token, or one above "
                     "32 KiB: let the client have the scope openid, and fewer "
                     "claims");
  }
  return token;
}

absl::Status CheckIdToken(const Json& claims, absl::string_view client_id,
                          const SecretString& nonce) {
  const std::string* const their_nonce = FindString(claims, "nonce");
  if (their_nonce == nullptr || nonce.empty() ||
      !ConstantTimeEquals(*their_nonce, nonce.Reveal())) {
    return CallerInvalid("nonce",
                         "the ID token is not for this sign-in: its nonce is "
                         "another's");
  }
  if (!claims.contains("iat")) {
    return CallerInvalid("not_yet_valid", "the ID token has no iat");
  }
  const auto audience = claims.find("aud");
  const bool several =
      audience != claims.end() && audience->is_array() && audience->size() > 1;
  const std::string* const party = FindString(claims, "azp");
  if (claims.contains("azp") ? party == nullptr || *party != client_id
                             : several) {
    return CallerInvalid("audience",
                         "the ID token was issued to another client: its azp "
                         "is not --portal_oidc_client_id");
  }
  return absl::OkStatus();
}

}  // namespace valetkey::identity
