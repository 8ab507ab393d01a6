// A person who signed in by OpenID Connect: what a session keeps of their ID
// token, so that the policy can judge each call as it is then.
//
// Kept of the claims are only those that the issuer's rules look at, and of a
// list only the elements that one of them wants: a person of three hundred
// groups fits into a cookie. So once rules look at anything else, what was kept
// cannot tell whether they match (a new rule that is to shut somebody out would
// find nothing), and the person has to sign in again. Pure functions.

#ifndef VALETKEY_IDENTITY_PERSON_H_
#define VALETKEY_IDENTITY_PERSON_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/identity/jwt.h"
#include "service/identity/policy.h"

namespace valetkey::identity {

// Of EncodePerson's text: sealed and encoded it is a cookie of less than 4 KB.
inline constexpr std::size_t kMaxPersonSize = 2400;

struct Person {
  std::string issuer;   // `iss`
  std::string subject;  // `sub`
  std::string name;     // for people; never empty
  std::string email;    // likewise; "" if it is not known
  // By path, as texts; see JwtMatch.claims.
  std::map<std::string, std::vector<std::string>> claims;
  // Of what the rules looked at when the claims were chosen.
  std::string asked;
};

// REQUIRES: the token was verified; `issuer` is its issuer in the policy.
Person PersonOf(const Jwt& jwt, const Policy& policy, const Issuer& issuer);

// CALLER_INVALID if it would be longer than kMaxPersonSize.
absl::StatusOr<std::string> EncodePerson(const Person& person);
// nullopt for what EncodePerson has not made.
std::optional<Person> DecodePerson(absl::string_view text);

// The rule for the person. CALLER_DENIED: none matches; CALLER_INVALID: rules
// now look at claims that were not kept. `issuer` is the person's.
absl::StatusOr<const Rule*> JudgePerson(const Person& person,
                                        const Policy& policy,
                                        const Issuer& issuer);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_PERSON_H_
