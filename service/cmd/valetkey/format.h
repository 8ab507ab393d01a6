// Text for people: aligned tables, times as one reads them, names cut to what
// tells them apart. Pure functions; nothing here knows RPCs.
//
// Values that came from a server are shown through Printable(): a provider's
// display name must not be able to move the terminal's cursor.

#ifndef VALETKEY_CMD_VALETKEY_FORMAT_H_
#define VALETKEY_CMD_VALETKEY_FORMAT_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey::cli {

// The text with control characters written as "\x1b" and so on.
std::string Printable(absl::string_view text);

// Columns that text takes on a terminal, counting a code point as one.
std::size_t DisplayWidth(absl::string_view text);

// "in 42 s", "3 min ago", "in 29 d", "now"; one unit, rounded down.
std::string RelativeTime(absl::Duration from_now);

// "2026-11-23 19:04:12 (in 42 s)" in the zone given.
std::string TimeText(absl::Time time, absl::Time now, absl::TimeZone zone);

// What follows the last "/": "c-7" of "applications/shop/connections/c-7".
std::string ShortName(absl::string_view name);

// "REAUTHORIZATION_REQUIRED" of "CONNECTION_STATE_REAUTHORIZATION_REQUIRED"
// without "CONNECTION_STATE_".
std::string EnumText(absl::string_view value_name, absl::string_view prefix);

// Rows of text in aligned columns under a header. Cells are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // REQUIRES: as many cells as the header has.
  void AddRow(std::vector<std::string> cells);
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the first is the header
};

// "name:  value" lines with aligned values; pairs with no value are left out.
class Details {
 public:
  void Add(absl::string_view name, absl::string_view value);
  void Print(std::ostream& out) const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_FORMAT_H_
