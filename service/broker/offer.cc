// What a person is told before the provider asks them.

#include <algorithm>
#include <utility>

#include "service/base/crypto.h"
#include "service/base/name.h"
#include "service/broker/impl.h"
#include "service/broker/sealing.h"

namespace valetkey::broker {
namespace {

using store::Authorization;
using store::AuthorizationStatus;

ConsentOffer::Scope Described(const oauth::Definition& definition,
                              const std::string& name) {
  for (const auto& scope : definition.scopes()) {
    if (scope.name() == name) return {name, scope.description()};
  }
  return {name, ""};
}

// All that the authorization URI asks for, each once.
std::vector<ConsentOffer::Scope> ScopesOf(const oauth::Definition& definition,
                                          const Authorization& authorization) {
  std::vector<std::string> names = authorization.scopes;
  for (const std::string& scope :
       definition.authorization().required_scopes()) {
    names.push_back(scope);
  }
  std::vector<ConsentOffer::Scope> scopes;
  for (const std::string& name : names) {
    const bool seen =
        std::any_of(scopes.begin(), scopes.end(),
                    [&](const auto& scope) { return scope.name == name; });
    if (!seen && !name.empty()) scopes.push_back(Described(definition, name));
  }
  return scopes;
}

}  // namespace

Task<Broker::Impl::ConsentParties> Broker::Impl::PartiesOf(
    Authorization authorization) {
  ConsentParties parties;
  auto application = co_await d.store.GetApplication(authorization.application);
  if (application.ok() && *application) {
    parties.application_display_name = (*application)->display_name;
    // Registered still: an operator may have taken it away meanwhile.
    const auto& uris = (*application)->return_uris;
    if (std::find(uris.begin(), uris.end(), authorization.return_uri) !=
        uris.end()) {
      parties.return_uri = authorization.return_uri;
    }
  }
  parties.provider = co_await providers.Get(authorization.provider);
  co_return parties;
}

Task<ConsentOffer> Broker::Impl::DescribeConsent(std::string state) {
  ConsentOffer offer;
  std::string digest = HexEncode(Sha256(state));
  auto found = co_await d.store.GetAuthorization(std::move(digest));
  if (!found.ok()) {
    offer.status = found.status();
    co_return offer;
  }
  if (!*found) {
    offer.status = StateInvalid("is not known");
    co_return offer;
  }
  const Authorization& authorization = **found;
  ConsentParties parties = co_await PartiesOf(authorization);
  offer.application_display_name = std::move(parties.application_display_name);
  // A page that is there to say who asks must not leave that out.
  if (offer.application_display_name.empty()) {
    offer.application_display_name =
        std::string(IdOf(authorization.application));
  }
  offer.return_uri = std::move(parties.return_uri);
  if (!parties.provider.ok()) {
    offer.status = parties.provider.status();
    co_return offer;
  }
  const ProviderContext& provider = **parties.provider;
  offer.provider_display_name = provider.definition->display_name();
  if (authorization.status != AuthorizationStatus::kPending) {
    offer.status = StateInvalid("was used before");
    co_return offer;
  }
  if (authorization.expire_time <= d.clock.Now()) {
    offer.status = StateInvalid("has expired");
    co_return offer;
  }
  SecretString verifier;
  if (!authorization.verifier_sealed.empty()) {
    auto opened = d.sealer.Open(authorization.verifier_sealed,
                                VerifierAssociatedData(authorization.name));
    if (!opened.ok()) {
      offer.status = opened.status();
      co_return offer;
    }
    verifier = *std::move(opened);
  }
  auto uri = AuthorizationUriOf(provider, authorization, state, verifier);
  if (!uri.ok()) {
    offer.status = uri.status();
    co_return offer;
  }
  offer.authorization_uri = *std::move(uri);
  if (authorization.redirect_uri != options.public_url + "/oauth/callback") {
    offer.refusal_uri =
        AppendQuery(authorization.redirect_uri,
                    {{"error", "access_denied"}, {"state", state}});
  }
  offer.scopes = ScopesOf(*provider.definition, authorization);
  co_return offer;
}

}  // namespace valetkey::broker
