#include "service/cmd/valetkey/format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace valetkey::cli {
namespace {

// Between two columns.
constexpr std::size_t kGap = 2;

void PrintPadded(std::ostream& out, const std::string& text,
                 std::size_t width) {
  out << text;
  for (std::size_t at = DisplayWidth(text); at < width; ++at) out << ' ';
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too: C2 80 to C2 9F in UTF-8.
    const unsigned char next =
        i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (c < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&result, "\\x%02x", c);
    } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      absl::StrAppendFormat(&result, "\\x%02x", next);
      ++i;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

std::size_t DisplayWidth(absl::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string RelativeTime(absl::Duration from_now) {
  const absl::Duration length = absl::AbsDuration(from_now);
  if (length < absl::Seconds(1)) return "now";
  std::string amount;
  if (length < absl::Minutes(2)) {
    amount = absl::StrCat(absl::ToInt64Seconds(length), " s");
  } else if (length < absl::Hours(2)) {
    amount = absl::StrCat(absl::ToInt64Minutes(length), " min");
  } else if (length < absl::Hours(48)) {
    amount = absl::StrCat(absl::ToInt64Hours(length), " h");
  } else {
    amount = absl::StrCat(absl::ToInt64Hours(length) / 24, " d");
  }
  return from_now > absl::ZeroDuration() ? absl::StrCat("in ", amount)
                                         : absl::StrCat(amount, " ago");
}

std::string TimeText(absl::Time time, absl::Time now, absl::TimeZone zone) {
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%S", time, zone), " (",
                      RelativeTime(time - now), ")");
}

std::string ShortName(absl::string_view name) {
  const std::size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name
                                                      : name.substr(slash + 1));
}

std::string EnumText(absl::string_view value_name, absl::string_view prefix) {
  if (absl::StartsWith(value_name, prefix))
    value_name.remove_prefix(prefix.size());
  return std::string(value_name);
}

Table::Table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = cell.empty() ? "-" : Printable(cell);
  }
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      PrintPadded(out, row[i], widths[i] + kGap);
    }
    out << row.back() << '\n';
  }
}

void Details::Add(absl::string_view name, absl::string_view value) {
  if (value.empty()) return;
  lines_.emplace_back(absl::StrCat(name, ":"), Printable(value));
}

void Details::Print(std::ostream& out) const {
  std::size_t width = 0;
  for (const auto& line : lines_) {
    width = std::max(width, DisplayWidth(line.first));
  }
  for (const auto& line : lines_) {
    PrintPadded(out, line.first, width + kGap);
    out << line.second << '\n';
  }
}

}  // namespace valetkey::cli
