// What FakeStore reads, and its calls about events and expired rows.

#include <algorithm>
#include <tuple>
#include <utility>

#include "service/base/status.h"
#include "service/store/fake_store.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"
#include "service/store/search.h"

namespace valetkey::store {
namespace {

template <class T, class Fits>
Page<T> MakePage(const std::map<std::string, T>& table,
                 const std::string& after, int limit, Fits fits) {
  Page<T> page;
  limit = ClampLimit(limit);
  for (auto at = table.upper_bound(after); at != table.end(); ++at) {
    if (!fits(at->second)) continue;
    if (static_cast<int>(page.items.size()) == limit) {
      page.next = page.items.back().name;
      break;
    }
    page.items.push_back(at->second);
  }
  return page;
}

bool Matches(const ConnectionFilter& filter, const Connection& connection) {
  if (!filter.application.empty() &&
      connection.application != filter.application) {
    return false;
  }
  if (!filter.provider.empty() && connection.provider != filter.provider) {
    return false;
  }
  if (filter.subject && connection.subject != *filter.subject) return false;
  if (filter.state && connection.state != *filter.state) return false;
  if (filter.needs_attention && !NeedsAttention(connection)) return false;
  if (!FitsSearch(filter.words, connection)) return false;
  return std::all_of(filter.labels.begin(), filter.labels.end(),
                     [&](const auto& label) {
                       auto found = connection.labels.find(label.first);
                       return found != connection.labels.end() &&
                              found->second == label.second;
                     });
}

}  // namespace

Task<absl::StatusOr<std::optional<Application>>> FakeStore::GetApplication(
    std::string name) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetApplication"));
  MutexLock lock(mutex_);
  co_return FindRow(applications_, name);
}

Task<absl::StatusOr<std::optional<Provider>>> FakeStore::GetProvider(
    std::string name) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetProvider"));
  MutexLock lock(mutex_);
  co_return FindRow(providers_, name);
}

Task<absl::StatusOr<std::optional<Authorization>>> FakeStore::GetAuthorization(
    std::string name) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetAuthorization"));
  MutexLock lock(mutex_);
  co_return FindRow(authorizations_, name);
}

Task<absl::StatusOr<std::optional<Connection>>> FakeStore::GetConnection(
    std::string name) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetConnection"));
  MutexLock lock(mutex_);
  co_return FindRow(connections_, name);
}

Task<absl::StatusOr<std::optional<ApiKey>>> FakeStore::FindKey(
    std::string digest) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("FindKey"));
  MutexLock lock(mutex_);
  for (const auto& [name, key] : keys_) {
    if (key.digest == digest) co_return key;
  }
  co_return std::nullopt;
}

Task<absl::StatusOr<Page<Application>>> FakeStore::ListApplications(
    std::string after, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListApplications"));
  MutexLock lock(mutex_);
  co_return MakePage(applications_, after, limit,
                     [](const auto&) { return true; });
}

Task<absl::StatusOr<Page<ApiKey>>> FakeStore::ListKeys(std::string application,
                                                       std::string after,
                                                       int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListKeys"));
  MutexLock lock(mutex_);
  co_return MakePage(keys_, after, limit, [&](const auto& row) {
    return row.application == application;
  });
}

Task<absl::StatusOr<Page<Provider>>> FakeStore::ListProviders(
    std::string application, std::string after, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListProviders"));
  MutexLock lock(mutex_);
  co_return MakePage(providers_, after, limit, [&](const auto& row) {
    return row.application == application;
  });
}

Task<absl::StatusOr<Page<Connection>>> FakeStore::ListConnections(
    ConnectionFilter filter, std::string after, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListConnections"));
  MutexLock lock(mutex_);
  co_return MakePage(connections_, after, limit,
                     [&](const auto& row) { return Matches(filter, row); });
}

Task<absl::StatusOr<std::vector<DueConnection>>> FakeStore::ClaimDue(
    int limit, absl::Duration claim, std::vector<std::string> without) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ClaimDue"));
  MutexLock lock(mutex_);
  const absl::Time now = RoundTime(clock_.Now());
  std::vector<std::pair<absl::Time, std::string>> due;
  for (const auto& [name, row] : connections_) {
    if (row.due_time && *row.due_time <= now &&
        std::find(without.begin(), without.end(), row.provider) ==
            without.end()) {
      due.emplace_back(*row.due_time, name);
    }
  }
  std::sort(due.begin(), due.end());
  std::vector<DueConnection> claimed;
  for (auto& [time, name] : due) {
    if (static_cast<int>(claimed.size()) == ClampLimit(limit)) break;
    Connection& row = connections_[name];
    row.due_time = RoundTime(now + claim);
    claimed.push_back({.name = name, .provider = row.provider});
  }
  co_return claimed;
}

Task<absl::StatusOr<Backlog>> FakeStore::GetBacklog() {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetBacklog"));
  MutexLock lock(mutex_);
  const absl::Time now = RoundTime(clock_.Now());
  Backlog backlog;
  for (const auto& [name, row] : connections_) {
    if (!row.due_time || *row.due_time > now) continue;
    ++backlog.due;
    if (!backlog.oldest_due || *row.due_time < *backlog.oldest_due) {
      backlog.oldest_due = row.due_time;
    }
  }
  for (const auto& [sequence, kept] : events_) {
    if (!kept.published && backlog.unpublished < Backlog::kMaxCounted) {
      ++backlog.unpublished;
    }
  }
  co_return backlog;
}

Task<absl::StatusOr<std::vector<ConnectionCount>>>
FakeStore::CountConnections() {
  VK_CO_RETURN_IF_ERROR(co_await Enter("CountConnections"));
  MutexLock lock(mutex_);
  std::map<ConnectionState, std::int64_t> counts;
  for (const auto& [name, row] : connections_) ++counts[row.state];
  std::vector<ConnectionCount> result;
  for (auto [state, count] : counts) result.push_back({state, count});
  co_return result;
}

Task<absl::StatusOr<std::vector<ConnectionGroup>>> FakeStore::GroupConnections(
    std::string application, std::string provider) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GroupConnections"));
  MutexLock lock(mutex_);
  std::map<std::tuple<std::string, ConnectionState, bool>, std::int64_t> counts;
  for (const auto& [name, row] : connections_) {
    if (row.application != application) continue;
    if (!provider.empty() && row.provider != provider) continue;
    ++counts[{row.provider, row.state, NeedsAttention(row)}];
  }
  std::vector<ConnectionGroup> groups;
  for (const auto& [key, count] : counts) {
    const auto& [of, state, needs_attention] = key;
    groups.push_back({of, state, needs_attention, count});
  }
  co_return groups;
}

Task<absl::StatusOr<int>> FakeStore::DeleteExpiredAuthorizations(
    absl::Time before, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("DeleteExpiredAuthorizations"));
  MutexLock lock(mutex_);
  int left = ClampLimit(limit);
  co_return static_cast<int>(
      std::erase_if(authorizations_, [&](const auto& entry) {
        return entry.second.expire_time < RoundTime(before) && left-- > 0;
      }));
}

Task<absl::StatusOr<std::vector<Event>>> FakeStore::ReadEvents(
    std::int64_t after, int limit, std::string application) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ReadEvents"));
  MutexLock lock(mutex_);
  std::vector<Event> events;
  for (auto at = events_.upper_bound(after); at != events_.end(); ++at) {
    const Event& event = at->second.event;
    if (!application.empty() && event.application != application) continue;
    if (static_cast<int>(events.size()) == ClampLimit(limit)) break;
    events.push_back(event);
  }
  co_return events;
}

Task<absl::StatusOr<std::vector<Event>>> FakeStore::ReadEventsBack(
    EventFilter filter, std::int64_t before, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ReadEventsBack"));
  MutexLock lock(mutex_);
  std::vector<Event> events;
  for (auto at = events_.lower_bound(before); at != events_.begin();) {
    const Event& event = (--at)->second.event;
    if (event.application != filter.application) continue;
    if (!filter.connection.empty() && event.connection != filter.connection) {
      continue;
    }
    if (static_cast<int>(events.size()) == ClampLimit(limit)) break;
    events.push_back(event);
  }
  co_return events;
}

Task<absl::StatusOr<EventRange>> FakeStore::GetEventRange() {
  VK_CO_RETURN_IF_ERROR(co_await Enter("GetEventRange"));
  MutexLock lock(mutex_);
  co_return EventRange{events_.empty() ? newest_ + 1 : events_.begin()->first,
                       newest_};
}

Task<absl::StatusOr<std::vector<Event>>> FakeStore::ReadUnpublished(int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ReadUnpublished"));
  MutexLock lock(mutex_);
  std::vector<Event> events;
  for (const auto& [sequence, kept] : events_) {
    if (kept.published) continue;
    if (static_cast<int>(events.size()) == ClampLimit(limit)) break;
    events.push_back(kept.event);
  }
  co_return events;
}

Task<absl::Status> FakeStore::MarkPublished(
    std::vector<std::int64_t> sequences) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("MarkPublished"));
  MutexLock lock(mutex_);
  for (std::int64_t sequence : sequences) {
    auto found = events_.find(sequence);
    if (found != events_.end()) found->second.published = true;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<int>> FakeStore::TrimEvents(absl::Time before,
                                                std::int64_t keep, int limit) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("TrimEvents"));
  MutexLock lock(mutex_);
  int count = 0;
  while (!events_.empty() && count < ClampLimit(limit)) {
    const Event& oldest = events_.begin()->second.event;
    if (oldest.time >= RoundTime(before) &&
        static_cast<std::int64_t>(events_.size()) <= keep) {
      break;
    }
    events_.erase(events_.begin());
    ++count;
  }
  co_return count;
}

Task<absl::StatusOr<AddedDefinitions>> FakeStore::ListDefinitions() {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListDefinitions"));
  MutexLock lock(mutex_);
  AddedDefinitions all;
  all.revision = definitions_revision_;
  for (const auto& [name, one] : definitions_) all.items.push_back(one);
  co_return all;
}

Task<absl::StatusOr<std::int64_t>> FakeStore::Beat(Replica replica,
                                                   absl::Duration keep) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("Beat"));
  MutexLock lock(mutex_);
  replica.beat_time = RoundTime(clock_.Now());
  replica.start_time = RoundTime(replica.start_time);
  const absl::Time oldest = RoundTime(replica.beat_time - keep);
  std::erase_if(replicas_, [oldest](const auto& entry) {
    return entry.second.beat_time < oldest;
  });
  replicas_[replica.instance] = std::move(replica);
  co_return definitions_revision_;
}

Task<absl::StatusOr<std::vector<Replica>>> FakeStore::ListReplicas() {
  VK_CO_RETURN_IF_ERROR(co_await Enter("ListReplicas"));
  MutexLock lock(mutex_);
  std::vector<Replica> replicas;
  for (const auto& [instance, replica] : replicas_) {
    replicas.push_back(replica);
  }
  co_return replicas;
}

Task<absl::Status> FakeStore::CheckWritable() {
  co_return co_await Enter("CheckWritable");
}

}  // namespace valetkey::store
