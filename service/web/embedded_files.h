// Files that are compiled in, so that a server needs none beside it. Their
// tables are made by EmbedFiles.cmake. Thread-safe.

#ifndef VALETKEY_WEB_EMBEDDED_FILES_H_
#define VALETKEY_WEB_EMBEDDED_FILES_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace valetkey::web {

struct EmbeddedFile {
  absl::string_view path;  // "assets/index-BxYz12ab.js.br"
  absl::string_view data;
};

// What clients/portal had built when ValetKey was; empty if it had not.
const std::vector<EmbeddedFile>& BuiltPortal();

}  // namespace valetkey::web

#endif  // VALETKEY_WEB_EMBEDDED_FILES_H_
