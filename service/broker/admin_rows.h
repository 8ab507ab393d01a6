// What the parts of Admin share. Thread-safe.

#ifndef VALETKEY_BROKER_ADMIN_ROWS_H_
#define VALETKEY_BROKER_ADMIN_ROWS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/base/clock.h"
#include "service/base/secret.h"
#include "service/store/records.h"

namespace valetkey::broker {

// ETAG_MISMATCH unless the etag is that of the revision, or "".
absl::Status CheckEtag(absl::string_view name, absl::string_view etag,
                       std::int64_t revision);

// False if it is certain that an Update with this outcome wrote nothing.
bool MayHaveCommitted(const absl::Status& status);

absl::Status NoApplication(absl::string_view name);

// A key with a name, a digest and nothing else yet, and its secret: "vk_" and
// 43 characters.
struct FreshKey {
  store::ApiKey key;
  SecretString secret;
};
FreshKey MakeFreshKey(absl::string_view application, Random& random);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_ADMIN_ROWS_H_
