#include "service/store/fake_store.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"

namespace valetkey::store {
namespace {

template <class T>
void Load(const std::map<std::string, T>& table,
          const std::optional<std::string>& key, std::optional<T>* row) {
  if (!key) return;
  auto found = table.find(*key);
  if (found != table.end()) *row = found->second;
}

// Whether any row fits, once the change of one of them is counted in.
template <class T, class Fits>
bool AnyAfter(const std::map<std::string, T>& table,
              const std::optional<std::string>& key,
              const std::optional<T>& changed, Fits fits) {
  if (changed && fits(*changed)) return true;
  return std::any_of(table.begin(), table.end(), [&](const auto& entry) {
    return entry.first != key && fits(entry.second);
  });
}

// Whether a row of that name was there before the change, or is after it.
template <class T>
bool IsKnown(const std::map<std::string, T>& table,
             const std::optional<std::string>& key,
             const std::optional<T>& changed, const std::string& name) {
  return (key == name && changed.has_value()) || table.count(name) > 0;
}

// An unchanged row keeps its revision.
template <class T>
void Put(std::map<std::string, T>* table, const std::optional<std::string>& key,
         const std::optional<T>& before, std::optional<T>* row) {
  if (!key) return;
  if (!row->has_value()) {
    table->erase(*key);
    return;
  }
  (*row)->revision = before ? before->revision : 0;
  if (*row == before) return;
  ++(*row)->revision;
  (*table)[*key] = **row;
}

absl::Status Unavailable() {
  return MakeError(Reason::kStoreUnavailable, "the fake store is made to fail",
                   {}, absl::Seconds(1));
}

}  // namespace

FakeStore::FakeStore(const Clock& clock, std::string id)
    : clock_(clock), id_(std::move(id)) {}

void FakeStore::FailUpdates(int count, FailPoint point) {
  MutexLock lock(mutex_);
  failing_updates_ = count;
  fail_point_ = point;
}

void FakeStore::FailReads(int count) {
  MutexLock lock(mutex_);
  failing_reads_ = count;
}

void FakeStore::SetDown(bool down) {
  MutexLock lock(mutex_);
  down_ = down;
}

void FakeStore::SetHook(Hook hook) {
  MutexLock lock(mutex_);
  hook_ = std::move(hook);
}

void FakeStore::SetExclusive(bool exclusive) {
  MutexLock lock(mutex_);
  exclusive_ = exclusive;
}

bool FakeStore::exclusive() const {
  MutexLock lock(mutex_);
  return exclusive_;
}

int FakeStore::updates() const {
  MutexLock lock(mutex_);
  return updates_;
}

void FakeStore::SetCommitListener(
    std::function<void(const std::vector<Event>&)> listener) {
  MutexLock lock(commit_mutex_);
  listener_ = std::move(listener);
}

std::optional<Connection> FakeStore::FindConnection(
    const std::string& name) const {
  MutexLock lock(mutex_);
  return FindRow(connections_, name);
}

std::optional<Authorization> FakeStore::FindAuthorization(
    const std::string& name) const {
  MutexLock lock(mutex_);
  return FindRow(authorizations_, name);
}

std::optional<Provider> FakeStore::FindProvider(const std::string& name) const {
  MutexLock lock(mutex_);
  return FindRow(providers_, name);
}

std::vector<Event> FakeStore::events() const {
  MutexLock lock(mutex_);
  std::vector<Event> events;
  for (const auto& [sequence, kept] : events_) events.push_back(kept.event);
  return events;
}

std::vector<Authorization> FakeStore::authorizations() const {
  MutexLock lock(mutex_);
  std::vector<Authorization> all;
  for (const auto& [name, one] : authorizations_) all.push_back(one);
  return all;
}

Task<absl::Status> FakeStore::Enter(std::string call) {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  Hook hook;
  {
    MutexLock lock(mutex_);
    hook = hook_;
  }
  if (hook) co_await hook(call);
  MutexLock lock(mutex_);
  if (down_) co_return Unavailable();
  if (call != "Update" && failing_reads_ > 0) {
    --failing_reads_;
    co_return Unavailable();
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Rows>> FakeStore::Update(RowKeys keys, Change change) {
  VK_CO_RETURN_IF_ERROR(co_await Enter("Update"));
  bool fail = false;
  FailPoint point = kBeforeCommit;
  Hook hook;
  {
    MutexLock lock(mutex_);
    if (failing_updates_ > 0) {
      --failing_updates_;
      fail = true;
      point = fail_point_;
    }
    hook = hook_;
  }
  absl::StatusOr<Rows> result =
      Commit(keys, change, fail && point == kBeforeCommit);
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  if (hook) co_await hook("Update committed");
  if (fail && result.ok()) co_return Unavailable();
  co_return result;
}

absl::StatusOr<Rows> FakeStore::UpdateNow(const RowKeys& keys,
                                          const Change& change) {
  return Commit(keys, change, /*discard=*/false);
}

absl::StatusOr<Rows> FakeStore::Commit(const RowKeys& keys,
                                       const Change& change, bool discard) {
  MutexLock commit(commit_mutex_);
  Rows rows;
  {
    MutexLock lock(mutex_);
    rows.now = RoundTime(clock_.Now());
    Load(applications_, keys.application, &rows.application);
    Load(keys_, keys.key, &rows.key);
    Load(providers_, keys.provider, &rows.provider);
    Load(authorizations_, keys.authorization, &rows.authorization);
    Load(connections_, keys.connection, &rows.connection);
    Load(definitions_, keys.definition, &rows.definition);
    const Rows before = rows;
    VK_RETURN_IF_ERROR(change(rows));
    VK_RETURN_IF_ERROR(CheckChanged(keys, rows));
    rows.now = before.now;
    RoundTimes(&rows);
    VK_RETURN_IF_ERROR(CheckRelations(keys, before, rows));
    if (discard) return rows;
    Write(keys, before, &rows);
  }
  if (listener_ && !rows.events.empty()) listener_(rows.events);
  return rows;
}

absl::Status FakeStore::CheckRelations(const RowKeys& keys, const Rows& before,
                                       const Rows& rows) const {
  if (before.application && !rows.application) {
    auto of_it = [&](const auto& row) {
      return row.application == *keys.application;
    };
    if (AnyAfter(providers_, keys.provider, rows.provider, of_it) ||
        AnyAfter(connections_, keys.connection, rows.connection, of_it)) {
      return ApplicationInUse(*keys.application);
    }
  }
  if (before.provider && !rows.provider) {
    const std::string& name = *keys.provider;
    if (AnyAfter(connections_, keys.connection, rows.connection,
                 [&](const auto& row) { return row.provider == name; }) ||
        AnyAfter(authorizations_, keys.authorization, rows.authorization,
                 [&](const auto& row) {
                   return row.provider == name && IsOpen(row, rows.now);
                 })) {
      return ProviderInUse(name);
    }
  }
  if (before.definition && !rows.definition &&
      AnyAfter(providers_, keys.provider, rows.provider, [&](const auto& row) {
        return row.catalog_entry == *keys.definition;
      })) {
    return DefinitionInUse(*keys.definition);
  }
  // A row may belong to one that this change deletes: it goes with it.
  auto check_application = [&](const auto& row) VK_REQUIRES(mutex_) {
    if (row && !IsKnown(applications_, keys.application, rows.application,
                        row->application)) {
      return ApplicationMissing(row->application);
    }
    return absl::OkStatus();
  };
  auto check_provider = [&](const auto& row) VK_REQUIRES(mutex_) {
    if (row &&
        !IsKnown(providers_, keys.provider, rows.provider, row->provider)) {
      return ProviderMissing(row->provider);
    }
    return absl::OkStatus();
  };
  VK_RETURN_IF_ERROR(check_application(rows.key));
  VK_RETURN_IF_ERROR(check_application(rows.provider));
  VK_RETURN_IF_ERROR(check_application(rows.connection));
  VK_RETURN_IF_ERROR(check_provider(rows.connection));
  VK_RETURN_IF_ERROR(check_application(rows.authorization));
  VK_RETURN_IF_ERROR(check_provider(rows.authorization));
  if (rows.key) {
    for (const auto& [name, key] : keys_) {
      if (name != rows.key->name && key.digest == rows.key->digest) {
        return KeyTaken();
      }
    }
  }
  return absl::OkStatus();
}

void FakeStore::Write(const RowKeys& keys, const Rows& before, Rows* rows) {
  Put(&applications_, keys.application, before.application, &rows->application);
  Put(&keys_, keys.key, before.key, &rows->key);
  Put(&providers_, keys.provider, before.provider, &rows->provider);
  Put(&authorizations_, keys.authorization, before.authorization,
      &rows->authorization);
  Put(&connections_, keys.connection, before.connection, &rows->connection);
  Put(&definitions_, keys.definition, before.definition, &rows->definition);
  if (rows->definition != before.definition) ++definitions_revision_;
  Gone gone;
  gone.application = before.application && !rows->application;
  gone.provider = before.provider && !rows->provider;
  gone.connection = before.connection && !rows->connection;
  if (gone.application) {
    std::erase_if(keys_, [&](const auto& entry) {
      return entry.second.application == *keys.application;
    });
  }
  if (gone.provider || gone.connection) {
    std::erase_if(authorizations_, [&](const auto& entry) {
      const Authorization& row = entry.second;
      return (gone.provider && row.provider == *keys.provider) ||
             (gone.connection && row.connection == *keys.connection &&
              !IsOpen(row, rows->now));
    });
  }
  DropDependants(keys, gone, rows);
  for (Event& event : rows->events) {
    event.sequence = ++newest_;
    event.time = rows->now;
    events_[event.sequence] = {event, false};
  }
  ++updates_;
}

}  // namespace valetkey::store
