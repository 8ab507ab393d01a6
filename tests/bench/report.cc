#include "tests/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace valetkey::bench {

void PrintTable(const std::vector<Figure>& figures) {
  std::printf("\n%-42s %14s  %-10s %7s  %-9s %s\n", "", "value", "unit",
              "ratio", "target", "against");
  for (const Figure& figure : figures) {
    const std::string ratio =
        figure.baseline.empty() ? "" : absl::StrFormat("%.2f", figure.ratio);
    std::printf("%-42s %14.1f  %-10s %7s  %-9s %s\n", figure.name.c_str(),
                figure.value, figure.unit.c_str(), ratio.c_str(),
                figure.target.c_str(), figure.baseline.c_str());
  }
}

absl::Status WriteJson(const std::string& path,
                       const std::vector<Figure>& figures) {
  std::ofstream out(path);
  out << "[\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const Figure& figure = figures[i];
    // Names and units are our own: nothing in them needs escaping.
    out << absl::StrFormat(
        "  {\"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\", "
        "\"baseline\": %s, \"ratio\": %s}%s\n",
        figure.name, figure.value, figure.unit,
        figure.baseline.empty() ? "null"
                                : absl::StrCat("\"", figure.baseline, "\""),
        figure.baseline.empty() ? "null"
                                : absl::StrFormat("%.4f", figure.ratio),
        i + 1 < figures.size() ? "," : "");
  }
  out << "]\n";
  out.close();
  return out ? absl::OkStatus()
             : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace valetkey::bench
