// Environments of a definition: another place where the same provider is
// found. Internal to this folder; pure functions.

#ifndef VALETKEY_CATALOG_ENVIRONMENT_H_
#define VALETKEY_CATALOG_ENVIRONMENT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"

namespace valetkey::catalog {

// Clears a field by its path, "authorization.parameters". INVALID_ARGUMENT if
// the definition has no such field.
absl::Status ClearField(absl::string_view path,
                        google::protobuf::Message& message);

// The definition with an environment's changes and without environments of its
// own. REQUIRES: the environment's cleared_fields are paths of the definition.
Definition ApplyEnvironment(
    const Definition& definition,
    const ::valetkey::catalog::v1::Environment& environment);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_ENVIRONMENT_H_
