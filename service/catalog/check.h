// The checks that a definition must pass. Internal to this folder; pure
// functions that add what they find to the spot's faults.

#ifndef VALETKEY_CATALOG_CHECK_H_
#define VALETKEY_CATALOG_CHECK_H_

#include "service/catalog/catalog.h"
#include "service/catalog/spot.h"

namespace valetkey::catalog {

// Every field by itself: templates and their variables, URLs, pointers, names,
// patterns, status codes, durations. `root` is the definition's.
void CheckFields(const Definition& definition, const Spot& root);

// What belongs together: required fields, and what is not supported.
void CheckFlows(const Definition& definition, const Spot& root);
// Its part that has to do with tokens.
void CheckTokenFlows(const Definition& definition, const Spot& root);

// "[a-z][a-z0-9_]*", at most 63 characters.
bool IsIdentifier(absl::string_view text);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_CHECK_H_
