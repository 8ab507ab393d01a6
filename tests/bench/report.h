// The figures of a benchmark, for people and for programs.

#ifndef VALETKEY_TESTS_BENCH_REPORT_H_
#define VALETKEY_TESTS_BENCH_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace valetkey::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  // What it is measured against, in the same run; "" for none.
  std::string baseline;
  double ratio = 0;  // value / the baseline's value; 0 without one
  // What the ratio has to keep, for the table: ">= 0.90".
  std::string target;
};

// A table on standard output.
void PrintTable(const std::vector<Figure>& figures);
// An array of {name, value, unit, baseline, ratio}.
absl::Status WriteJson(const std::string& path,
                       const std::vector<Figure>& figures);

// REQUIRES: not empty.
double Median(std::vector<double> values);

}  // namespace valetkey::bench

#endif  // VALETKEY_TESTS_BENCH_REPORT_H_
