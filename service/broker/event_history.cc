#include "service/broker/event_history.h"

#include <algorithm>
#include <utility>

#include "service/base/status.h"

namespace valetkey::broker {
namespace {

constexpr int kBatch = 1000;
constexpr int kMaxBatches = 5;

bool Passes(const HistoryFilter& filter, const store::Event& event) {
  if (!filter.provider.empty() && event.provider != filter.provider) {
    return false;
  }
  return filter.types.empty() ||
         std::find(filter.types.begin(), filter.types.end(), event.type) !=
             filter.types.end();
}

}  // namespace

Task<absl::StatusOr<HistoryPage>> ReadHistory(store::Store& store,
                                              HistoryFilter filter,
                                              std::int64_t before, int limit) {
  const bool filtered = !filter.provider.empty() || !filter.types.empty();
  const int batch = filtered ? kBatch : limit + 1;
  HistoryPage page;
  page.before = before;
  for (int i = 0; i < kMaxBatches; ++i) {
    VK_CO_ASSIGN_OR_RETURN(
        std::vector<store::Event> events,
        co_await store.ReadEventsBack({.application = filter.application,
                                       .connection = filter.connection},
                                      page.before, batch));
    const bool last = static_cast<int>(events.size()) < batch;
    for (store::Event& event : events) {
      if (static_cast<int>(page.events.size()) == limit) co_return page;
      page.before = event.sequence;
      if (Passes(filter, event)) page.events.push_back(std::move(event));
    }
    if (last) {
      page.before = 0;
      co_return page;
    }
  }
  co_return page;
}

}  // namespace valetkey::broker
