// Any answer of a provider: tokens, failures, accounts, revocations.
//
// The first byte chooses the definition, the second the status and the leg,
// the third the content type; the rest is the body.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

const std::vector<std::shared_ptr<const valetkey::catalog::Definition>>&
Definitions() {
  static const auto& list =
      *new std::vector<std::shared_ptr<const valetkey::catalog::Definition>>(
          [] {
            auto catalog = valetkey::catalog::Catalog::Load("");
            Require(catalog.ok());
            return catalog->List();
          }());
  return list;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace valetkey;         // NOLINT
  using namespace valetkey::oauth;  // NOLINT
  if (size < 3) return 0;
  const auto& definition = *Definitions()[data[0] % Definitions().size()];
  constexpr int kStatuses[] = {200, 201, 204, 302, 400, 401, 403, 429, 500};
  constexpr const char* kTypes[] = {"application/json", "text/html",
                                    "application/x-www-form-urlencoded",
                                    "text/plain"};
  HttpResponse response;
  response.status = kStatuses[(data[1] / 2) % 9];
  response.headers.Add("content-type", kTypes[data[2] % 4]);
  response.body.assign(reinterpret_cast<const char*>(data) + 3, size - 3);
  const Leg leg = data[1] % 2 == 0 ? Leg::kExchange : Leg::kRefresh;
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const std::string secret = "pinr.secret-secret-1";
  response.headers.Add("retry-after", response.body.substr(0, 40));

  const ParsedTokenAnswer parsed =
      ParseTokenAnswer(definition, leg, response, now, {secret});
  Require(parsed.answer.has_value() != parsed.failure.has_value());
  if (parsed.answer.has_value()) {
    Require(!parsed.answer->tokens.empty());
    for (const TokenSet& token : parsed.answer->tokens) {
      Require(!token.access_token.empty());
      for (const char c : token.access_token.Reveal()) {
        Require(c > 0x20 && c < 0x7f);
      }
      Require(!token.expire_time.has_value() ||
              *token.expire_time < absl::InfiniteFuture());
    }
  } else {
    const ProviderFailure& failure = *parsed.failure;
    Require(failure.message.size() <= 200 && failure.code.size() <= 64);
    Require(failure.message.find(secret) == std::string::npos);
    Require(failure.retry_after >= absl::ZeroDuration() &&
            failure.retry_after <= absl::Hours(24));
    for (const char c : failure.message + failure.code) {
      Require(c >= 0x20 && c < 0x7f);
    }
  }
  (void)ParseAccount(definition, response);
  (void)ParseDiscovery(definition, Client(), response);
  (void)ParseRevokeAnswer(definition, response);
  return 0;
}
