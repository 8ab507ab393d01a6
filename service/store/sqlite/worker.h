// The threads of the SQLite store: one that writes, a few that read. Work is
// queued by coroutines and waited for there (service/net/sql/blocking_call.h).

#ifndef VALETKEY_STORE_SQLITE_WORKER_H_
#define VALETKEY_STORE_SQLITE_WORKER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "service/base/mutex.h"
#include "service/net/sql/blocking_call.h"
#include "service/net/sql/sqlite.h"
#include "service/store/records.h"

namespace valetkey::store {

// What a thread is to do with its connection.
class SqliteCall : public sql::BlockingCall {
 public:
  // Does it. Called at most once, between Begin and End.
  virtual absl::Status Run(sql::Sqlite& db) = 0;
  // The events that Run has written; null if it never writes any.
  virtual const std::vector<Event>* events() const { return nullptr; }

  // How it ended, once it has ended: Run's error, or for a write the commit's.
  // The waiter's to take; no other Status shares its memory.
  absl::Status status;
};

using SqliteOpener =
    std::function<absl::StatusOr<std::unique_ptr<sql::Sqlite>>()>;

// A connection that is opened when it is needed, and again after an error
// that a new one may cure. Used by one thread.
class SqliteConnection {
 public:
  // `db` may be null.
  SqliteConnection(SqliteOpener opener, std::unique_ptr<sql::Sqlite> db)
      : opener_(std::move(opener)), db_(std::move(db)) {}
  // Valid until the next call.
  absl::StatusOr<sql::Sqlite*> Get();

 private:
  const SqliteOpener opener_;
  std::unique_ptr<sql::Sqlite> db_;
};

// A queue that threads take from; bounded, lest a disk that hangs fill the
// memory. Thread-safe.
class SqliteQueue {
 public:
  explicit SqliteQueue(std::size_t capacity) : capacity_(capacity) {}

  // False if it is full or closed.
  bool Push(std::shared_ptr<SqliteCall> call);
  // Waits for calls and takes up to `max`; none only once it is closed and
  // empty.
  std::vector<std::shared_ptr<SqliteCall>> Take(std::size_t max);
  // Refuses new calls; those that are queued are still to be taken.
  void Close();

 private:
  const std::size_t capacity_;
  Mutex mutex_;
  CondVar filled_;
  std::deque<std::shared_ptr<SqliteCall>> calls_ VK_GUARDED_BY(mutex_);
  bool closed_ VK_GUARDED_BY(mutex_) = false;
};

// Writes, in group commits: all that was queued while the last commit waited
// for the disk goes into one transaction, each call in a savepoint of its own,
// so that one that fails takes nothing of the others with it.
class SqliteWriter {
 public:
  using Listener = std::function<void(const std::vector<Event>&)>;

  // Starts the thread with an open connection.
  SqliteWriter(SqliteOpener opener, std::unique_ptr<sql::Sqlite> db,
               std::size_t capacity);
  // Finishes what is queued.
  ~SqliteWriter();

  bool Push(std::shared_ptr<SqliteCall> call);
  // REQUIRES: nothing has been pushed.
  void SetListener(Listener listener);
  std::int64_t commits() const { return commits_.load(); }

 private:
  using Batch = std::vector<std::shared_ptr<SqliteCall>>;

  void Loop();
  // Runs calls from `first` on in one transaction; returns the first that it
  // has not begun, for SQLite rolls the whole back after some errors.
  std::size_t RunTransaction(const Batch& batch, std::size_t first);
  // Logs when writing begins to fail, and when it works again.
  void Note(const absl::Status& status);
  // Tells the listener and the waiters.
  void Finish(const Batch& done, const absl::Status& commit);

  SqliteConnection connection_;
  SqliteQueue queue_;
  Mutex listener_mutex_;
  Listener listener_ VK_GUARDED_BY(listener_mutex_);
  bool failing_ = false;  // the thread's
  std::atomic<std::int64_t> commits_ = 0;
  std::thread thread_;
};

// Reads, each call on the next free thread.
class SqliteReaders {
 public:
  SqliteReaders(SqliteOpener opener, int threads, std::size_t capacity);
  // Finishes what is queued.
  ~SqliteReaders();

  bool Push(std::shared_ptr<SqliteCall> call);

 private:
  void Loop();

  const SqliteOpener opener_;
  SqliteQueue queue_;
  std::vector<std::thread> threads_;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_WORKER_H_
