// Telling a dead grant from a refused client.
//
// Some providers answer both with the same words (Pinterest: 401, code 2). No
// person is asked to consent again on such an answer alone: what decides is
// whether the provider accepts this client's credentials for anything else.

#include <utility>

#include "service/broker/impl.h"

namespace valetkey::broker {

Task<Broker::Impl::ClientStanding> Broker::Impl::FindStanding(
    std::shared_ptr<const ProviderContext> provider, absl::Time since) {
  if (providers.AcceptedSince(*provider, since)) {
    co_return ClientStanding::kAccepted;
  }
  // One probe answers for all connections of the client that ask meanwhile.
  const Limiter::Permit turn = co_await provider->probe->Acquire();
  if (const auto known = providers.ProbedSince(*provider, since)) {
    co_return *known ? ClientStanding::kAccepted : ClientStanding::kRefused;
  }
  if (providers.AcceptedSince(*provider, since)) {
    co_return ClientStanding::kAccepted;
  }
  const absl::Time asked = d.clock.Now();
  auto request =
      oauth::ClientProbeRequest(*provider->definition, provider->client, asked);
  if (!request) co_return ClientStanding::kUnknown;
  const HttpResult sent =
      co_await d.http.Send(*std::move(request), options.http_timeout);
  if (!sent.status.ok()) co_return ClientStanding::kUnknown;
  switch (oauth::ParseClientProbe(*provider->definition, sent.response)) {
    case oauth::ClientProbe::kAccepted:
      providers.NoteProbe(*provider, true, asked);
      co_return ClientStanding::kAccepted;
    case oauth::ClientProbe::kRefused:
      providers.NoteProbe(*provider, false, asked);
      co_return ClientStanding::kRefused;
    case oauth::ClientProbe::kUnknown:
      break;
  }
  co_return ClientStanding::kUnknown;
}

Task<std::shared_ptr<const ProviderContext>> Broker::Impl::OtherSecret(
    std::shared_ptr<const ProviderContext> provider,
    oauth::FailureClass failure, absl::Time asked) {
  if (!provider->other_secret) co_return nullptr;
  const bool refused =
      failure == oauth::FailureClass::kClientRejected ||
      (failure == oauth::FailureClass::kAmbiguous &&
       co_await FindStanding(provider, asked) == ClientStanding::kRefused);
  if (!refused) co_return nullptr;
  auto other = providers.UseOtherSecret(*provider);
  Log(LogLevel::kWarning,
      "the provider refuses one of the two client secrets; the other is tried",
      {{"provider", provider->record.name},
       {"refused", provider->swapped ? "second" : "first"}});
  co_return other;
}

}  // namespace valetkey::broker
