// An identity provider's metadata (OpenID Connect Discovery 1.0), fetched when
// somebody signs in and kept for a while. While it cannot be fetched, what was
// read last serves for a day. Used on one executor only.

#ifndef VALETKEY_CALLERS_OIDC_METADATA_H_
#define VALETKEY_CALLERS_OIDC_METADATA_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/promise.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/identity/oidc.h"
#include "service/net/http/http_client.h"

namespace valetkey::callers {

class OidcMetadata {
 public:
  using ProviderOr =
      absl::StatusOr<std::shared_ptr<const identity::OpenIdProvider>>;

  // The clock outlives this object; `home` is its executor.
  OidcMetadata(std::string issuer, const Clock& clock,
               asio::any_io_executor home)
      : issuer_(std::move(issuer)), clock_(clock), home_(std::move(home)) {}

  // Fetches it if that is due, once for all who wait, and not again for two
  // seconds after a failure. PROVIDER_UNAVAILABLE or PROVIDER_RESPONSE_INVALID.
  // The client outlives the task.
  static Task<ProviderOr> Get(std::shared_ptr<OidcMetadata> self,
                              HttpClient* client);

 private:
  Task<ProviderOr> Fetch(HttpClient* client) const;

  const std::string issuer_;
  const Clock& clock_;
  const asio::any_io_executor home_;
  std::shared_ptr<Promise<bool>> flight_;
  std::shared_ptr<const identity::OpenIdProvider> provider_;
  absl::Status failure_;
  absl::Time next_try_ = absl::InfinitePast();
  absl::Time usable_until_ = absl::InfinitePast();
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_OIDC_METADATA_H_
