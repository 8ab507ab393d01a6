// The checks that a definition must pass. Internal to this folder; pure
// functions that add what they find to the spot's faults.

#ifndef VALETKEY_CATALOG_CHECK_H_
#define VALETKEY_CATALOG_CHECK_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"
#include "service/catalog/spot.h"

namespace valetkey::catalog {

// Parses and checks a definition: none if it cannot be read; faults say what
// is wrong with it.
std::optional<Definition> ReadChecked(absl::string_view text, Faults& faults);

// Lint(), with the findings by themselves.
std::vector<Finding> LintText(absl::string_view text);

// That no list is longer than anyone needs, and text is UTF-8. The other checks
// are only run on what passes.
void CheckShape(const Spot& spot);

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
