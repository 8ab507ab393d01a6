// Follows an application's events for one watcher: where to begin, what to
// pass on, and what to say while nothing happens.
//
// The watcher pulls; nothing is queued for it, so its memory is bounded by one
// batch however slowly it reads. Not thread-safe; awaited by one coroutine.

#ifndef VALETKEY_BROKER_WATCH_H_
#define VALETKEY_BROKER_WATCH_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/events/event_hub.h"
#include "service/store/store.h"

namespace valetkey::broker {

struct WatchParameters {
  std::string application;
  std::string cursor;  // "": from now on
  bool snapshot = false;
  // Filters, joined by "and"; empty ones let everything pass.
  std::string connection;
  std::string provider;
  std::string subject;
  store::Labels labels;
  std::vector<store::EventType> types;  // of events, not of the snapshot
};

struct WatchOptions {
  // A checkpoint comes after so long without a message.
  absl::Duration idle = absl::Seconds(15);
  // And this soon after events that the filters held back, so that a resumed
  // watcher need not read them again.
  absl::Duration filtered_idle = absl::Seconds(1);
  // WATCH_LAGGED beyond so many events. A watcher that begins further behind
  // may catch up first.
  std::int64_t max_behind = 100'000;
  int batch = 256;  // events or connections at once
};

struct Checkpoint {
  absl::Time time;
};

struct WatchMessage {
  std::variant<store::Event, store::Connection, Checkpoint> content;
  std::string cursor;  // "" within a snapshot
};

class Watcher {
 public:
  // All references outlive this object.
  Watcher(store::Store& store, events::EventHub& hub, const Clock& clock,
          WatchParameters parameters, WatchOptions options);

  // The next messages, at least one: the first call returns at once, with what
  // there is to tell or a checkpoint; later ones when there is something, or a
  // checkpoint is due. After an error the watcher is at its end:
  // CURSOR_INVALID, CURSOR_EXPIRED, WATCH_LAGGED, STORE_UNAVAILABLE,
  // SERVER_SHUTTING_DOWN. A cancelled call may return early with a checkpoint.
  Task<absl::StatusOr<std::vector<WatchMessage>>> Next();

 private:
  using Messages = std::vector<WatchMessage>;
  using SteadyTime = std::chrono::steady_clock::time_point;
  enum class Phase { kStart, kSnapshot, kLive };

  Task<absl::StatusOr<Messages>> Start();
  Task<absl::StatusOr<Messages>> SnapshotPage();
  Task<absl::StatusOr<Messages>> Live();
  // Reads one batch and moves on; waits at most `timeout` for it.
  Task<absl::StatusOr<Messages>> Read(absl::Duration timeout);
  Task<absl::Status> CheckLag();

  bool Passes(const store::Event& event) const;
  bool Passes(const store::Connection& connection) const;
  WatchMessage MakeCheckpoint();
  void GoLive(std::int64_t newest);

  store::Store& store_;
  events::EventHub& hub_;
  const Clock& clock_;
  const WatchParameters parameters_;
  const WatchOptions options_;

  Phase phase_ = Phase::kStart;
  std::int64_t sequence_ = 0;  // all up to here was told or held back
  std::int64_t allowed_behind_ = 0;
  std::string list_after_;
  SteadyTime checkpoint_due_;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_WATCH_H_
