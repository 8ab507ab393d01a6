#include "service/store/postgres/sequencer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/store/postgres/queries.h"
#include "service/store/postgres/tables.h"
#include "service/store/record_codec.h"

namespace valetkey::store::postgres {
namespace {

using sql::PostgresResult;
using sql::PostgresStatement;
using sql::PostgresValue;

// Events numbered, and told, at a time.
constexpr int kRound = 1000;
// Before a round that failed is tried again.
constexpr absl::Duration kPause = absl::Milliseconds(50);

PostgresStatement Lock() {
  return {"SELECT newest FROM outbox WHERE one = 1 FOR UPDATE", {}};
}

// REQUIRES: the lock is held.
PostgresStatement Number() {
  return {
      "WITH chosen AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY "
      "id) AS place FROM (SELECT id FROM events WHERE sequence IS NULL "
      "ORDER BY id LIMIT $1) AS first), "
      "numbered AS (UPDATE events AS e SET sequence = o.newest + c.place "
      "FROM chosen AS c, outbox AS o WHERE e.id = c.id AND o.one = 1 "
      "RETURNING e.id), "
      "raised AS (UPDATE outbox SET newest = newest + (SELECT count(*) "
      "FROM chosen) WHERE one = 1 AND EXISTS (SELECT 1 FROM chosen) "
      "RETURNING 1) "
      "SELECT count(*) FROM numbered",
      {PostgresValue::Int(kRound)}};
}

PostgresStatement NumbersById(const std::vector<std::int64_t>& ids) {
  return {
      "SELECT id, sequence FROM events WHERE id = ANY($1) "
      "AND sequence IS NOT NULL",
      {PostgresValue::Ints(ids)}};
}

PostgresStatement Glance() {
  return {absl::StrCat("SELECT ", kServerClock,
                       ", (SELECT newest FROM outbox WHERE one = 1), "
                       "EXISTS (SELECT 1 FROM events WHERE sequence IS NULL)"),
          {}};
}

}  // namespace

Sequencer::Sequencer(sql::PostgresPool& pool, asio::any_io_executor executor,
                     SequencerOptions options, std::int64_t newest)
    : pool_(pool), options_(std::move(options)), told_(newest) {
  scope_.Spawn(executor, "number events", Run());
}

Sequencer::~Sequencer() {
  Close();
  scope_.Join(absl::Minutes(1));
}

void Sequencer::Close() {
  closed_ = true;
  scope_.Close();
}

void Sequencer::SetListener(Listener listener) {
  MutexLock lock(listener_mutex_);
  listener_ = std::move(listener);
}

Task<std::vector<std::int64_t>> Sequencer::NumbersOf(
    std::vector<std::int64_t> ids, absl::Duration timeout) {
  auto waiter = std::make_shared<Waiter>();
  waiter->missing = ids.size();
  waiter->numbers.resize(ids.size());
  waiter->ids = std::move(ids);
  {
    MutexLock lock(mutex_);
    waiting_.push_back(waiter);
  }
  kick_->Notify();
  // Signalled once, when all are there.
  co_await WakeSignal::WaitUncancelled(waiter->signal, timeout);
  MutexLock lock(mutex_);
  waiting_.remove(waiter);
  co_return waiter->numbers;
}

Task<void> Sequencer::Run() {
  Work work = Work::kNone;
  while (!closed_) {
    if (work == Work::kNone) {
      const bool kicked = co_await WakeSignal::Wait(kick_, options_.interval);
      if (closed_) break;
      work = Work::kNumber;
      if (!kicked && !HasWaiters()) {
        auto found = co_await Look();
        Note(found.status());
        work = found.value_or(Work::kNone);
        if (work == Work::kNone) continue;
      }
    }
    auto left = co_await Round(work);
    Note(left.status());
    if (left.ok()) {
      work = *left;
      continue;
    }
    work = HasWaiters() ? Work::kNumber : Work::kNone;
    co_await SleepFor(kPause);
  }
}

Task<absl::StatusOr<Sequencer::Work>> Sequencer::Look() {
  auto looked = co_await pool_.Run({Glance()}, options_.timeout);
  if (!looked.ok()) co_return looked.status();
  const PostgresResult& row = (*looked)[0];
  if (options_.clock) options_.clock(row, DecodeTime(row.Int(0, 0)));
  if (row.Bool(0, 2)) co_return Work::kNumber;
  co_return row.Int(0, 1) > told_ ? Work::kTell : Work::kNone;
}

Task<absl::StatusOr<Sequencer::Work>> Sequencer::Round(Work work) {
  Batch batch;
  batch.push_back(NumbersById(Missing()));
  if (work == Work::kNumber) {
    batch.insert(batch.begin(), Number());
    batch.insert(batch.begin(), Lock());
  }
  batch.push_back(SelectEvents(told_, kRound, ""));
  auto done = co_await pool_.Run(std::move(batch), options_.timeout);
  if (!done.ok()) co_return done.status();
  VK_CO_ASSIGN_OR_RETURN(const std::vector<Event> events,
                         ReadAll<Event>(done->back()));
  if (!events.empty()) {
    told_ = events.back().sequence;
    Tell(events);
  }
  Resolve((*done)[done->size() - 2]);
  if (work == Work::kNumber && (*done)[1].Int(0, 0) == kRound) {
    co_return Work::kNumber;
  }
  co_return events.size() == kRound ? Work::kTell : Work::kNone;
}

std::vector<std::int64_t> Sequencer::Missing() {
  std::vector<std::int64_t> ids;
  MutexLock lock(mutex_);
  for (const auto& waiter : waiting_) {
    for (std::size_t i = 0; i < waiter->ids.size(); ++i) {
      if (waiter->numbers[i] == 0) ids.push_back(waiter->ids[i]);
    }
  }
  return ids;
}

void Sequencer::Tell(const std::vector<Event>& events) {
  MutexLock lock(listener_mutex_);
  if (listener_) listener_(events);
}

void Sequencer::Resolve(const PostgresResult& numbers) {
  std::unordered_map<std::int64_t, std::int64_t> by_id;
  for (int row = 0; row < numbers.rows(); ++row) {
    by_id[numbers.Int(row, 0)] = numbers.Int(row, 1);
  }
  MutexLock lock(mutex_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    Waiter& waiter = **it;
    for (std::size_t i = 0; i < waiter.ids.size(); ++i) {
      auto found = by_id.find(waiter.ids[i]);
      if (waiter.numbers[i] != 0 || found == by_id.end()) continue;
      waiter.numbers[i] = found->second;
      --waiter.missing;
    }
    if (waiter.missing > 0) {
      ++it;
      continue;
    }
    waiter.signal->Notify();
    it = waiting_.erase(it);
  }
}

bool Sequencer::HasWaiters() {
  MutexLock lock(mutex_);
  return !waiting_.empty();
}

void Sequencer::Note(const absl::Status& status) {
  const bool failing = !status.ok();
  if (std::exchange(failing_, failing) == failing || closed_) return;
  if (failing) {
    Log(LogLevel::kWarning, "events cannot be numbered", {{"error", status}});
  } else {
    Log(LogLevel::kInfo, "events are numbered again");
  }
}

}  // namespace valetkey::store::postgres
