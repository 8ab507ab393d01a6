// Publishes events to a Redis stream, for readers that speak no gRPC:
//
//   redis-cli XRANGE valetkey:events - +
//
// An entry has plain fields: sequence, time (RFC 3339, UTC), type, connection,
// provider, subject, generation, state; expire_time and reason where there are
// any; and label:KEY for each label. Never a token. The stream's own ids say
// nothing: an event that was appended twice has the same sequence.

#ifndef VALETKEY_EVENTS_REDIS_REDIS_EVENT_STREAM_H_
#define VALETKEY_EVENTS_REDIS_REDIS_EVENT_STREAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "service/events/event_stream.h"
#include "service/net/redis/redis_client_pool.h"

namespace valetkey::events {

struct RedisEventStreamOptions {
  std::string prefix = "valetkey";
  // The stream keeps about as many (XADD MAXLEN ~).
  std::int64_t max_length = 100000;
};

// Thread-safe; resumes on the caller's executor.
class RedisEventStream final : public EventStream {
 public:
  // The pool outlives the stream.
  RedisEventStream(redis::RedisClientPool& pool,
                   RedisEventStreamOptions options);

  // One round trip, however many there are. UNAVAILABLE, DEADLINE_EXCEEDED or
  // what Redis says; order holds if the next call waits for this one.
  Task<absl::Status> Append(std::vector<store::Event> events,
                            absl::Time deadline) override;

 private:
  std::vector<std::string> CommandFor(const store::Event& event) const;

  redis::RedisClientPool& pool_;
  const std::string key_;
  const std::string max_length_;
};

}  // namespace valetkey::events

#endif  // VALETKEY_EVENTS_REDIS_REDIS_EVENT_STREAM_H_
