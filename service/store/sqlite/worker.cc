#include "service/store/sqlite/worker.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "service/base/fault_point.h"
#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::store {
namespace {

// Bounds how long one transaction takes, and with it the wait of the first
// call in it.
constexpr std::size_t kMaxBatch = 256;

// What one call did to lose the transaction is, to the others in it, a store
// that has failed them.
absl::Status Unwritten(absl::string_view message) {
  return MakeError(Reason::kStoreUnavailable, message, {}, absl::Seconds(1));
}

// Runs a call in a savepoint. An error of its own rolls back what it did and
// goes to call.status; the result is an error only if the transaction as a
// whole is lost.
absl::Status RunInSavepoint(sql::Sqlite& db, SqliteCall& call) {
  VK_RETURN_IF_ERROR(db.Execute("SAVEPOINT call"));
  call.status = call.Run(db);
  if (!db.InTransaction()) {
    return Unwritten(call.status.ok() ? "a call has left its transaction"
                                      : call.status.message());
  }
  if (!call.status.ok()) VK_RETURN_IF_ERROR(db.Execute("ROLLBACK TO call"));
  return db.Execute("RELEASE call");
}

}  // namespace

absl::StatusOr<sql::Sqlite*> SqliteConnection::Get() {
  if (db_ != nullptr && db_->suspect()) db_.reset();
  if (db_ == nullptr) {
    VK_ASSIGN_OR_RETURN(db_, opener_());
  }
  return db_.get();
}

bool SqliteQueue::Push(std::shared_ptr<SqliteCall> call) {
  MutexLock lock(mutex_);
  if (closed_ || calls_.size() >= capacity_) return false;
  calls_.push_back(std::move(call));
  filled_.Signal();
  return true;
}

std::vector<std::shared_ptr<SqliteCall>> SqliteQueue::Take(std::size_t max) {
  MutexLock lock(mutex_);
  while (calls_.empty() && !closed_) filled_.Wait(mutex_);
  const auto end = calls_.begin() +
                   static_cast<std::ptrdiff_t>(std::min(max, calls_.size()));
  std::vector<std::shared_ptr<SqliteCall>> taken(
      std::make_move_iterator(calls_.begin()), std::make_move_iterator(end));
  calls_.erase(calls_.begin(), end);
  return taken;
}

void SqliteQueue::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  filled_.SignalAll();
}

SqliteWriter::SqliteWriter(SqliteOpener opener, std::unique_ptr<sql::Sqlite> db,
                           std::size_t capacity)
    : connection_(std::move(opener), std::move(db)),
      queue_(capacity),
      thread_([this] { Loop(); }) {}

SqliteWriter::~SqliteWriter() {
  queue_.Close();
  thread_.join();
}

bool SqliteWriter::Push(std::shared_ptr<SqliteCall> call) {
  return queue_.Push(std::move(call));
}

void SqliteWriter::SetListener(Listener listener) {
  MutexLock lock(listener_mutex_);
  listener_ = std::move(listener);
}

void SqliteWriter::Loop() {
  for (;;) {
    const Batch batch = queue_.Take(kMaxBatch);
    if (batch.empty()) return;
    std::size_t next = 0;
    while (next < batch.size()) next = RunTransaction(batch, next);
  }
}

std::size_t SqliteWriter::RunTransaction(const Batch& batch,
                                         std::size_t first) {
  Batch done;
  absl::StatusOr<sql::Sqlite*> opened = connection_.Get();
  absl::Status status = opened.status();
  if (opened.ok()) status = (*opened)->Execute("BEGIN IMMEDIATE");
  std::size_t next = first;
  for (; next < batch.size(); ++next) {
    if (!batch[next]->Begin()) continue;
    done.push_back(batch[next]);
    if (!status.ok()) continue;  // nothing of this batch can be written
    status = RunInSavepoint(**opened, *batch[next]);
    if (!status.ok()) {
      ++next;
      break;
    }
  }
  if (status.ok()) {
    FaultPoint("store.before_commit");
    status = (*opened)->Execute("COMMIT");
    FaultPoint("store.after_commit");
  }
  if (opened.ok() && (*opened)->InTransaction()) {
    (*opened)->Execute("ROLLBACK").IgnoreError();
  }
  if (status.ok()) ++commits_;
  Note(status);
  Finish(done, status);
  return next;
}

void SqliteWriter::Note(const absl::Status& status) {
  const bool failing = !status.ok();
  if (std::exchange(failing_, failing) == failing) return;
  if (failing) {
    Log(LogLevel::kError, "the store cannot be written", {{"error", status}});
  } else {
    Log(LogLevel::kInfo, "the store can be written again");
  }
}

void SqliteWriter::Finish(const Batch& done, const absl::Status& commit) {
  std::vector<Event> events;
  for (const auto& call : done) {
    if (call->status.ok() && !commit.ok()) {
      call->status = Unwritten(commit.message());
    }
    if (!call->status.ok() || call->events() == nullptr) continue;
    events.insert(events.end(), call->events()->begin(), call->events()->end());
  }
  if (!events.empty()) {
    MutexLock lock(listener_mutex_);
    if (listener_) listener_(events);
  }
  for (const auto& call : done) call->End();
}

SqliteReaders::SqliteReaders(SqliteOpener opener, int threads,
                             std::size_t capacity)
    : opener_(std::move(opener)), queue_(capacity) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Loop(); });
  }
}

SqliteReaders::~SqliteReaders() {
  queue_.Close();
  for (std::thread& thread : threads_) thread.join();
}

bool SqliteReaders::Push(std::shared_ptr<SqliteCall> call) {
  return queue_.Push(std::move(call));
}

void SqliteReaders::Loop() {
  SqliteConnection connection(opener_, nullptr);
  for (;;) {
    const auto taken = queue_.Take(1);
    if (taken.empty()) return;
    SqliteCall& call = *taken.front();
    if (!call.Begin()) continue;
    absl::StatusOr<sql::Sqlite*> db = connection.Get();
    call.status = db.ok() ? call.Run(**db) : db.status();
    call.End();
  }
}

}  // namespace valetkey::store
