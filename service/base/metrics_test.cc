#include "service/base/metrics.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace valetkey {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, ExportsEveryKind) {
  Metrics metrics;
  metrics.GetCounter("vk_requests_total", "Requests.", {{"code", "OK"}}).Add();
  metrics.GetCounter("vk_requests_total", "Requests.", {{"code", "OK"}}).Add(2);
  metrics.GetCounter("vk_requests_total", "Requests.", {{"code", "\"\n"}});
  metrics.GetGauge("vk_cached", "Cached.").Set(5);
  metrics.GetGauge("vk_cached", "Cached.").Add(-2);
  Histogram& histogram =
      metrics.GetHistogram("vk_seconds", "Time.", {}, {0.5, 1});
  histogram.Observe(0.7);
  metrics.GetHistogram("vk_default_seconds", "Time.").Observe(0.002);

  const std::string text = metrics.Export();
  for (const char* line : {
           "# HELP vk_requests_total Requests.\n",
           "# TYPE vk_requests_total counter\n",
           "vk_requests_total{code=\"OK\"} 3\n",
           "vk_requests_total{code=\"\\\"\\n\"} 0\n",
           "# TYPE vk_cached gauge\nvk_cached 3\n",
           "vk_seconds_bucket{le=\"0.5\"} 0\n",
           "vk_seconds_bucket{le=\"1\"} 1\n",
           "vk_seconds_bucket{le=\"+Inf\"} 1\n",
           "vk_default_seconds_bucket{le=\"0.001\"} 0\n",
           "vk_default_seconds_bucket{le=\"30\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, CollectorsRunBeforeEachExport) {
  Metrics metrics;
  int runs = 0;
  metrics.AddCollector(
      [&] { metrics.GetGauge("vk_runs", "Runs.").Set(++runs); });
  EXPECT_THAT(metrics.Export(), HasSubstr("vk_runs 1\n"));
  EXPECT_THAT(metrics.Export(), HasSubstr("vk_runs 2\n"));
}

TEST(MetricsTest, ManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) {
        metrics.GetCounter("vk_total", "All.").Add();
        if (j % 100 == 0) metrics.Export();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.Export(), HasSubstr("vk_total 2000\n"));
}

using MetricsDeathTest = ::testing::Test;

TEST(MetricsDeathTest, AnotherKindOrABadName) {
  EXPECT_DEATH(
      {
        Metrics metrics;
        metrics.GetCounter("vk_x", "X.");
        metrics.GetGauge("vk_x", "X.");
      },
      "declared wrongly");
  EXPECT_DEATH(Metrics().GetCounter("not a name", "X."), "declared wrongly");
}

}  // namespace
}  // namespace valetkey
