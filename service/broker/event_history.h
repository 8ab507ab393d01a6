// An application's past events, as somebody looks through them: the newest
// first. (Programs follow them by watch.h.)

#ifndef VALETKEY_BROKER_EVENT_HISTORY_H_
#define VALETKEY_BROKER_EVENT_HISTORY_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/store/store.h"

namespace valetkey::broker {

struct HistoryFilter {
  std::string application;
  // Joined by "and"; empty ones let everything pass.
  std::string connection;
  std::string provider;
  std::vector<store::EventType> types;
};

struct HistoryPage {
  std::vector<store::Event> events;  // descending
  std::int64_t before = 0;  // to go on with; 0 when there are no older ones
};

inline constexpr std::int64_t kNewestEvents =
    std::numeric_limits<std::int64_t>::max();

// At most `limit` events that are older than `before`. Looks at no more than
// some thousands, so that a filter that few pass does not hold the store up: a
// page may be short, or empty, though there are more. Errors:
// STORE_UNAVAILABLE. The store outlives the task.
Task<absl::StatusOr<HistoryPage>> ReadHistory(store::Store& store,
                                              HistoryFilter filter,
                                              std::int64_t before, int limit);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_EVENT_HISTORY_H_
