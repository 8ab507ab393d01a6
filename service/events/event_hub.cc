#include "service/events/event_hub.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <deque>
#include <list>
#include <optional>
#include <utility>

#include "service/async/wake_signal.h"
#include "service/base/mutex.h"
#include "service/base/status.h"

namespace valetkey::events {
namespace {

using Steady = std::chrono::steady_clock;

absl::Status ShuttingDown() {
  return MakeError(Reason::kServerShuttingDown, "the server is shutting down",
                   {}, absl::Seconds(1));
}

bool Matches(const store::Event& event, const std::string& application) {
  return application.empty() || event.application == application;
}

struct Listener {
  std::shared_ptr<WakeSignal> signal;
  std::string application;
};

// What one look has found.
struct Found {
  std::vector<store::Event> events;
  std::int64_t scanned_through = 0;
};

}  // namespace

struct EventHub::Impl {
  Impl(store::Store& the_store, EventHubOptions the_options)
      : store(the_store), options(the_options) {}

  // Whether Committed tells of every event, in order.
  bool complete() const { return options.told_of_all || store.exclusive(); }

  // Takes the listener off the list again.
  class Registration {
   public:
    Registration(std::shared_ptr<Impl> impl, std::string application)
        : impl_(std::move(impl)) {
      MutexLock lock(impl_->mutex);
      impl_->listeners.push_front(
          {std::make_shared<WakeSignal>(), std::move(application)});
      position_ = impl_->listeners.begin();
    }
    ~Registration() {
      MutexLock lock(impl_->mutex);
      impl_->listeners.erase(position_);
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    const std::shared_ptr<WakeSignal>& signal() const {
      return position_->signal;
    }

   private:
    const std::shared_ptr<Impl> impl_;
    std::list<Listener>::iterator position_;
  };

  static Task<absl::StatusOr<std::int64_t>> Newest(std::shared_ptr<Impl> impl);
  static Task<absl::StatusOr<Found>> Look(std::shared_ptr<Impl> impl,
                                          std::int64_t after, int limit,
                                          std::string application);
  static Task<absl::StatusOr<Found>> LookInStore(std::shared_ptr<Impl> impl,
                                                 std::int64_t after, int limit,
                                                 std::string application);
  // nullopt: the ring does not reach back so far.
  std::optional<Found> LookInRing(std::int64_t after, int limit,
                                  const std::string& application)
      VK_REQUIRES(mutex);
  void Append(const store::Event& event) VK_REQUIRES(mutex);

  store::Store& store;
  const EventHubOptions options;

  Mutex mutex;
  bool closed VK_GUARDED_BY(mutex) = false;
  std::list<Listener> listeners VK_GUARDED_BY(mutex);
  // The newest event known of; nullopt before the first look.
  std::optional<std::int64_t> newest VK_GUARDED_BY(mutex);
  // Every event from newest + 1 - ring.size() to newest.
  std::deque<store::Event> ring VK_GUARDED_BY(mutex);
};

void EventHub::Impl::Append(const store::Event& event) {
  if (newest && event.sequence <= *newest) return;
  // After a gap nothing is known of what lies in it.
  if (newest && event.sequence != *newest + 1) ring.clear();
  ring.push_back(event);
  newest = event.sequence;
  while (static_cast<int>(ring.size()) > std::max(options.ring_size, 1)) {
    ring.pop_front();
  }
}

std::optional<Found> EventHub::Impl::LookInRing(
    std::int64_t after, int limit, const std::string& application) {
  if (!newest || !complete()) return std::nullopt;
  const std::int64_t first =
      *newest + 1 - static_cast<std::int64_t>(ring.size());
  if (after + 1 < first) return std::nullopt;
  Found found;
  found.scanned_through = std::max(after, *newest);
  for (auto at = static_cast<std::size_t>(after + 1 - first); at < ring.size();
       ++at) {
    if (!Matches(ring[at], application)) continue;
    found.events.push_back(ring[at]);
    if (static_cast<int>(found.events.size()) == limit) {
      found.scanned_through = ring[at].sequence;
      break;
    }
  }
  return found;
}

Task<absl::StatusOr<std::int64_t>> EventHub::Impl::Newest(
    std::shared_ptr<Impl> impl) {
  if (impl->store.exclusive()) {
    MutexLock lock(impl->mutex);
    if (impl->newest) co_return *impl->newest;
  }
  VK_CO_ASSIGN_OR_RETURN(const store::EventRange range,
                         co_await impl->store.GetEventRange());
  MutexLock lock(impl->mutex);
  // What was committed meanwhile may be known already.
  if (!impl->newest) impl->newest = range.newest;
  co_return std::max(*impl->newest, range.newest);
}

Task<absl::StatusOr<Found>> EventHub::Impl::LookInStore(
    std::shared_ptr<Impl> impl, std::int64_t after, int limit,
    std::string application) {
  // In this order: all up to the newest of before was there to be read, and
  // if nothing is missing after the read, nothing was during it.
  VK_CO_ASSIGN_OR_RETURN(const store::EventRange before,
                         co_await impl->store.GetEventRange());
  Found found;
  VK_CO_ASSIGN_OR_RETURN(
      found.events, co_await impl->store.ReadEvents(after, limit, application));
  VK_CO_ASSIGN_OR_RETURN(const store::EventRange then,
                         co_await impl->store.GetEventRange());
  if (then.oldest > after + 1) {
    co_return MakeError(Reason::kCursorExpired,
                        "events after the cursor are no longer kept: list "
                        "again, and watch from there");
  }
  found.scanned_through = after;
  if (!found.events.empty()) {
    found.scanned_through = found.events.back().sequence;
  }
  if (static_cast<int>(found.events.size()) < limit) {
    found.scanned_through = std::max(found.scanned_through, before.newest);
  }
  co_return found;
}

Task<absl::StatusOr<Found>> EventHub::Impl::Look(std::shared_ptr<Impl> impl,
                                                 std::int64_t after, int limit,
                                                 std::string application) {
  {
    MutexLock lock(impl->mutex);
    if (impl->closed) co_return ShuttingDown();
    if (auto found = impl->LookInRing(after, limit, application)) {
      co_return *std::move(found);
    }
  }
  co_return co_await LookInStore(impl, after, limit, std::move(application));
}

EventHub::EventHub(store::Store& store, EventHubOptions options)
    : impl_(std::make_shared<Impl>(store, options)) {}

EventHub::~EventHub() { Close(); }

void EventHub::Committed(const std::vector<store::Event>& events) {
  MutexLock lock(impl_->mutex);
  for (const store::Event& event : events) impl_->Append(event);
  for (const Listener& listener : impl_->listeners) {
    if (std::any_of(events.begin(), events.end(),
                    [&](const store::Event& event) {
                      return Matches(event, listener.application);
                    })) {
      listener.signal->Notify();
    }
  }
}

void EventHub::Close() {
  MutexLock lock(impl_->mutex);
  impl_->closed = true;
  for (const Listener& listener : impl_->listeners) listener.signal->Notify();
}

Task<absl::StatusOr<std::int64_t>> EventHub::Newest() {
  return Impl::Newest(impl_);
}

Task<absl::StatusOr<std::vector<store::Event>>> EventHub::Next(
    std::int64_t after, int limit, std::string application,
    absl::Duration timeout, std::int64_t* scanned_through) {
  // The hub may be closed and destroyed while this waits.
  const std::shared_ptr<Impl> impl = impl_;
  limit = std::max(limit, 1);
  *scanned_through = after;
  const Steady::time_point start = Steady::now();
  // Listening begins before the first look, so that no commit falls between.
  Impl::Registration registration(impl, application);
  // So that the ring can be used from the beginning.
  VK_CO_RETURN_IF_ERROR((co_await Impl::Newest(impl)).status());
  for (;;) {
    VK_CO_ASSIGN_OR_RETURN(
        Found found,
        co_await Impl::Look(impl, *scanned_through, limit, application));
    *scanned_through = found.scanned_through;
    if (!found.events.empty()) co_return std::move(found.events);
    const absl::Duration left =
        timeout - absl::FromChrono(Steady::now() - start);
    if (left <= absl::ZeroDuration()) break;
    const auto cancelled =
        (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) break;
    co_await WakeSignal::Wait(
        registration.signal(),
        impl->complete() ? left : std::min(left, impl->options.poll_interval));
  }
  co_return std::vector<store::Event>();
}

}  // namespace valetkey::events
