#include "src/key_file.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "src/status.h"

namespace valetkey::client::internal {

absl::Status CheckKey(absl::string_view what, absl::string_view key) {
  for (const char c : key) {
    // gRPC would end the process, or send it as another header.
    if (c < 0x21 || c > 0x7e) {
      return ConfigError(
          absl::StrCat(what, " has a character that no key has"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKey(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return ConfigError(absl::StrCat("the key file: cannot read ", path));
  }
  std::string key(absl::StripAsciiWhitespace(text));
  if (key.empty()) {
    return ConfigError(absl::StrCat("the key file: ", path, " is empty"));
  }
  const absl::Status good = CheckKey(absl::StrCat("the key in ", path), key);
  if (!good.ok()) return good;
  return key;
}

KeyFile::KeyFile(std::string path, std::string key)
    : path_(std::move(path)), key_(std::move(key)) {}

KeyFile::Version KeyFile::VersionOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          absl::TimeFromTimespec(info.st_mtim)};
}

std::string KeyFile::Get(absl::Duration elapsed) {
  const MutexLock lock(mutex_);
  if (elapsed < next_look_) return key_;
  next_look_ = elapsed + absl::Seconds(1);
  const Version version = VersionOf(path_);
  if (version == version_) return key_;
  // Of a file that is just being written, the rest is another version.
  absl::StatusOr<std::string> key = ReadKey(path_);
  if (key.ok()) {
    key_ = *std::move(key);
    version_ = version;
  }
  return key_;
}

}  // namespace valetkey::client::internal
