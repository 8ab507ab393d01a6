#include "service/callers/watched_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"

namespace valetkey::callers {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string StampOf(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "-";
  return absl::StrCat(info.st_dev, ".", info.st_ino, ".", info.st_size, ".",
                      info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
}

absl::Status Bad(const std::string& path, absl::string_view why) {
  return MakeError(Reason::kFieldInvalid, absl::StrCat(path, ": ", why));
}

}  // namespace

bool WatchedFile::Changed() const { return StampOf(path_) != stamp_; }

absl::StatusOr<std::string> WatchedFile::Read() {
  // Before reading: a change in between is seen the next time.
  stamp_ = StampOf(path_);
  const std::unique_ptr<std::FILE, Close> file(
      std::fopen(path_.c_str(), "rbe"));
  if (file == nullptr) return Bad(path_, std::strerror(errno));
  std::string content(max_size_ + 1, '\0');
  const std::size_t size =
      std::fread(content.data(), 1, content.size(), file.get());
  if (std::ferror(file.get()) != 0) return Bad(path_, std::strerror(errno));
  if (size > max_size_) {
    return Bad(path_, absl::StrCat("expected at most ", max_size_, " bytes"));
  }
  content.resize(size);
  return content;
}

}  // namespace valetkey::callers
