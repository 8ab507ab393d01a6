// Any text as a provider definition: refused with a message, or good enough
// to make requests with.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace valetkey;  // NOLINT
  const auto definition = catalog::ParseDefinition(
      "fuzz", absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!definition.ok()) {
    if (definition.status().message().empty()) std::abort();
    return 0;
  }
  oauth::Client client;
  client.client_id = "id";
  client.client_secret = SecretString("secret");
  for (const auto& input : definition->inputs()) {
    client.inputs[input.name()] = input.example();
  }
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  (void)oauth::AuthorizationUri(*definition, client, {});
  (void)oauth::ExchangeRequest(*definition, client, {}, now);
  (void)oauth::RefreshRequest(*definition, client, {}, now);
  (void)oauth::VerifyRequest(*definition, client, {});
  (void)oauth::RevokeSteps(*definition, client, {{}}, now);
  return 0;
}
