// Carries the outbox to the event stream: reads what is not yet published,
// appends it, and marks it. At least once, in the order of the sequence
// numbers but for repetitions.
//
//   Publisher publisher(store, stream, {});
//   scope.Spawn(executor, "publish events", publisher.Run());
//   ... publisher.Wake();  // at each commit that had events
//
// While the stream or the store fails, it tries again, ever less often. Wake
// and failing are thread-safe.

#ifndef VALETKEY_EVENTS_PUBLISHER_H_
#define VALETKEY_EVENTS_PUBLISHER_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/async/wake_signal.h"
#include "service/base/clock.h"
#include "service/events/event_stream.h"
#include "service/store/store.h"

namespace valetkey::events {

struct PublisherOptions {
  int batch = 256;  // events appended at a time
  absl::Duration append_timeout = absl::Seconds(5);
  // After the first failure, doubled by each that follows; half of it is
  // chance, so that replicas do not come back together.
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(10);
  // Looks for events this often without being woken: of other replicas, or
  // left from before a restart.
  absl::Duration poll_interval = absl::Seconds(5);
  const Clock* clock = &Clock::System();
  Random* random = &Random::System();
};

class Publisher {
 public:
  // The store, the stream and what the options name outlive the publisher,
  // and the publisher outlives Run.
  Publisher(store::Store& store, EventStream& stream, PublisherOptions options);
  ~Publisher();

  void Wake();

  // Publishes until the task is cancelled. Awaited once.
  Task<void> Run();

  // Whether the last attempt failed.
  bool failing() const { return failing_.load(); }
  // Events published, repetitions included.
  std::int64_t published() const { return published_.load(); }

 private:
  // Publishes one batch; how many events it had.
  Task<absl::StatusOr<int>> PublishBatch();
  Task<void> BackOff(int failures);
  void Note(const absl::Status& status);

  store::Store& store_;
  EventStream& stream_;
  const PublisherOptions options_;
  const std::shared_ptr<WakeSignal> signal_;
  std::atomic<bool> failing_ = false;
  std::atomic<std::int64_t> published_ = 0;
};

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_PUBLISHER_H_
