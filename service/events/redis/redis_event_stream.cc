#include "service/events/redis/redis_event_stream.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace valetkey::events {
namespace {

// Commands in one pipeline; more than that are sent in turns, so that a backlog
// after an outage does not crowd out other work.
constexpr std::size_t kBatch = 512;

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

}  // namespace

RedisEventStream::RedisEventStream(redis::RedisClientPool& pool,
                                   RedisEventStreamOptions options)
    : pool_(pool),
      key_(absl::StrCat(options.prefix, ":events")),
      max_length_(absl::StrCat(options.max_length)) {}

std::vector<std::string> RedisEventStream::CommandFor(
    const store::Event& event) const {
  std::vector<std::string> command = {"XADD", key_,        "MAXLEN",
                                      "~",    max_length_, "*"};
  auto add = [&command](std::string field, std::string value) {
    command.push_back(std::move(field));
    command.push_back(std::move(value));
  };
  add("sequence", absl::StrCat(event.sequence));
  add("time", Rfc3339(event.time));
  add("type", std::string(store::EventTypeName(event.type)));
  add("connection", event.connection);
  add("provider", event.provider);
  add("subject", event.subject);
  add("generation", absl::StrCat(event.generation));
  add("state", std::string(store::ConnectionStateName(event.state)));
  if (event.expire_time.has_value()) {
    add("expire_time", Rfc3339(*event.expire_time));
  }
  if (!event.reason.empty()) add("reason", event.reason);
  for (const auto& [key, value] : event.labels) {
    add(absl::StrCat("label:", key), value);
  }
  return command;
}

Task<absl::Status> RedisEventStream::Append(std::vector<store::Event> events,
                                            absl::Time deadline) {
  for (std::size_t begin = 0; begin < events.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, events.size());
    std::vector<std::vector<std::string>> commands;
    commands.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      commands.push_back(CommandFor(events[i]));
    }
    auto replies = co_await pool_.Pipeline(std::move(commands), deadline);
    if (!replies.ok()) co_return replies.status();
    for (const redis::RedisReply& reply : *replies) {
      if (reply.is_error()) co_return redis::ErrorOf(reply);
    }
  }
  co_return absl::OkStatus();
}

}  // namespace valetkey::events
