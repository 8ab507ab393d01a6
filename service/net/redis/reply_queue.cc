#include "service/net/redis/reply_queue.h"

#include <algorithm>
#include <utility>

namespace valetkey::redis {

std::uint64_t ReplyQueue::Push(ReplyHandler handler, TimePoint deadline,
                               TimePoint now) {
  if (handler) next_deadline_ = std::min(next_deadline_, deadline);
  places_.push_back({std::move(handler), deadline, now});
  return first_id_ + places_.size() - 1;
}

ReplyHandler ReplyQueue::Pop(TimePoint now) {
  ReplyHandler handler = std::move(places_.front().handler);
  places_.pop_front();
  ++first_id_;
  last_reply_ = now;
  return handler;
}

ReplyHandler ReplyQueue::Abandon(std::uint64_t id) {
  if (id < first_id_ || id - first_id_ >= places_.size()) return nullptr;
  return std::exchange(places_[id - first_id_].handler, nullptr);
}

std::vector<ReplyHandler> ReplyQueue::Expire(TimePoint now) {
  std::vector<ReplyHandler> expired;
  if (now < next_deadline_) return expired;
  next_deadline_ = TimePoint::max();
  for (Place& place : places_) {
    if (!place.handler) continue;
    if (place.deadline <= now) {
      expired.push_back(std::exchange(place.handler, nullptr));
    } else {
      next_deadline_ = std::min(next_deadline_, place.deadline);
    }
  }
  return expired;
}

std::vector<ReplyHandler> ReplyQueue::TakeAll() {
  std::vector<ReplyHandler> handlers;
  for (Place& place : places_) {
    if (place.handler) handlers.push_back(std::move(place.handler));
  }
  first_id_ += places_.size();
  places_.clear();
  next_deadline_ = TimePoint::max();
  return handlers;
}

ReplyQueue::Clock::duration ReplyQueue::Silence(TimePoint now) const {
  if (places_.empty()) return Clock::duration::zero();
  return now - std::max(places_.front().start, last_reply_);
}

}  // namespace valetkey::redis
