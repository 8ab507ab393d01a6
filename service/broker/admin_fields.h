// What an operator may put into applications, keys and providers: bounds and
// forms, field by field. Each check returns FIELD_INVALID that names `field`
// as the request has it ("application.return_uris[1]"), and never quotes what
// was given but for the keys of maps, escaped and cut short. Pure functions.

#ifndef VALETKEY_BROKER_ADMIN_FIELDS_H_
#define VALETKEY_BROKER_ADMIN_FIELDS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/base/secret.h"
#include "service/catalog/catalog.h"

namespace valetkey::broker {

// At most 128 bytes of UTF-8 without control characters; may be empty.
absl::Status CheckDisplayName(absl::string_view field, absl::string_view name);

// At most 50 of at most 2048 characters: https, or http on a loopback host, or
// a scheme of an app's own that has a dot (RFC 8252 section 7.1); without a
// fragment (RFC 6749 section 3.1.2).
absl::Status CheckReturnUris(absl::string_view field,
                             const std::vector<std::string>& uris);
// The same for one, without apps' schemes: a provider redirects to it. Empty
// means the server's own callback.
absl::Status CheckRedirectUri(absl::string_view field, absl::string_view uri);

// 1 to 512 printable ASCII characters (RFC 6749 appendix A.1).
absl::Status CheckClientId(absl::string_view field, absl::string_view id);
// At most 8192 bytes of UTF-8; line ends only in a private key (PEM), so that
// one copied along with a secret is noticed here and not at the provider. May
// be empty.
absl::Status CheckClientSecret(absl::string_view field,
                               const SecretString& secret);
// At most 100 scope-tokens (RFC 6749 section 3.3) of 1 to 256 characters.
// Whether the provider knows them is not asked: catalogs fall behind.
absl::Status CheckScopes(absl::string_view field,
                         const std::vector<std::string>& scopes);

// Each is an input that the definition wants from the operator, as it must
// be; and none that has no default is missing, but for secret ones that are
// among what is kept.
absl::Status CheckOperatorInputs(
    absl::string_view field, const catalog::Definition& definition,
    const std::map<std::string, std::string>& inputs,
    const std::map<std::string, std::string>& kept);

// Whether the provider's client authentication uses a client secret.
bool NeedsClientSecret(const catalog::Definition& definition);

// `inputs["tenant"]`, with the key escaped and cut short.
std::string KeyedField(absl::string_view field, absl::string_view key);
// `scopes[0]`.
std::string IndexedField(absl::string_view field, std::size_t index);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_ADMIN_FIELDS_H_
