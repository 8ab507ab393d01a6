// What is legal in a definition and suspicious all the same: forgotten parts,
// values that are never used, secrets where they are logged. For people who
// write definitions. Pure functions.

#ifndef VALETKEY_CATALOG_LINT_H_
#define VALETKEY_CATALOG_LINT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace valetkey::catalog {

// The warnings for a text that ParseDefinition() accepts, each as
// "file:line: field: text"; none for one that it does not.
std::vector<std::string> Lint(absl::string_view file, absl::string_view text);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_LINT_H_
