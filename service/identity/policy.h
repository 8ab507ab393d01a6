// A caller policy (caller_policy.proto), checked and ready to be asked.
//
//   VK_ASSIGN_OR_RETURN(auto policy, Policy::Parse("callers.textproto", text));
//   const Rule* rule = policy->Match(JwtIdentity{...});
//   if (rule == nullptr) ... nobody we know ...
//
// Immutable, thread-safe.

#ifndef VALETKEY_IDENTITY_POLICY_H_
#define VALETKEY_IDENTITY_POLICY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "service/identity/certificate.h"
#include "service/identity/jwt.h"
#include "service/identity/pattern.h"

namespace valetkey::identity {

// How an issuer's keys are found.
struct KeyLocation {
  std::string file;  // one of the two
  std::string url;   // of the key set, or of the issuer's configuration:
  bool discovery = false;
  std::string ca_file;
  std::string bearer_token_file;
  absl::Duration refresh_interval = absl::Minutes(5);
  absl::Duration keep_keys = absl::Hours(24);

  bool operator==(const KeyLocation&) const = default;
};

struct Issuer {
  std::string name;
  JwtExpectations expected;
  KeyLocation keys;
};

struct Rule {
  enum class Kind { kJwt, kSpiffeId, kDnsName, kCommonName };

  std::string name;
  Kind kind = Kind::kJwt;
  std::string issuer;            // kJwt: an issuer's name
  Pattern name_pattern{"", ""};  // the subject, or the certificate's name
  std::vector<std::pair<std::string, Pattern>> claims;  // by path
  std::string application;                              // applications/{a}
  std::uint32_t rights = 0;                             // store::Right bits
  std::vector<std::string> right_names;  // RIGHT_READ_TOKENS and so on
};

// A caller whose JWT was verified.
struct JwtIdentity {
  std::string issuer;  // its name in the policy
  std::string subject;
  std::shared_ptr<const nlohmann::json> claims;
};

// Why a rule does not match; "" if it does.
struct Verdict {
  const Rule* rule = nullptr;
  std::string why_not;
};

class Policy {
 public:
  // FIELD_INVALID with all that is wrong, one "file:line: field: ..." a line.
  static absl::StatusOr<std::shared_ptr<const Policy>> Parse(
      absl::string_view file, absl::string_view text);

  const std::vector<Issuer>& issuers() const { return issuers_; }
  const std::vector<Rule>& rules() const { return rules_; }
  // The issuer of that `iss`; nullptr if there is none.
  const Issuer* FindIssuer(absl::string_view iss) const;
  // Whether any rule looks at certificates.
  bool uses_certificates() const;

  // The first rule that matches; nullptr if none does.
  const Rule* Match(const JwtIdentity& identity) const;
  const Rule* Match(const CertificateNames& names) const;

  // Each rule's verdict, in order, up to the first that matches.
  std::vector<Verdict> Explain(const JwtIdentity& identity) const;
  std::vector<Verdict> Explain(const CertificateNames& names) const;

 private:
  std::vector<Issuer> issuers_;
  std::vector<Rule> rules_;
};

// The claims that a path can mean, as texts; see JwtMatch.claims. Empty if
// there is none or more than one.
std::vector<std::string> ClaimTexts(const nlohmann::json& claims,
                                    absl::string_view path);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_POLICY_H_
