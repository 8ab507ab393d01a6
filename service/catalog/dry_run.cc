#include "service/catalog/dry_run.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/status.h"
#include "service/base/utf8.h"
#include "service/oauth/oauth.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

constexpr std::size_t kMaxText = 256 * 1024;

// A fresh key of the algorithm, in PEM.
std::string MakeKey(JwtAlgorithm algorithm) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      algorithm == JWT_ALGORITHM_ES256 ? EVP_EC_gen("P-256")
                                       : EVP_RSA_gen(2048),
      EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()),
                                                          BIO_free_all);
  char* data = nullptr;
  if (key == nullptr || out == nullptr ||
      PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0,
                               nullptr, nullptr) != 1) {
    return "";
  }
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// For a signature that nobody looks at. The same each time: making one takes
// longer than all else here, and a server does it for who asks.
const std::string& ThrowAwayKey(JwtAlgorithm algorithm) {
  if (algorithm == JWT_ALGORITHM_ES256) {
    static const auto& ec = *new std::string(MakeKey(algorithm));
    return ec;
  }
  static const auto& rsa = *new std::string(MakeKey(algorithm));
  return rsa;
}

// The secret of a client that authenticates so.
std::string SecretFor(const ClientAuthentication& how) {
  return how.method() == CLIENT_AUTHENTICATION_METHOD_PRIVATE_KEY_JWT ||
                 how.method() == CLIENT_AUTHENTICATION_METHOD_JWT_AS_SECRET
             ? ThrowAwayKey(how.jwt().algorithm())
             : "CLIENT_SECRET";
}

// "eyJ..." as "JWT(header.claims)", wherever it stands.
std::string ShowJwt(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t start = text.find("eyJ");
    absl::StrAppend(&out, text.substr(0, start));
    if (start == absl::string_view::npos) break;
    text.remove_prefix(start);
    const std::size_t end = std::min(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
                               "vwxyz0123456789-_."),
        text.size());
    const std::vector<absl::string_view> parts =
        absl::StrSplit(text.substr(0, end), '.');
    std::string header, claims;
    if (parts.size() == 3 && absl::WebSafeBase64Unescape(parts[0], &header) &&
        absl::WebSafeBase64Unescape(parts[1], &claims) && IsUtf8(header) &&
        IsUtf8(claims)) {
      absl::StrAppend(&out, "JWT(", header, ".", claims, ")");
    } else {
      absl::StrAppend(&out, text.substr(0, end));
    }
    text.remove_prefix(end);
  }
  return out;
}

void Show(std::string leg, HttpRequest request,
          std::vector<DryRunRequest>& out) {
  HttpHeaders headers;
  for (const auto& [name, value] : request.headers.fields()) {
    std::string decoded;
    absl::string_view rest = value;
    if (absl::ConsumePrefix(&rest, "Basic ") &&
        absl::Base64Unescape(rest, &decoded) && IsUtf8(decoded)) {
      headers.Add(name, absl::StrCat("Basic base64(", decoded, ")"));
    } else {
      headers.Add(name, ShowJwt(value));
    }
  }
  request.headers = std::move(headers);
  request.url = ShowJwt(request.url);
  request.body = ShowJwt(request.body);
  out.push_back({std::move(leg), std::move(request)});
}

// What the flow would have been given and told.
struct Scene {
  oauth::Client client;
  std::map<std::string, std::string> captured;
};

absl::StatusOr<Scene> SetScene(const Definition& definition,
                               const DryRunOptions& options) {
  Scene scene;
  std::map<std::string, std::string> left = options.inputs;
  const auto take = [&](const std::string& name, const std::string& fallback) {
    const auto it = left.find(name);
    if (it == left.end()) return fallback;
    std::string value = it->second;
    left.erase(it);
    return value;
  };
  const auto capture = [&](const std::string& name) {
    if (scene.captured.count(name) == 0) {
      scene.captured[name] =
          take(name, absl::StrCat("META_", absl::AsciiStrToUpper(name)));
    }
  };
  std::map<std::string, std::string> given;
  for (const Input& input : definition.inputs()) {
    const std::string value = take(input.name(), input.default_value().empty()
                                                     ? input.example()
                                                     : input.default_value());
    if (input.source() == INPUT_SOURCE_CALLBACK ||
        input.source() == INPUT_SOURCE_TOKEN_ANSWER) {
      scene.captured[input.name()] = value;
    } else if (input.secret()) {
      // Whatever was given: it is not printed.
      scene.client.secret_inputs[input.name()] = SecretString(
          absl::StrCat("INPUT_", absl::AsciiStrToUpper(input.name())));
    } else if (!value.empty()) {
      given[input.name()] = value;
    }
  }
  for (const auto& c : definition.callback().captures()) capture(c.name());
  for (const auto& c : definition.response().captures()) capture(c.name());
  for (const auto& hop : definition.post_exchange()) {
    for (const auto& c : hop.response().captures()) capture(c.name());
  }
  if (!left.empty()) {
    return InvalidField(absl::StrCat("inputs.", left.begin()->first),
                        "an input or capture of the definition");
  }
  VK_RETURN_IF_ERROR(oauth::CheckInputs(definition, given));
  scene.client.client_id = "CLIENT_ID";
  scene.client.inputs = std::move(given);
  scene.client.metadata = scene.captured;
  scene.client.client_secret =
      SecretString(SecretFor(definition.client_authentication()));
  return scene;
}

oauth::TokenSet Tokens(const std::string& name, bool refreshable) {
  oauth::TokenSet token;
  token.name = name;
  const std::string prefix =
      name.empty() ? "" : absl::AsciiStrToUpper(name) + "_";
  token.access_token = SecretString(prefix + "ACCESS_TOKEN");
  if (refreshable) token.refresh_token = SecretString(prefix + "REFRESH_TOKEN");
  return token;
}

}  // namespace

std::string DryRunText(const Definition& definition,
                       const std::vector<DryRunRequest>& requests) {
  std::string text;
  for (const auto& [leg, request] : requests) {
    absl::StrAppend(&text, "# ", leg, "\n", request.method, " ", request.url,
                    "\n");
    for (const auto& [name, value] : request.headers.fields()) {
      absl::StrAppend(&text, name, ": ", value, "\n");
    }
    if (!request.body.empty()) {
      absl::StrAppend(&text, "\n", request.body, "\n");
    }
    absl::StrAppend(&text, "\n");
    if (text.size() > kMaxText) {
      text.resize(CutUtf8(text, kMaxText).size());
      absl::StrAppend(&text, "\n# and so on: the rest is left out\n");
      return text;
    }
  }
  if (definition.revocation().steps().empty()) {
    absl::StrAppend(&text, "# revoke: none. ",
                    definition.revocation().unsupported(), "\n");
  }
  return text;
}

absl::StatusOr<std::vector<DryRunRequest>> DryRun(
    const Definition& definition, const DryRunOptions& options) {
  VK_ASSIGN_OR_RETURN(const Scene scene, SetScene(definition, options));
  const oauth::Client& client = scene.client;
  const absl::Time now = absl::Now();
  const bool pkce = oauth::PkceByDefault(definition);
  std::vector<DryRunRequest> out;

  oauth::AuthorizationParameters authorization;
  authorization.redirect_uri = options.redirect_uri;
  authorization.state = "STATE";
  authorization.scopes = options.scopes;
  if (authorization.scopes.empty()) {
    authorization.scopes.assign(
        definition.authorization().default_scopes().begin(),
        definition.authorization().default_scopes().end());
  }
  if (pkce) authorization.code_challenge = "CODE_CHALLENGE";
  HttpRequest page;
  VK_ASSIGN_OR_RETURN(
      page.url, oauth::AuthorizationUri(definition, client, authorization));
  Show("authorize", std::move(page), out);

  oauth::ExchangeParameters exchange;
  exchange.code = "CODE";
  exchange.redirect_uri = options.redirect_uri;
  exchange.state = "STATE";
  exchange.callback = scene.captured;
  if (pkce) exchange.verifier = SecretString("CODE_VERIFIER");
  VK_ASSIGN_OR_RETURN(
      HttpRequest request,
      oauth::ExchangeRequest(definition, client, exchange, now));
  Show("exchange", std::move(request), out);

  const RefreshKind kind = definition.refresh().kind();
  const bool refreshable =
      kind != REFRESH_KIND_NONE && kind != REFRESH_KIND_ACCESS_TOKEN;
  std::vector<oauth::TokenSet> tokens = {Tokens("", refreshable)};
  for (const ExtraToken& extra : definition.response().extra_tokens()) {
    tokens.push_back(Tokens(extra.name(), refreshable));
  }
  oauth::TokenAnswer answer;
  answer.tokens = tokens;
  answer.metadata = scene.captured;
  for (const int hop :
       oauth::PostExchangeHops(definition, oauth::Leg::kExchange)) {
    VK_ASSIGN_OR_RETURN(request, oauth::PostExchangeRequest(
                                     definition, hop, client, answer, now));
    Show(absl::StrCat("after exchange ", hop + 1), std::move(request), out);
  }
  if (auto verify = oauth::VerifyRequest(definition, client, tokens[0])) {
    Show("verify", *std::move(verify), out);
  }
  if (auto discover = oauth::DiscoveryRequest(definition, client, tokens[0])) {
    Show("discover", *std::move(discover), out);
  }
  if (kind != REFRESH_KIND_NONE) {
    oauth::RefreshParameters refresh;
    refresh.access_token = tokens[0].access_token;
    refresh.refresh_token = tokens[0].refresh_token;
    refresh.scopes = authorization.scopes;
    refresh.redirect_uri = options.redirect_uri;
    VK_ASSIGN_OR_RETURN(
        request, oauth::RefreshRequest(definition, client, refresh, now));
    Show("refresh", std::move(request), out);
    for (const int hop :
         oauth::PostExchangeHops(definition, oauth::Leg::kRefresh)) {
      VK_ASSIGN_OR_RETURN(request, oauth::PostExchangeRequest(
                                       definition, hop, client, answer, now));
      Show(absl::StrCat("after refresh ", hop + 1), std::move(request), out);
    }
  }
  VK_ASSIGN_OR_RETURN(std::vector<oauth::RevokeStep> steps,
                      oauth::RevokeSteps(definition, client, tokens, now));
  for (oauth::RevokeStep& step : steps) {
    if (step.request) Show("revoke", *std::move(step.request), out);
  }
  return out;
}

}  // namespace valetkey::catalog
