#include "service/callers/oidc_metadata.h"

#include <boost/asio/this_coro.hpp>

#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::callers {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr absl::Duration kRefresh = absl::Minutes(10);
constexpr absl::Duration kKeep = absl::Hours(24);
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(2);

}  // namespace

Task<OidcMetadata::ProviderOr> OidcMetadata::Get(
    std::shared_ptr<OidcMetadata> self, HttpClient* client) {
  // Others may wait for what is begun here.
  co_await asio::this_coro::throw_if_cancelled(false);
  if (self->flight_ != nullptr) {
    (void)co_await WaitFor(self->flight_, 2 * kTimeout);
  } else if (self->clock_.Now() >= self->next_try_) {
    self->flight_ = std::make_shared<Promise<bool>>(self->home_);
    ProviderOr fetched = co_await self->Fetch(client);
    const absl::Time now = self->clock_.Now();
    self->failure_ = fetched.status();
    if (fetched.ok()) {
      self->provider_ = *std::move(fetched);
      self->next_try_ = now + kRefresh;
      self->usable_until_ = now + kKeep;
    } else {
      self->next_try_ = now + kPauseAfterFailure;
      Log(LogLevel::kError, "the identity provider cannot be asked",
          {{"issuer", self->issuer_}, {"status", self->failure_}});
    }
    std::exchange(self->flight_, nullptr)->Set(true);
  }
  if (self->clock_.Now() < self->usable_until_) co_return self->provider_;
  if (!self->failure_.ok()) co_return self->failure_;
  co_return MakeError(Reason::kProviderUnavailable,
                      "the identity provider does not answer");
}

Task<OidcMetadata::ProviderOr> OidcMetadata::Fetch(HttpClient* client) const {
  HttpRequest request;
  request.url = identity::MetadataUrl(issuer_);
  request.headers.Add("Accept", "application/json");
  HttpResult result = co_await client->Send(std::move(request), kTimeout);
  if (!result.status.ok()) {
    co_return MakeError(Reason::kProviderUnavailable,
                        absl::StrCat("the identity provider does not answer: ",
                                     result.status.message()));
  }
  if (result.response.status != 200) {
    co_return MakeError(Reason::kProviderUnavailable,
                        absl::StrCat(identity::MetadataUrl(issuer_),
                                     " answered ", result.response.status));
  }
  VK_CO_ASSIGN_OR_RETURN(
      identity::OpenIdProvider provider,
      identity::ParseOpenIdProvider(result.response.body, issuer_));
  co_return std::make_shared<const identity::OpenIdProvider>(
      std::move(provider));
}

}  // namespace valetkey::callers
