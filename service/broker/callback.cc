// The redirect that comes to ValetKey's own callback: whose it is, the
// exchange, and where the browser goes from there.

#include <utility>

#include "service/base/crypto.h"
#include "service/broker/impl.h"

namespace valetkey::broker {

Task<CallbackResult> Broker::Impl::FinishCallback(oauth::Callback callback,
                                                  QueryParameters query) {
  CallbackResult result;
  if (callback.state.empty()) {
    result.status = StateInvalid("is missing");
    co_return result;
  }
  auto found =
      co_await d.store.GetAuthorization(HexEncode(Sha256(callback.state)));
  if (!found.ok()) {
    result.status = found.status();
    co_return result;
  }
  if (!*found) {
    result.status = StateInvalid("is not known");
    co_return result;
  }
  const store::Authorization& authorization = **found;
  ConsentParties parties = co_await PartiesOf(authorization);
  result.application_display_name = std::move(parties.application_display_name);
  result.return_uri = std::move(parties.return_uri);
  ExchangeParameters parameters;
  if (parties.provider.ok()) {
    const oauth::Definition& definition = *(*parties.provider)->definition;
    result.provider_display_name = definition.display_name();
    callback = oauth::ReadCallback(&definition, query);
  }
  parameters.state = callback.state;
  parameters.code = callback.code;
  parameters.issuer = callback.issuer;
  parameters.error = callback.error;
  parameters.error_description = callback.error_description;
  for (const auto& [key, value] : query) {
    parameters.callback_parameters.try_emplace(key, value);
  }
  auto exchanged =
      co_await Exchange(authorization.application, std::move(parameters));
  if (exchanged.ok()) {
    result.result = *std::move(exchanged);
  } else {
    result.status = exchanged.status();
  }
  co_return result;
}

}  // namespace valetkey::broker
