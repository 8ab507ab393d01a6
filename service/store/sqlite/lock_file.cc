#include "service/store/sqlite/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey::store {

absl::StatusOr<LockFile> LockFile::Acquire(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return MakeError(Reason::kStoreUnavailable,
                     absl::StrCat("cannot open ", path, ": ",
                                  std::generic_category().message(errno)));
  }
  LockFile lock(file);
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return MakeError(
          Reason::kStoreUnavailable,
          absl::StrCat("the database is in use by another process, which "
                       "holds ",
                       path));
    }
    return MakeError(Reason::kStoreUnavailable,
                     absl::StrCat("cannot lock ", path, ": ",
                                  std::generic_category().message(errno)));
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)) {}

LockFile::~LockFile() {
  if (file_ >= 0) close(file_);
}

}  // namespace valetkey::store
