#include "service/sidecar/token_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/base/status.h"

namespace valetkey::sidecar {
namespace {

namespace fs = std::filesystem;
using client::Token;

constexpr char kData[] = "..data";
constexpr char kNext[] = "..data_next";
constexpr const char* kNames[] = {"token", "authorization_header",
                                  "token.json"};

absl::Status Failed(absl::string_view what, const fs::path& path) {
  return absl::UnavailableError(absl::StrCat(
      "cannot ", what, " ", path.string(), ": ", std::strerror(errno)));
}

absl::Status Write(const fs::path& path, absl::string_view text, mode_t mode) {
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return Failed("make", path);
  absl::Status status;
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      status = Failed("write", path);
      break;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  // The umask is not to take away what was asked for.
  if (status.ok() && fchmod(file, mode) != 0) status = Failed("chmod", path);
  close(file);
  return status;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

// The mode of the folders: to be entered by whoever may read the files.
mode_t FolderMode(mode_t files) {
  mode_t mode = 0700;
  if ((files & 0040) != 0) mode |= 0050;
  if ((files & 0004) != 0) mode |= 0005;
  return mode;
}

}  // namespace

TokenFiles::TokenFiles(client::TokenSource source, TokenFilesOptions options)
    : source_(std::move(source)), options_(std::move(options)) {}

absl::Status TokenFiles::Prepare() {
  const fs::path folder = options_.path;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error)) {
    return InvalidField(absl::StrCat("file path ", options_.path),
                        "a folder, or one that can be made");
  }
  struct statfs info;
  if (statfs(folder.c_str(), &info) != 0) return Failed("look at", folder);
  const bool in_memory =
      info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC;
  if (!in_memory && !options_.allow_disk) {
    return InvalidField(absl::StrCat("file path ", options_.path),
                        "a folder on tmpfs (a volume with medium: Memory), or "
                        "--files_on_disk, for tokens would be written to disk");
  }
  if (chmod(folder.c_str(), FolderMode(options_.mode)) != 0) {
    return Failed("chmod", folder);
  }
  // What a sidecar before this one left unfinished, or in force: a version
  // goes when the next one is there.
  fs::remove(folder / kNext, error);
  return absl::OkStatus();
}

absl::StatusOr<bool> TokenFiles::Update() {
  if (const std::optional<Token> token = source_.TryGet()) {
    return WriteToken(*token);
  }
  const std::optional<client::Error> failed = Fetch();
  // What is there is good as long as it lives, unless it was ended.
  const client::ErrorKind kind =
      failed ? failed->kind : client::ErrorKind::kUnavailable;
  const bool ended = kind == client::ErrorKind::kConnectionRevoked ||
                     kind == client::ErrorKind::kNotFound ||
                     kind == client::ErrorKind::kPermissionDenied;
  if (!ended && absl::Now() < expire_time_) return false;
  if (failed) {
    return WriteError(failed->reason.empty()
                          ? absl::StatusCodeToString(failed->code)
                          : failed->reason,
                      failed->message);
  }
  // The first one, or another after the last one has expired, is on its way.
  if (generation_ == 0) return false;
  return WriteError("UNAVAILABLE",
                    "the token has expired, and no other came yet");
}

std::optional<client::Error> TokenFiles::Fetch() {
  std::optional<client::Error> last;
  {
    MutexLock lock(fetched_->mutex);
    last = fetched_->error;
    if (fetched_->under_way) return last;
    fetched_->under_way = true;
  }
  source_.Get({}, [fetched = fetched_](const absl::StatusOr<Token>& token) {
    MutexLock lock(fetched->mutex);
    fetched->error.reset();
    if (!token.ok()) fetched->error = client::GetError(token.status());
    fetched->under_way = false;
  });
  return last;
}

absl::StatusOr<bool> TokenFiles::WriteToken(const Token& token) {
  if (token.generation() == generation_ &&
      token.expire_time() == expire_time_) {
    return false;
  }
  nlohmann::json json = {{"access_token", token.access_token()},
                         {"token_type", token.token_type()},
                         {"generation", token.generation()},
                         {"scopes", token.scopes()}};
  if (token.expire_time() != absl::InfiniteFuture()) {
    json["expire_time"] = TimeText(token.expire_time());
  }
  VK_RETURN_IF_ERROR(Replace(
      {{"token", SecretString(token.access_token())},
       {"authorization_header", SecretString::Take(absl::StrCat(
                                    "Authorization: ", token.authorization()))},
       {"token.json", SecretString::Take(json.dump() + "\n")}}));
  generation_ = token.generation();
  expire_time_ = token.expire_time();
  error_.clear();
  return true;
}

absl::StatusOr<bool> TokenFiles::WriteError(const std::string& reason,
                                            const std::string& message) {
  if (reason == error_) return false;
  const nlohmann::json json = {{"error", reason}, {"message", message}};
  VK_RETURN_IF_ERROR(
      Replace({{"token.json", SecretString(json.dump() + "\n")}}));
  error_ = reason;
  generation_ = 0;
  expire_time_ = absl::InfinitePast();
  return true;
}

absl::Status TokenFiles::Replace(const std::vector<File>& files) {
  const fs::path folder = options_.path;
  std::string pattern = (folder / "..version-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return Failed("make a folder in", folder);
  }
  const fs::path version = pattern;
  const auto fill = [&]() -> absl::Status {
    if (chmod(version.c_str(), FolderMode(options_.mode)) != 0) {
      return Failed("chmod", version);
    }
    for (const File& file : files) {
      VK_RETURN_IF_ERROR(
          Write(version / file.name, file.text.Reveal(), options_.mode));
    }
    unlink((folder / kNext).c_str());
    if (symlink(version.filename().c_str(), (folder / kNext).c_str()) != 0) {
      return Failed("link", folder / kNext);
    }
    if (rename((folder / kNext).c_str(), (folder / kData).c_str()) != 0) {
      return Failed("replace", folder / kData);
    }
    return absl::OkStatus();
  };
  std::error_code ignored;
  if (absl::Status status = fill(); !status.ok()) {
    fs::remove_all(version, ignored);
    return status;
  }
  // The links by which the files are known; made once. One whose file is not
  // in this version leads nowhere, and so is not there to open.
  for (const char* name : kNames) {
    const fs::path link = folder / name;
    if (fs::is_symlink(link, ignored)) continue;
    fs::remove(link, ignored);
    if (symlink(absl::StrCat(kData, "/", name).c_str(), link.c_str()) != 0) {
      return Failed("link", link);
    }
  }
  // Earlier versions, this process's and those of one before it.
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (absl::StartsWith(entry.path().filename().string(), "..version-") &&
        entry.path() != version) {
      fs::remove_all(entry.path(), ignored);
    }
  }
  return absl::OkStatus();
}

}  // namespace valetkey::sidecar
