#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "service/base/crypto.h"
#include "service/base/sealer.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kMaxKeyIdSize = 32;
constexpr std::size_t kMaxFileSize = 64 * 1024;

// Closes a descriptor.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  const int fd_;
};

absl::Status FileError(const std::string& path, absl::string_view what,
                       int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("keyring ", path, ": ", what));
}

absl::Status LineError(int line, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("keyring, line ", line, ": ", what));
}

bool IsKeyId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxKeyIdSize) return false;
  for (const char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' &&
        c != '_' && c != '-') {
      return false;
    }
  }
  return true;
}

// PostgreSQL's rule for its keys: what we own nobody else may touch; what root
// owns (a mounted secret) may be read through our group.
bool IsPrivate(const struct stat& info) {
  const mode_t others = info.st_mode & (S_IRWXG | S_IRWXO);
  if (info.st_uid == ::geteuid()) return others == 0;
  return info.st_uid == 0 && (others & ~static_cast<mode_t>(S_IRGRP)) == 0;
}

absl::Status WriteAll(int fd, const std::string& path, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FileError(path, "cannot be written", errno);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return FileError(path, "cannot be synced", errno);
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string folder = ".";
  if (slash != std::string::npos) folder = path.substr(0, slash + 1);
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.ok() || ::fsync(file.fd()) != 0) {
    return FileError(path, "its folder cannot be synced", errno);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Keyring> Keyring::Parse(absl::string_view text) {
  Keyring ring;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 2) return LineError(number, "expected an id and a key");
    if (!IsKeyId(words[0])) {
      return LineError(
          number, "the id must be 1 to 32 characters of A-Z a-z 0-9 . _ -");
    }
    for (const KeyringKey& key : ring.keys_) {
      if (key.id == words[0]) {
        return LineError(number, "an id that is already used above");
      }
    }
    std::string bytes;
    const bool decoded = Base64UrlDecode(words[1], &bytes);
    SecretString key = SecretString::Take(std::move(bytes));
    if (!decoded || key.size() != kKeySize) {
      return LineError(number,
                       "the key must be 43 characters of base64url (32 bytes)");
    }
    ring.keys_.push_back({std::string(words[0]), std::move(key)});
  }
  if (ring.keys_.empty()) {
    return absl::InvalidArgumentError("keyring: it holds no key");
  }
  return ring;
}

absl::StatusOr<Keyring> Keyring::Load(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok()) return FileError(path, "cannot be opened", errno);
  struct stat info;
  if (::fstat(file.fd(), &info) != 0) {
    return FileError(path, "cannot be examined", errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("keyring ", path, ": not a regular file"));
  }
  if (!IsPrivate(info)) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "keyring %s: others may read it (mode %04o); set its mode to 0600",
        path, info.st_mode & 07777));
  }
  std::string text(kMaxFileSize + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count =
        ::read(file.fd(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      WipeMemory(text.data(), size);
      return FileError(path, "cannot be read", error);
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  absl::StatusOr<Keyring> ring =
      size > kMaxFileSize
          ? absl::InvalidArgumentError("keyring: larger than 64 KiB")
          : Parse(absl::string_view(text.data(), size));
  WipeMemory(text.data(), size);
  if (!ring.ok()) {
    return absl::Status(ring.status().code(),
                        absl::StrCat(path, ": ", ring.status().message()));
  }
  return ring;
}

absl::StatusOr<Keyring> Keyring::Create(const std::string& path, Random& random,
                                        absl::Time now) {
  std::string bytes = random.Bytes(kKeySize);
  std::string encoded = Base64UrlEncode(bytes);
  const std::string id = absl::StrCat(
      "k-", absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone()));
  std::string text = absl::StrCat(
      "# ValetKey's keyring. Without it no stored token can be read: keep a\n"
      "# copy in a safe place. The first key seals, all of them open.\n",
      id, " ", encoded, "\n");
  Keyring ring;
  ring.keys_.push_back({id, SecretString::Take(std::move(bytes))});

  // Written aside and linked into place, so that a crash leaves either no
  // keyring or a whole one, and an existing one is never replaced.
  const std::string aside =
      absl::StrCat(path, ".new-", HexEncode(random.Bytes(8)));
  absl::Status status;
  {
    const File file(::open(aside.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                           S_IRUSR | S_IWUSR));
    status = file.ok() ? WriteAll(file.fd(), path, text)
                       : FileError(path, "cannot be made", errno);
  }
  WipeMemory(text.data(), text.size());
  WipeMemory(encoded.data(), encoded.size());
  if (status.ok() && ::link(aside.c_str(), path.c_str()) != 0) {
    status = FileError(path, "cannot be made", errno);
  }
  ::unlink(aside.c_str());
  VK_RETURN_IF_ERROR(status);
  VK_RETURN_IF_ERROR(SyncFolderOf(path));
  return ring;
}

}  // namespace valetkey
