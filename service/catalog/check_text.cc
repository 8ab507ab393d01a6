#include "service/catalog/check_text.h"

#include "service/catalog/check.h"

namespace valetkey::catalog {

CheckedText CheckText(absl::string_view text) {
  CheckedText checked;
  Faults faults("");
  checked.definition = ReadChecked(text, faults);
  checked.faults = faults.all();
  if (checked.faults.empty()) checked.warnings = LintText(text);
  return checked;
}

}  // namespace valetkey::catalog
