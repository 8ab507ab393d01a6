#include "service/callers/workload_authenticator.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "service/base/crypto.h"
#include "service/base/log.h"
#include "service/base/secret.h"
#include "service/base/status.h"
#include "service/callers/verify_jwt.h"
#include "service/identity/certificate.h"
#include "service/identity/jwt.h"

namespace valetkey::callers {
namespace {

constexpr absl::string_view kScheme = "Bearer ";
constexpr absl::string_view kApiKeyPrefix = "vk_";

absl::string_view TokenIn(absl::string_view authorization) {
  return authorization.substr(kScheme.size());
}

// The certificate's name for the log: the most telling that it has.
std::string NameIn(const identity::CertificateNames& names) {
  if (!names.spiffe_id.empty()) return names.spiffe_id;
  if (!names.dns_names.empty()) return absl::StrJoin(names.dns_names, ",");
  return names.common_name;
}

}  // namespace

WorkloadAuthenticator::WorkloadAuthenticator(PolicyKeeper& keeper,
                                             const Clock& clock,
                                             Metrics& metrics,
                                             std::size_t max_entries)
    : keeper_(keeper),
      clock_(clock),
      cache_(max_entries),
      tokens_(CountersOf(metrics, "jwt")),
      certificates_(CountersOf(metrics, "certificate")) {}

WorkloadAuthenticator::Outcomes WorkloadAuthenticator::CountersOf(
    Metrics& metrics, const char* kind) {
  const auto counter = [&](const char* result) -> Counter& {
    return metrics.GetCounter(
        "valetkey_callers_verified_total",
        "Callers whose JWT or client certificate was verified, by kind and "
        "result; those known from before are not counted.",
        {{"kind", kind}, {"result", result}});
  };
  return {counter("admitted"), counter("denied"), counter("invalid"),
          counter("unavailable")};
}

bool WorkloadAuthenticator::IsToken(absl::string_view authorization) {
  return absl::StartsWithIgnoreCase(authorization, kScheme) &&
         !absl::StartsWith(TokenIn(authorization), kApiKeyPrefix);
}

std::optional<CallerOr> WorkloadAuthenticator::TryAuthenticate(
    absl::string_view authorization, absl::string_view certificate_pem) const {
  const absl::string_view shown =
      authorization.empty() ? certificate_pem : TokenIn(authorization);
  // What is too large is not worth a hash, nor a place in a queue.
  if (!authorization.empty() && shown.size() > identity::kMaxTokenSize) {
    return identity::CallerInvalid("malformed",
                                   "expected a JWT of at most 8 KiB");
  }
  std::shared_ptr<const broker::Caller> caller =
      cache_.Find(Sha256Digest(shown), keeper_.generation(), clock_.Now());
  if (caller == nullptr) return std::nullopt;
  return caller;
}

Task<CallerOr> WorkloadAuthenticator::Authenticate(
    std::string authorization, std::string certificate_pem) {
  if (authorization.empty()) {
    CallerOr caller = VerifyCertificate(certificate_pem);
    Count(certificates_, caller.status());
    co_return caller;
  }
  std::string token(TokenIn(authorization));
  WipeMemory(authorization.data(), authorization.size());
  CallerOr caller = co_await VerifyToken(std::move(token));
  Count(tokens_, caller.status());
  co_return caller;
}

Task<CallerOr> WorkloadAuthenticator::VerifyToken(std::string token) {
  const CallerCache::Digest digest = Sha256Digest(token);
  absl::StatusOr<identity::Jwt> jwt = identity::ParseJwt(token);
  WipeMemory(token.data(), token.size());
  if (!jwt.ok()) co_return jwt.status();
  VK_CO_ASSIGN_OR_RETURN(const VerifiedBy by,
                         co_await VerifyJwt(keeper_, clock_, *jwt, ""));
  const identity::Issuer& issuer = *by.issuer;
  const identity::Rule* rule = by.snapshot->policy->Match(
      identity::JwtIdentity{issuer.name, jwt->subject(), jwt->claims});
  co_return Admit(rule, issuer.name, jwt->subject(), digest, by.generation,
                  identity::AcceptedUntil(*jwt, issuer.expected.clock_skew));
}

CallerOr WorkloadAuthenticator::VerifyCertificate(const std::string& pem) {
  const std::uint64_t generation = keeper_.generation();
  const std::shared_ptr<const PolicySnapshot> snapshot = keeper_.current();
  // A certificate may be there for TLS's sake alone.
  if (!snapshot->policy->uses_certificates()) {
    return MakeError(Reason::kApiKeyMissing,
                     "no API key or JWT: send authorization: Bearer ...");
  }
  VK_ASSIGN_OR_RETURN(const identity::CertificateNames names,
                      identity::ReadCertificateNames(pem));
  // TLS looked when the connection was made, which may be long ago.
  if (clock_.Now() >= names.not_after) {
    return identity::CallerInvalid("expired",
                                   "the client certificate has expired: "
                                   "connect anew with a newer one");
  }
  return Admit(snapshot->policy->Match(names), "", NameIn(names),
               Sha256Digest(pem), generation, names.not_after);
}

CallerOr WorkloadAuthenticator::Admit(const identity::Rule* rule,
                                      const std::string& issuer,
                                      const std::string& subject,
                                      const CallerCache::Digest& digest,
                                      std::uint64_t generation,
                                      absl::Time until) {
  if (rule == nullptr) {
    Log(LogLevel::kInfo, "caller denied: no rule of the policy matches",
        {{"issuer", issuer}, {"subject", subject}});
    return MakeError(Reason::kCallerDenied,
                     "no rule of the server's caller policy matches this "
                     "caller");
  }
  auto caller = std::make_shared<broker::Caller>();
  caller->application = rule->application;
  caller->rights = rule->rights;
  caller->rule = rule->name;
  caller->subject = subject;
  cache_.Put(digest, generation, until, clock_.Now(), caller);
  Log(LogLevel::kInfo, "caller admitted",
      {{"rule", rule->name},
       {"issuer", issuer},
       {"subject", subject},
       {"application", rule->application},
       {"rights", absl::StrJoin(rule->right_names, ",")},
       {"until", until}});
  return caller;
}

void WorkloadAuthenticator::Count(const Outcomes& outcomes,
                                  const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kNone:
      return outcomes.admitted.Add();
    case Reason::kCallerDenied:
      return outcomes.denied.Add();
    case Reason::kCallerKeysUnavailable:
      return outcomes.unavailable.Add();
    default:
      return outcomes.invalid.Add();
  }
}

}  // namespace valetkey::callers
