// Which variables a template may use where (definition.proto's first comment).
// Internal to this folder.

#ifndef VALETKEY_CATALOG_CHECK_VARIABLES_H_
#define VALETKEY_CATALOG_CHECK_VARIABLES_H_

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"

namespace valetkey::catalog {

// The names that a definition's templates may use.
struct Known {
  std::set<std::string> inputs;
  std::set<std::string> inputs_without_value;  // before the callback
  std::set<std::string> operator_inputs;
  std::set<std::string> secret_inputs;
  std::set<std::string> callback;
  std::set<std::string> token;
  std::set<std::string> looked_up;  // after the consent; it may fail
};

Known KnownNames(const Definition& definition);

// The part of a definition that a template stands in.
struct Part {
  absl::string_view name;  // the definition's field, "token"
  bool in_jwt = false;
};

// "" if the variable may stand there, else what is wrong with it.
std::string VariableFault(absl::string_view variable, const Part& part,
                          const Known& known);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_CHECK_VARIABLES_H_
