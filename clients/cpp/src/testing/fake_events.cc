// The event half of the fake's store.

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "src/names.h"
#include "src/testing/fake_errors.h"
#include "src/testing/fake_pages.h"
#include "src/testing/fake_store.h"

namespace valetkey::client::internal {
namespace {

constexpr char kCursorPrefix[] = "fake-";

template <typename Resource>
bool Passes(const v1::WatchEventsRequest& request, const std::string& name,
            const Resource& resource) {
  return ApplicationOf(name) == request.parent() &&
         (request.connection().empty() || request.connection() == name) &&
         (request.provider().empty() ||
          request.provider() == resource.provider()) &&
         (request.subject().empty() ||
          request.subject() == resource.subject()) &&
         HasLabels(resource.labels(), request.labels());
}

bool HasType(const v1::WatchEventsRequest& request, v1::EventType type) {
  if (request.types().empty()) return true;
  for (const int wanted : request.types()) {
    if (wanted == type) return true;
  }
  return false;
}

}  // namespace

void FakeStore::EmitFor(const Held& held, v1::EventType type,
                        const std::string& reason) {
  const v1::Connection& connection = held.connection;
  v1::Event event;
  event.set_type(type);
  event.set_connection(connection.name());
  event.set_provider(connection.provider());
  event.set_subject(connection.subject());
  *event.mutable_labels() = connection.labels();
  event.set_generation(connection.generation());
  event.set_state(connection.state());
  if (connection.has_expire_time()) {
    *event.mutable_expire_time() = connection.expire_time();
  }
  event.set_reason(reason);
  Emit(std::move(event));
}

void FakeStore::Emit(v1::Event event) {
  event.set_sequence(static_cast<std::int64_t>(events_.size()) + 1);
  event.mutable_time()->set_seconds(absl::ToUnixSeconds(now_()));
  events_.push_back(std::move(event));
}

grpc::Status FakeStore::Begin(const v1::WatchEventsRequest& request,
                              std::vector<v1::WatchEventsResponse>* messages,
                              std::size_t* next) {
  if (request.parent().empty()) {
    return FakeError(v1::FIELD_INVALID, {{"field", "parent"}});
  }
  *next = events_.size();
  if (!request.cursor().empty()) {
    absl::string_view text = request.cursor();
    std::int64_t sequence = 0;
    if (!absl::ConsumePrefix(&text, kCursorPrefix) ||
        !absl::SimpleAtoi(text, &sequence) || sequence < 0 ||
        sequence > static_cast<std::int64_t>(events_.size())) {
      return FakeError(v1::CURSOR_INVALID, {{"field", "cursor"}});
    }
    if (sequence < trimmed_) return FakeError(v1::CURSOR_EXPIRED);
    *next = static_cast<std::size_t>(sequence);
    *messages = After(request, next);
  }
  if (request.snapshot()) {
    for (const auto& [name, held] : connections_) {
      if (!Passes(request, name, held.connection)) continue;
      v1::WatchEventsResponse message;
      *message.mutable_connection() = held.connection;
      messages->push_back(std::move(message));
    }
  }
  if (messages->empty() || request.snapshot()) {
    messages->push_back(Checkpoint());
  }
  return grpc::Status::OK;
}

std::vector<v1::WatchEventsResponse> FakeStore::After(
    const v1::WatchEventsRequest& request, std::size_t* next) const {
  std::vector<v1::WatchEventsResponse> messages;
  for (; *next < events_.size(); ++*next) {
    const v1::Event& event = events_[*next];
    if (!HasType(request, event.type()) ||
        !Passes(request, event.connection(), event)) {
      continue;
    }
    v1::WatchEventsResponse message;
    *message.mutable_event() = event;
    message.set_cursor(absl::StrCat(kCursorPrefix, event.sequence()));
    messages.push_back(std::move(message));
  }
  return messages;
}

v1::WatchEventsResponse FakeStore::Checkpoint() const {
  v1::WatchEventsResponse message;
  message.mutable_checkpoint()->mutable_time()->set_seconds(
      absl::ToUnixSeconds(now_()));
  message.set_cursor(absl::StrCat(kCursorPrefix, events_.size()));
  return message;
}

}  // namespace valetkey::client::internal
