// Calls GetToken over gRPC with many calls outstanding, and measures.

#ifndef VALETKEY_TESTS_BENCH_DRIVER_H_
#define VALETKEY_TESTS_BENCH_DRIVER_H_

#include <string>
#include <vector>

namespace valetkey::bench {

struct Load {
  std::string address;             // of the server
  std::string authorization;       // "Bearer vk_..."; "" for none
  std::vector<std::string> names;  // asked for in turn
  int channels = 2;
  int outstanding = 32;  // calls under way, over all channels
  int calls = 20000;
};

struct Measured {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  int failed = 0;
};

// Runs the load to its end.
Measured Run(const Load& load);

}  // namespace valetkey::bench

#endif  // VALETKEY_TESTS_BENCH_DRIVER_H_
