// All that can be told of the text of a definition: for who writes one and
// wants to see what is wrong with it. The same checks as when it is loaded.
// Pure functions.
//
//   const CheckedText checked = CheckText(text);
//   for (const Finding& fault : checked.faults) {
//     std::cout << fault.line << ": " << fault.field << ": " << fault.message;
//   }

#ifndef VALETKEY_CATALOG_CHECK_TEXT_H_
#define VALETKEY_CATALOG_CHECK_TEXT_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"
#include "service/catalog/spot.h"

namespace valetkey::catalog {

// What an added definition's text may have; a file's, more (ParseDefinition).
inline constexpr std::size_t kMaxAddedText = 64 * 1024;

struct CheckedText {
  // As it was read, faults or not; none if it cannot be.
  std::optional<Definition> definition;
  std::vector<Finding> faults;
  // What Lint() says; none if there are faults.
  std::vector<Finding> warnings;
};

CheckedText CheckText(absl::string_view text);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_CHECK_TEXT_H_
