// Resource names (AIP-122): applications/{a}, applications/{a}/providers/{p},
// applications/{a}/connections/{c}, applications/{a}/keys/{k}, catalog/{id}.
// Pure functions.

#ifndef VALETKEY_BASE_NAME_H_
#define VALETKEY_BASE_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey {

// An id as a user may choose: 1 to 63 characters [a-z0-9-], a letter first,
// no "-" at the end.
bool IsValidId(absl::string_view id);

// The name without what is below the application: "applications/shop" for
// "applications/shop/connections/c-7". Empty if it is no such name.
absl::string_view ApplicationOf(absl::string_view name);
// What follows the last "/".
absl::string_view IdOf(absl::string_view name);

std::string ApplicationName(absl::string_view id);
std::string ChildName(absl::string_view application,
                      absl::string_view collection, absl::string_view id);

// FIELD_INVALID naming `field` unless the name has the form given.
absl::Status CheckApplicationName(absl::string_view field,
                                  absl::string_view name);
absl::Status CheckChildName(absl::string_view field,
                            absl::string_view collection,
                            absl::string_view name);
absl::Status CheckCatalogName(absl::string_view field, absl::string_view name);

}  // namespace valetkey

#endif  // VALETKEY_BASE_NAME_H_
