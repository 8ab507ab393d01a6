// Full names from short ones.

#ifndef VALETKEY_CLIENT_SRC_NAMES_H_
#define VALETKEY_CLIENT_SRC_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey::client::internal {

// "applications/shop" from "shop"; a name that begins with the collection, and
// nothing, are taken as they are.
absl::StatusOr<std::string> ExpandTop(absl::string_view collection,
                                      absl::string_view text);

// "applications/shop/connections/c-7" from "c-7" or "shop/c-7". Whatever
// begins with "applications/", and nothing, are taken as they are: the server
// says what is wrong with them. `application` is a full name or empty.
absl::StatusOr<std::string> Expand(absl::string_view application,
                                   absl::string_view collection,
                                   absl::string_view text);

// "applications/shop" of a full name; empty if it is none.
std::string ApplicationOf(absl::string_view name);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_NAMES_H_
