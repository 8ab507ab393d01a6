// Any query of a redirect, read without and with a definition.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"
#include "service/oauth/oauth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace valetkey;  // NOLINT
  static const auto& definition = *new catalog::Definition([] {
    auto parsed = catalog::ParseDefinition(
        "fuzz",
        "id: 'fuzz' display_name: 'F' category: CATEGORY_OTHER "
        "authorization { url: 'https://a.example/' } "
        "client_authentication { method: CLIENT_AUTHENTICATION_METHOD_NONE } "
        "token { url: 'https://a.example/' } "
        "callback { code_parameter: 'auth_code' "
        "captures { name: 'realm' parameter: 'realmId' } }");
    if (!parsed.ok()) std::abort();
    return *std::move(parsed);
  }());
  const QueryParameters query =
      ParseQuery(absl::string_view(reinterpret_cast<const char*>(data), size));
  const oauth::Callback plain = oauth::ReadCallback(nullptr, query);
  const oauth::Callback read = oauth::ReadCallback(&definition, query);
  if (plain.state != read.state || !plain.captured.empty() ||
      read.captured.size() > 1) {
    std::abort();
  }
  return 0;
}
