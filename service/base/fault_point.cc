#include "service/base/fault_point.h"

#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/log.h"
#include "service/base/mutex.h"

namespace valetkey::fault_point_internal {
namespace {

struct Point {
  std::string name;
  bool kill = false;
  std::int64_t sleep_ms = 0;
  std::int64_t count = 0;  // 0: every passage
  std::int64_t passed = 0;
};

struct State {
  Mutex mutex;
  bool loaded VK_GUARDED_BY(mutex) = false;
  std::vector<Point> points VK_GUARDED_BY(mutex);
};

State& GetState() {
  static State* const state = new State;
  return *state;
}

bool ParsePoint(absl::string_view text, Point* point) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return false;
  point->name = std::string(parts[0]);
  absl::string_view action = parts[1];
  if (action == "kill") {
    point->kill = true;
  } else if (!absl::ConsumePrefix(&action, "sleep_ms=") ||
             !absl::SimpleAtoi(action, &point->sleep_ms) ||
             point->sleep_ms < 0) {
    return false;
  }
  return parts.size() == 2 ||
         (absl::SimpleAtoi(parts[2], &point->count) && point->count > 0);
}

bool ParseList(absl::string_view list, std::vector<Point>* points) {
  for (const absl::string_view text :
       absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    Point point;
    if (!ParsePoint(text, &point)) return false;
    points->push_back(std::move(point));
  }
  return true;
}

}  // namespace

// True at first, so that the first passage reads the environment.
std::atomic<bool> maybe_armed{true};

void Pass(absl::string_view name) {
  std::int64_t sleep_ms = 0;
  {
    State& state = GetState();
    MutexLock lock(state.mutex);
    if (!state.loaded) {
      state.loaded = true;
      const char* const list = std::getenv("VALETKEY_FAULT_POINTS");
      if (list != nullptr && !ParseList(list, &state.points)) {
        Log(LogLevel::kError, "VALETKEY_FAULT_POINTS cannot be read",
            {{"value", list},
             {"expected", "name:kill|sleep_ms=N[:count],..."}});
        std::abort();
      }
      if (state.points.empty()) maybe_armed.store(false);
    }
    for (Point& point : state.points) {
      if (point.name != name) continue;
      ++point.passed;
      if (point.count != 0 && point.passed != point.count) continue;
      if (point.kill) ::raise(SIGKILL);
      sleep_ms += point.sleep_ms;
    }
  }
  if (sleep_ms > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms));
  }
}

bool Arm(absl::string_view list) {
  std::vector<Point> points;
  if (!ParseList(list, &points)) return false;
  State& state = GetState();
  MutexLock lock(state.mutex);
  state.loaded = true;
  state.points = std::move(points);
  maybe_armed.store(!state.points.empty());
  return true;
}

}  // namespace valetkey::fault_point_internal
