// Who waits for which reply. Redis answers in the order of the commands, so
// this is a queue; a waiter that gave up leaves its place, so that its reply is
// still taken from the stream and the ones behind it stay matched.
//
// No I/O and no clock of its own. Not thread-safe.

#ifndef VALETKEY_NET_REDIS_REPLY_QUEUE_H_
#define VALETKEY_NET_REDIS_REPLY_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "service/net/redis/resp.h"

namespace valetkey::redis {

using ReplyHandler = absl::AnyInvocable<void(absl::StatusOr<RedisReply>)>;

class ReplyQueue {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  // A place at the end. An empty handler is allowed: nobody waits. Returns an
  // id that is never given again.
  std::uint64_t Push(ReplyHandler handler, TimePoint deadline, TimePoint now);

  // Takes the first place. Its handler is empty if nobody waits any more.
  // REQUIRES: not empty.
  ReplyHandler Pop(TimePoint now);

  // Takes the handler out of its place; empty if it is gone.
  ReplyHandler Abandon(std::uint64_t id);

  // Takes out the handlers whose deadline is not after `now`.
  std::vector<ReplyHandler> Expire(TimePoint now);
  // No deadline is earlier than this one.
  TimePoint next_deadline() const { return next_deadline_; }

  // Empties the queue; the handlers that still waited.
  std::vector<ReplyHandler> TakeAll();

  // How long the stream has owed a reply without giving any; zero if none is
  // owed.
  Clock::duration Silence(TimePoint now) const;

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }

 private:
  struct Place {
    ReplyHandler handler;
    TimePoint deadline;
    TimePoint start;
  };

  std::deque<Place> places_;
  std::uint64_t first_id_ = 1;  // of places_.front()
  TimePoint last_reply_ = TimePoint::min();
  // A lower bound: not raised when a place is taken, only when it is passed.
  TimePoint next_deadline_ = TimePoint::max();
};

}  // namespace valetkey::redis

#endif  // VALETKEY_NET_REDIS_REPLY_QUEUE_H_
