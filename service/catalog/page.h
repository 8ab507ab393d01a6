// A definition as a page in Markdown, for people; and the index of all pages.
// Pure functions.

#ifndef VALETKEY_CATALOG_PAGE_H_
#define VALETKEY_CATALOG_PAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "service/catalog/catalog.h"

namespace valetkey::catalog {

// What an operator needs at the provider and here, and what is known of it.
std::string Page(const Definition& definition);

// Links to ID.md of each, by category.
std::string PageIndex(
    const std::vector<std::shared_ptr<const Definition>>& definitions);

// Whether a text was made by one of these.
bool IsPage(absl::string_view text);

// "DEVELOPER_TOOLS" as "Developer tools".
std::string CategoryName(::valetkey::catalog::v1::Category category);

}  // namespace valetkey::catalog

#endif  // VALETKEY_CATALOG_PAGE_H_
