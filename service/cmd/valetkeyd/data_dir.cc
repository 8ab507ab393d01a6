#include "service/cmd/valetkeyd/data_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/crypto.h"
#include "service/base/log.h"

namespace valetkey {
namespace {

absl::Status FileError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

bool Exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace

std::string JoinPath(const std::string& folder, absl::string_view name) {
  return absl::StrCat(folder, "/", name);
}

absl::Status MakePrivateFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error)) {
    ::chmod(path.c_str(), 0700);
  } else if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", path, ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::Status WritePrivateFile(const std::string& path,
                              absl::string_view content) {
  const std::string draft = path + ".new";
  (void)::unlink(draft.c_str());
  const int file =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return FileError("cannot create", draft);
  const bool written = ::write(file, content.data(), content.size()) ==
                           static_cast<ssize_t>(content.size()) &&
                       ::fsync(file) == 0;
  ::close(file);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) {
    return FileError("cannot write", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<Keyring> OpenKeyring(const std::string& keyring,
                                    const std::string& store) {
  if (Exists(keyring)) return Keyring::Load(keyring);
  if (Exists(store)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the keyring ", keyring, " is gone, but the store ", store,
        " is there: its grants cannot be read without it; restore the keyring "
        "from its backup (or move the store away to begin anew)"));
  }
  auto made = Keyring::Create(keyring, Random::System(), absl::Now());
  if (made.ok()) {
    Log(LogLevel::kWarning,
        "made a new keyring; back it up: without it the stored grants cannot "
        "be read",
        {{"file", keyring}});
  }
  return made;
}

}  // namespace valetkey
