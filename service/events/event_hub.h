// Wakes watchers when events are committed, and serves the newest from memory.
//
// Each watcher pulls at its own speed: there is no queue that could overflow.
// A watcher that is further behind than the ring reads from the store.
//
// The ring is used where the hub hears of all commits in their order: because
// this process is the store's one writer (Store::exclusive), or because a
// Follower tells it of those of others too (EventHubOptions::told_of_all).
// Otherwise it asks the store at each commit it hears of and at intervals.
//
// Thread-safe. Coroutines resume on the executor they came from.

#ifndef VALETKEY_EVENTS_EVENT_HUB_H_
#define VALETKEY_EVENTS_EVENT_HUB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/async/task.h"
#include "service/store/records.h"
#include "service/store/store.h"

namespace valetkey::events {

struct EventHubOptions {
  int ring_size = 4096;  // events kept in memory
  bool told_of_all = false;
  // How long a commit of another process may go unnoticed.
  absl::Duration poll_interval = absl::Seconds(1);
};

class EventHub {
 public:
  // The store outlives the hub. The owner calls Committed from the store's
  // commit listener.
  EventHub(store::Store& store, EventHubOptions options);
  ~EventHub();

  void Committed(const std::vector<store::Event>& events);

  // Events after `after` (of one application; "" for all) as soon as there are
  // any, at most `limit`; empty once `timeout` has passed without one.
  // `scanned_through` becomes the sequence up to which nothing was missed, so
  // that the next call may start there even if no event matched.
  // CURSOR_EXPIRED if events after `after` have been trimmed. A cancelled call
  // returns early, as if its time were over.
  Task<absl::StatusOr<std::vector<store::Event>>> Next(
      std::int64_t after, int limit, std::string application,
      absl::Duration timeout, std::int64_t* scanned_through);

  // The newest sequence number committed.
  Task<absl::StatusOr<std::int64_t>> Newest();

  // Wakes all waiters with SERVER_SHUTTING_DOWN, now and from now on.
  void Close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Cursors: the store's id and a sequence number, opaque to others. Decode
// fails with CURSOR_INVALID for damage, and for a cursor of another store.
std::string EncodeCursor(const std::string& store_id, std::int64_t sequence);
absl::StatusOr<std::int64_t> DecodeCursor(const std::string& store_id,
                                          absl::string_view cursor);

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_EVENT_HUB_H_
