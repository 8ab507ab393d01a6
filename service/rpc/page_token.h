// Page tokens: where a list goes on, bound to the request that it belongs to.
// Opaque to callers; not a secret. Pure functions.

#ifndef VALETKEY_RPC_PAGE_TOKEN_H_
#define VALETKEY_RPC_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey::rpc {

// `filters` is any text that tells one request's filters from another's.
// "" for an empty `after`.
std::string EncodePageToken(absl::string_view after, absl::string_view filters);

// "" for "". CURSOR_INVALID for a token that is damaged, or was given for
// other filters.
absl::StatusOr<std::string> DecodePageToken(absl::string_view token,
                                            absl::string_view filters);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_PAGE_TOKEN_H_
