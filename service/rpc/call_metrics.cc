#include "service/rpc/call_metrics.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "service/base/mutex.h"
#include "service/rpc/status_mapping.h"

namespace valetkey::rpc {
namespace {

constexpr int kCodes = 17;  // absl::StatusCode's, 0 to 16
constexpr int kStripes = 16;

struct alignas(64) Stripe {
  std::atomic<std::int64_t> count{0};
};

// Threads are dealt to stripes in turn.
int StripeOfThread() {
  static std::atomic<int> next{0};
  thread_local const int stripe =
      next.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return stripe;
}

}  // namespace

struct CallMetrics::State {
  struct PerMethod {
    std::string label;
    bool streaming = false;
    std::array<Stripe, kStripes> fast;
    std::array<std::atomic<std::int64_t>, kCodes> by_code{};
    // What was exported so far.
    std::array<std::int64_t, kCodes> exported{};
    Histogram* latency = nullptr;
  };

  explicit State(std::size_t size) : methods(size) {}

  void Export(Metrics& metrics) VK_EXCLUDES(mutex);

  std::vector<PerMethod> methods;
  std::atomic<int> in_flight{0};
  Gauge* in_flight_gauge = nullptr;
  Mutex mutex;  // one export at a time
};

void CallMetrics::State::Export(Metrics& metrics) {
  MutexLock lock(mutex);
  in_flight_gauge->Set(in_flight.load(std::memory_order_relaxed));
  for (PerMethod& method : methods) {
    for (int code = 0; code < kCodes; ++code) {
      std::int64_t count = method.by_code[code].load(std::memory_order_relaxed);
      if (code == 0) {
        for (const Stripe& stripe : method.fast) {
          count += stripe.count.load(std::memory_order_relaxed);
        }
      }
      std::int64_t& exported = method.exported[code];
      if (count == exported) continue;
      const absl::string_view name =
          code == 0 ? "ok"
                    : ConnectCodeName(static_cast<absl::StatusCode>(code));
      metrics
          .GetCounter("valetkey_rpc_calls_total",
                      "Calls answered, by method and code.",
                      {{"method", method.label}, {"code", std::string(name)}})
          .Add(static_cast<double>(count - exported));
      exported = count;
    }
  }
}

CallMetrics::CallMetrics(const MethodTable& methods, Metrics& metrics)
    : state_(std::make_shared<State>(methods.methods().size())) {
  state_->in_flight_gauge = &metrics.GetGauge(
      "valetkey_rpc_in_flight", "Calls that wait for their answer.");
  for (const auto& method : methods.methods()) {
    State::PerMethod& mine = state_->methods[method->index];
    mine.label = method->name.substr(1);
    mine.streaming = method->streaming();
    if (!mine.streaming) {
      mine.latency = &metrics.GetHistogram(
          "valetkey_rpc_seconds",
          "Time to answer calls that could not be answered from memory.",
          {{"method", mine.label}});
    }
  }
  metrics.AddCollector([state = state_, &metrics] { state->Export(metrics); });
}

void CallMetrics::CountFast(const Method& method) {
  state_->methods[method.index].fast[StripeOfThread()].count.fetch_add(
      1, std::memory_order_relaxed);
}

void CallMetrics::Started() {
  state_->in_flight.fetch_add(1, std::memory_order_relaxed);
}

void CallMetrics::Finished(const Method& method, absl::StatusCode code,
                           absl::Duration latency) {
  State::PerMethod& mine = state_->methods[method.index];
  const int index = static_cast<int>(code);
  mine.by_code[index >= 0 && index < kCodes ? index : 2].fetch_add(
      1, std::memory_order_relaxed);
  if (mine.latency != nullptr) {
    mine.latency->Observe(absl::ToDoubleSeconds(latency));
  }
  state_->in_flight.fetch_sub(1, std::memory_order_relaxed);
}

int CallMetrics::in_flight() const {
  return state_->in_flight.load(std::memory_order_relaxed);
}

}  // namespace valetkey::rpc
