#include "service/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdlib>
#include <utility>

#include "service/base/log.h"
#include "service/base/mutex.h"

namespace valetkey {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter)
      : counter_(counter) {}
  void Add(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Add(double by) override { gauge_.Increment(by); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram)
      : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

using Key = std::pair<std::string, Metrics::Labels>;

const std::vector<double>& DurationBuckets() {
  static const auto* const buckets = new std::vector<double>{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
      0.5,   1,      2.5,   5,    10,    20,   30};
  return *buckets;
}

}  // namespace

struct Metrics::Impl {
  // Makes the instrument once. A name that was made as another kind, or that
  // Prometheus does not allow, is a mistake in our code.
  template <class Interface, class Make>
  Interface& Get(std::map<Key, std::unique_ptr<Interface>>* instruments,
                 const std::string& name, const Labels& labels, Make make) {
    auto& instrument = (*instruments)[{name, labels}];
    if (instrument == nullptr) {
      try {
        instrument = make();
      } catch (const std::exception& error) {
        Log(LogLevel::kError, "a metric is declared wrongly",
            {{"name", name}, {"error", error.what()}});
        std::abort();
      }
    }
    return *instrument;
  }

  // Held while collectors run, so that two exports do not run them at once.
  Mutex export_mutex;
  std::vector<std::function<void()>> collectors VK_GUARDED_BY(mutex);
  Mutex mutex;
  prometheus::Registry registry;
  std::map<Key, std::unique_ptr<Counter>> counters VK_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<Gauge>> gauges VK_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<Histogram>> histograms VK_GUARDED_BY(mutex);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::GetCounter(const std::string& name, const std::string& help,
                             const Labels& labels) {
  MutexLock lock(impl_->mutex);
  return impl_->Get(&impl_->counters, name, labels, [&] {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(
        impl_->registry);
    return std::make_unique<PrometheusCounter>(family.Add(labels));
  });
}

Gauge& Metrics::GetGauge(const std::string& name, const std::string& help,
                         const Labels& labels) {
  MutexLock lock(impl_->mutex);
  return impl_->Get(&impl_->gauges, name, labels, [&] {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(
        impl_->registry);
    return std::make_unique<PrometheusGauge>(family.Add(labels));
  });
}

Histogram& Metrics::GetHistogram(const std::string& name,
                                 const std::string& help, const Labels& labels,
                                 std::vector<double> buckets) {
  MutexLock lock(impl_->mutex);
  return impl_->Get(&impl_->histograms, name, labels, [&] {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(
        impl_->registry);
    return std::make_unique<PrometheusHistogram>(family.Add(
        labels, buckets.empty() ? DurationBuckets() : std::move(buckets)));
  });
}

void Metrics::AddCollector(std::function<void()> collector) {
  MutexLock lock(impl_->mutex);
  impl_->collectors.push_back(std::move(collector));
}

std::string Metrics::Export() const {
  MutexLock export_lock(impl_->export_mutex);
  std::vector<std::function<void()>> collectors;
  {
    // A collector may ask for instruments: not under this mutex.
    MutexLock lock(impl_->mutex);
    collectors = impl_->collectors;
  }
  for (const auto& collector : collectors) collector();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace valetkey
