// A small file of the operator's that is read again when it has changed: by
// its inode, size and time of change, through symbolic links, so that the way
// Kubernetes swaps mounted files is seen. For one thread at a time; blocks for
// as long as a small local file takes.

#ifndef VALETKEY_CALLERS_WATCHED_FILE_H_
#define VALETKEY_CALLERS_WATCHED_FILE_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace valetkey::callers {

class WatchedFile {
 public:
  WatchedFile(std::string path, std::size_t max_size)
      : path_(std::move(path)), max_size_(max_size) {}

  // Whether it seems to be another than at the last Read.
  bool Changed() const;
  // The whole of it. FIELD_INVALID with the path and what is wrong.
  absl::StatusOr<std::string> Read();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::size_t max_size_;
  std::string stamp_;
};

}  // namespace valetkey::callers

#endif  // VALETKEY_CALLERS_WATCHED_FILE_H_
