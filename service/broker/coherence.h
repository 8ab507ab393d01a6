// Keeps Redis from bringing back an old token.
//
// Every change of a connection is an event in the outbox, and what publishes
// the outbox goes through here: the event is appended to the stream, and the
// floor of the connection's entry in the shared cache is raised to it, at
// least once, over crashes too. The cache is trusted only while nothing is
// unpublished and it is still the incarnation that all of this was told to.

#ifndef VALETKEY_BROKER_COHERENCE_H_
#define VALETKEY_BROKER_COHERENCE_H_

#include <chrono>
#include <functional>
#include <vector>

#include "service/cache/remote_cache.h"
#include "service/events/event_stream.h"
#include "service/store/store.h"

namespace valetkey::broker {

// Thread-safe. What it is made of outlives it.
class Coherence final : public events::EventStream {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Trust = std::function<void(bool trusted, Time found)>;

  // `trust` is told whether the cache may be read, as found out at a time;
  // from any thread, and as often as that is found out.
  Coherence(events::EventStream& stream, cache::RemoteCache& cache,
            store::Store& store, Trust trust);

  // Appends, then raises the floors. An error of either is an error of both.
  Task<absl::Status> Append(std::vector<store::Event> events,
                            absl::Time deadline) override;

  // Looks again and again whether the cache may be trusted, until cancelled.
  Task<void> Run();
  // The cache's connection was lost or made anew: nothing is known of it.
  void Distrust();

 private:
  Task<bool> MayTrust();

  events::EventStream& stream_;
  cache::RemoteCache& cache_;
  store::Store& store_;
  const Trust trust_;
};

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_COHERENCE_H_
