// A file that one process at a time holds, by flock(2). Released when the
// object is destroyed or the process ends, however it ends.

#ifndef VALETKEY_STORE_SQLITE_LOCK_FILE_H_
#define VALETKEY_STORE_SQLITE_LOCK_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace valetkey::store {

class LockFile {
 public:
  // Makes the file, mode 0600, if there is none. STORE_UNAVAILABLE, naming the
  // file, if it is held already or cannot be made.
  static absl::StatusOr<LockFile> Acquire(const std::string& path);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int file) : file_(file) {}
  int file_;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_LOCK_FILE_H_
