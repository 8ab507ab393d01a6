// The requests that a definition makes, with placeholders for what only a real
// grant has: for people who write definitions, to be compared with the
// provider's documentation. Nothing is sent. Pure functions, but for the
// throw-away keys that sign JWTs, made once.

#ifndef VALETKEY_CATALOG_DRY_RUN_H_
#define VALETKEY_CATALOG_DRY_RUN_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/base/http_message.h"
#include "service/catalog/catalog.h"

namespace valetkey::catalog {

struct DryRunOptions {
  // Values for the definition's inputs and captures, by name. An input that is
  // not given takes its default, else its example.
  std::map<std::string, std::string> inputs;
  std::vector<std::string> scopes;  // empty: the default ones
  std::string redirect_uri = "https://tokens.example.com/oauth/callback";
};

// One request of a flow. Placeholders are in capitals: CLIENT_SECRET,
// ACCESS_TOKEN; a JWT that we would sign is shown as its claims.
struct DryRunRequest {
  std::string leg;  // "authorize", "exchange", "refresh", ...
  HttpRequest request;
};

// They as text: "# leg", the request as HTTP has it, an empty line; and what
// is to be said where tokens cannot be revoked. At most 256 KiB.
std::string DryRunText(const Definition& definition,
                       const std::vector<DryRunRequest>& requests);

// FIELD_INVALID names the input that is missing or not allowed.
absl::StatusOr<std::vector<DryRunRequest>> DryRun(const Definition& definition,
                                                  const DryRunOptions& options);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_DRY_RUN_H_
