#include "service/callers/verify_jwt.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "service/base/status.h"

namespace valetkey::callers {

Task<absl::StatusOr<VerifiedBy>> VerifyJwt(PolicyKeeper& keeper,
                                           const Clock& clock,
                                           const identity::Jwt& jwt,
                                           std::string audience) {
  // A second time with the keys as they are after a look at their source.
  for (bool looked = false;; looked = true) {
    VerifiedBy by;
    by.generation = keeper.generation();
    by.snapshot = keeper.current();
    by.issuer = by.snapshot->policy->FindIssuer(jwt.issuer());
    if (by.issuer == nullptr) {
      co_return identity::CallerInvalid(
          "issuer", "the JWT's iss is not an accepted issuer");
    }
    identity::JwtExpectations expected = by.issuer->expected;
    if (!audience.empty()) expected.audiences = {audience};
    // First what costs nothing: nobody makes us fetch keys with old tokens.
    VK_CO_RETURN_IF_ERROR(identity::CheckClaims(jwt, expected, clock.Now()));
    const std::shared_ptr<IssuerKeys> source =
        by.snapshot->FindKeys(jwt.issuer());
    const auto keys = source->current();
    const bool known =
        keys.ok() && !(*keys)->Find(jwt.key_id, jwt.algorithm).empty();
    if (!known && !looked) {
      co_await asio::co_spawn(keeper.home(), IssuerKeys::Renew(source),
                              asio::use_awaitable);
      continue;
    }
    if (!keys.ok()) co_return keys.status();
    VK_CO_RETURN_IF_ERROR(identity::CheckSignature(jwt, **keys));
    co_return by;
  }
}

}  // namespace valetkey::callers
