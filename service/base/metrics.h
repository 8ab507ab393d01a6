// Counters, gauges and histograms in Prometheus's text format, over
// prometheus-cpp. Thread-safe; labels have few values (never a name, an id or
// a subject).

#ifndef VALETKEY_BASE_METRICS_H_
#define VALETKEY_BASE_METRICS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace valetkey {

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double by = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();

  // The instrument of that name and labels, made when it is first asked for;
  // valid as long as this object. Ask once and keep it, not on a hot path.
  Counter& GetCounter(const std::string& name, const std::string& help,
                      const Labels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help,
                  const Labels& labels = {});
  // Buckets ascend; empty: 1 ms to 30 s, for durations in seconds.
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const Labels& labels = {},
                          std::vector<double> buckets = {});
  // Called before each export, to set gauges from what is.
  void AddCollector(std::function<void()> collector);

  // The text exposition format, version 0.0.4.
  std::string Export() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valetkey

#endif  // VALETKEY_BASE_METRICS_H_
