// JSON that decides who somebody is.
//
// Two readers that take different things from one text are how forgeries are
// made, so what is ambiguous is refused: a name twice in one object, text that
// is no UTF-8, anything after the end. Bounded in depth; the caller bounds the
// size. Pure functions; nothing throws.

#ifndef VALETKEY_IDENTITY_STRICT_JSON_H_
#define VALETKEY_IDENTITY_STRICT_JSON_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace valetkey::identity {

using Json = nlohmann::json;

// nullopt: no JSON object, or one that is refused.
std::optional<Json> ParseStrictObject(absl::string_view text);

// A member that is a string; nullptr if it is not there or something else.
const std::string* FindString(const Json& object, const char* name);

}  // namespace valetkey::identity

#endif  // VALETKEY_IDENTITY_STRICT_JSON_H_
