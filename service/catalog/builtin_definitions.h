// The definitions that are compiled in. Thread-safe.

#ifndef VALETKEY_CATALOG_BUILTIN_DEFINITIONS_H_
#define VALETKEY_CATALOG_BUILTIN_DEFINITIONS_H_

#include <vector>

namespace valetkey::catalog {

struct BuiltinDefinition {
  const char* file;  // "pinterest.textproto"
  const char* text;
};

// By file name. The table is made from definitions/ when ValetKey is built.
const std::vector<BuiltinDefinition>& BuiltinDefinitions();

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_BUILTIN_DEFINITIONS_H_
