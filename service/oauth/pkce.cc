// Proof key for code exchange (RFC 7636).

#include "service/base/crypto.h"
#include "service/oauth/oauth.h"

namespace valetkey::oauth {

using ::valetkey::catalog::v1::PKCE_SUPPORT_REQUIRED;
using ::valetkey::catalog::v1::PKCE_SUPPORT_SUPPORTED;

bool PkceByDefault(const Definition& definition) {
  const auto support = definition.pkce().support();
  return support == PKCE_SUPPORT_REQUIRED || support == PKCE_SUPPORT_SUPPORTED;
}

// 32 random bytes, as section 4.1 recommends.
SecretString NewVerifier(Random& random) {
  return SecretString::Take(Base64UrlEncode(random.Bytes(32)));
}

std::string ChallengeS256(const SecretString& verifier) {
  return Base64UrlEncode(Sha256(verifier.Reveal()));
}

}  // namespace valetkey::oauth
