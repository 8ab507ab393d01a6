// The embedded store: one SQLite file, held by one process.
//
// Durable: WAL with an fsync at each commit, shared by all Updates that waited
// for the one before (group commit). A full or failing disk makes calls fail
// with STORE_UNAVAILABLE and heals without a restart. Beside `path` there are
// its -wal and -shm files and `path`.lock, whose flock keeps other processes
// away. A file that is damaged, or written by a newer version, is refused at
// the start with a message that says what to do.

#ifndef VALETKEY_STORE_SQLITE_SQLITE_STORE_H_
#define VALETKEY_STORE_SQLITE_SQLITE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/clock.h"
#include "service/store/store.h"

namespace valetkey::store {

struct SqliteStoreOptions {
  // The file; made with its folder, 0600 and 0700, if there is none.
  std::string path;
  // Both outlive the store.
  const Clock* clock = &Clock::System();
  Random* random = &Random::System();
  // Threads that read, each with a connection.
  int readers = 3;
  // How long a call may wait for its turn before it fails. One whose turn has
  // come is waited for.
  absl::Duration write_timeout = absl::Seconds(10);
  absl::Duration read_timeout = absl::Seconds(10);
  // Calls that may wait at a time, for writing and for reading.
  std::size_t queue_capacity = 20'000;
  // At the start, files up to this size are read through for damage, which
  // takes about a second a gigabyte.
  std::int64_t max_checked_bytes = 256 << 20;
};

class SqliteStore : public Store {
 public:
  // Transactions committed, each with one fsync if it wrote anything.
  virtual std::int64_t commits() const = 0;
};

// Opens the file, bringing its tables up to date. Blocks. STORE_UNAVAILABLE,
// naming the file, if it cannot be used.
//
// The store's destructor finishes what is queued. Coroutines that wait for it
// are to be joined, or destroyed with their executor, before.
absl::StatusOr<std::unique_ptr<SqliteStore>> NewSqliteStore(
    SqliteStoreOptions options);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_SQLITE_STORE_H_
