#include "service/callers/oidc_client.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/callers/verify_jwt.h"
#include "service/callers/watched_file.h"
#include "service/identity/jwt.h"

namespace valetkey::callers {
namespace {

constexpr absl::Duration kExchangeTimeout = absl::Seconds(10);
constexpr std::size_t kMaxSecretSize = 4096;

std::shared_ptr<const broker::Caller> CallerBy(const identity::Rule& rule,
                                               std::string subject) {
  auto caller = std::make_shared<broker::Caller>();
  caller->application = rule.application;
  caller->rights = rule.rights;
  caller->rule = rule.name;
  caller->subject = std::move(subject);
  return caller;
}

absl::Status MayAdminister(const broker::Caller& caller) {
  if (caller.Has(store::kAdminister)) return absl::OkStatus();
  return MakeError(Reason::kRightMissing,
                   "the rule for this person lacks the right ADMINISTER: the "
                   "portal is for those who may administer an application",
                   {{"right", "ADMINISTER"}});
}

}  // namespace

OidcClient::OidcClient(PolicyKeeper& keeper, const Clock& clock,
                       OidcOptions options)
    : keeper_(keeper),
      clock_(clock),
      options_(std::move(options)),
      metadata_(std::make_shared<OidcMetadata>(options_.party.issuer, clock,
                                               keeper.home())) {}

const identity::Issuer* OidcClient::IssuerIn(
    const identity::Policy& policy) const {
  const identity::Issuer* const issuer =
      policy.FindIssuer(options_.party.issuer);
  if (issuer == nullptr) return nullptr;
  const std::vector<std::string>& audiences = issuer->expected.audiences;
  const bool ours = std::find(audiences.begin(), audiences.end(),
                              options_.party.client_id) != audiences.end();
  return ours ? issuer : nullptr;
}

absl::Status OidcClient::CheckPolicy() const {
  if (IssuerIn(*keeper_.current()->policy) != nullptr) return absl::OkStatus();
  return MakeError(
      Reason::kFieldInvalid,
      absl::StrCat("the caller policy has no issuers { issuer: \"",
                   options_.party.issuer, "\" audiences: \"",
                   options_.party.client_id,
                   "\" ... }, whose rules would say who may do what"));
}

absl::StatusOr<HttpClient*> OidcClient::Client() const {
  const auto snapshot = keeper_.current();
  const identity::Issuer* const issuer = IssuerIn(*snapshot->policy);
  if (issuer == nullptr) return CheckPolicy();
  return keeper_.ClientFor(issuer->keys.ca_file);
}

absl::StatusOr<SecretString> OidcClient::ClientSecret() const {
  if (options_.client_secret_file.empty()) return SecretString();
  WatchedFile file(options_.client_secret_file, kMaxSecretSize);
  VK_ASSIGN_OR_RETURN(std::string text, file.Read());
  SecretString secret(absl::StripAsciiWhitespace(text));
  WipeMemory(text.data(), text.size());
  if (secret.empty()) {
    return MakeError(Reason::kFieldInvalid,
                     absl::StrCat(options_.client_secret_file,
                                  ": expected a client secret, is empty"));
  }
  return secret;
}

Task<OidcMetadata::ProviderOr> OidcClient::Provider() {
  VK_CO_ASSIGN_OR_RETURN(HttpClient* const client, Client());
  co_return co_await asio::co_spawn(keeper_.home(),
                                    OidcMetadata::Get(metadata_, client),
                                    asio::use_awaitable);
}

Task<absl::StatusOr<std::string>> OidcClient::Begin(
    identity::SignInSecrets secrets) {
  VK_CO_ASSIGN_OR_RETURN(const auto provider, co_await Provider());
  co_return identity::SignInUrl(*provider, options_.party, secrets);
}

Task<absl::StatusOr<SecretString>> OidcClient::Exchange(OidcAnswer answer,
                                                        SecretString verifier) {
  VK_CO_ASSIGN_OR_RETURN(const auto provider, co_await Provider());
  VK_CO_RETURN_IF_ERROR(
      identity::CheckReturnedIssuer(*provider, options_.party, answer.issuer));
  VK_CO_ASSIGN_OR_RETURN(HttpClient* const client, Client());
  VK_CO_ASSIGN_OR_RETURN(const SecretString secret, ClientSecret());
  VK_CO_ASSIGN_OR_RETURN(HttpRequest request,
                         identity::CodeRequest(*provider, options_.party,
                                               secret, answer.code, verifier));
  HttpResult result =
      co_await client->Send(std::move(request), kExchangeTimeout);
  if (!result.status.ok()) {
    co_return MakeError(Reason::kProviderUnavailable,
                        absl::StrCat("the identity provider does not answer: ",
                                     result.status.message()));
  }
  co_return identity::ReadIdToken(result.response);
}

Task<OidcOutcome> OidcClient::Finish(OidcAnswer answer,
                                     identity::SignInSecrets secrets) {
  OidcOutcome outcome;
  const absl::StatusOr<SecretString> token =
      co_await Exchange(std::move(answer), secrets.verifier);
  outcome.status = token.status();
  if (!token.ok()) co_return outcome;
  const absl::StatusOr<identity::Jwt> jwt =
      identity::ParseJwt(token->Reveal(), identity::kMaxIdTokenSize);
  outcome.status = jwt.status();
  if (!jwt.ok()) co_return outcome;
  // The policy may believe others too; of them nobody was asked.
  if (jwt->issuer() != options_.party.issuer) {
    outcome.status = identity::CallerInvalid(
        "issuer", "the ID token's iss is not --portal_oidc_issuer");
    co_return outcome;
  }
  const absl::StatusOr<VerifiedBy> by =
      co_await VerifyJwt(keeper_, clock_, *jwt, options_.party.client_id);
  outcome.status = by.status();
  if (!by.ok()) co_return outcome;
  outcome.status = identity::CheckIdToken(
      *jwt->claims, options_.party.client_id, secrets.nonce);
  if (!outcome.status.ok()) co_return outcome;

  const identity::Policy& policy = *by->snapshot->policy;
  outcome.who.person = identity::PersonOf(*jwt, policy, *by->issuer);
  const absl::StatusOr<const identity::Rule*> rule =
      identity::JudgePerson(outcome.who.person, policy, *by->issuer);
  outcome.status = rule.status();
  if (!rule.ok()) co_return outcome;
  outcome.who.caller = CallerBy(**rule, jwt->subject());
  outcome.status = MayAdminister(*outcome.who.caller);
  if (!outcome.status.ok()) co_return outcome;
  absl::StatusOr<std::string> person =
      identity::EncodePerson(outcome.who.person);
  outcome.status = person.status();
  if (person.ok()) outcome.person = *std::move(person);
  co_return outcome;
}

absl::StatusOr<JudgedPerson> OidcClient::Judge(absl::string_view text) const {
  std::optional<identity::Person> person = identity::DecodePerson(text);
  const auto snapshot = keeper_.current();
  const identity::Issuer* const issuer = IssuerIn(*snapshot->policy);
  if (!person.has_value() || issuer == nullptr ||
      person->issuer != options_.party.issuer) {
    return identity::CallerInvalid(
        "issuer", "the session is of another identity provider: sign in again");
  }
  const absl::StatusOr<const identity::Rule*> rule =
      identity::JudgePerson(*person, *snapshot->policy, *issuer);
  // A session ends by it, so it is told as whoever is not signed in is.
  if (ReasonOf(rule.status()) == Reason::kCallerDenied) {
    return identity::CallerInvalid(
        "policy", "the caller policy no longer lets you in: sign in again");
  }
  if (!rule.ok()) return rule.status();
  JudgedPerson judged;
  judged.caller = CallerBy(**rule, person->subject);
  if (!MayAdminister(*judged.caller).ok()) {
    return identity::CallerInvalid(
        "policy",
        "the caller policy no longer lets you administer: sign in again");
  }
  judged.person = *std::move(person);
  return judged;
}

}  // namespace valetkey::callers
