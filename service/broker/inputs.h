// The inputs of a provider or a connection, as they are kept: those that the
// definition calls secret are sealed, under a name that no input can have. So
// what is sealed is known without the definition, which may change.

#ifndef VALETKEY_BROKER_INPUTS_H_
#define VALETKEY_BROKER_INPUTS_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/sealer.h"
#include "service/oauth/oauth.h"

namespace valetkey::broker {

using Inputs = std::map<std::string, std::string>;

// Whether a kept input is sealed: it is not to be shown.
bool IsSealedInput(absl::string_view kept_name);

// What was given, as it is kept. Sealed values are bound to `owner`, the name
// of the provider or connection; those that `before` has and that are not given
// anew stay. FIELD_INVALID as CheckInputs.
absl::StatusOr<Inputs> SealInputs(const oauth::Definition& definition,
                                  const Sealer& sealer, absl::string_view owner,
                                  const Inputs& given, const Inputs& before);

// Whether an input has a value among what is kept.
bool HasInput(const Inputs& kept, const std::string& name);

// Adds what is kept to a client, opened. ENCRYPTION_KEY_MISSING,
// INTERNAL_FAULT.
absl::Status OpenInputs(const Sealer& sealer, absl::string_view owner,
                        const Inputs& kept, oauth::Client& client);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_INPUTS_H_
