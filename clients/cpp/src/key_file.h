// An API key, or any other credential, in a file that may change: a projected
// service-account token is replaced well before it expires.

#ifndef VALETKEY_CLIENT_SRC_KEY_FILE_H_
#define VALETKEY_CLIENT_SRC_KEY_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "src/mutex.h"

namespace valetkey::client::internal {

// A ConfigError that begins with `what` if the text cannot be a credential.
absl::Status CheckKey(absl::string_view what, absl::string_view key);
// Fails with a ConfigError that names the file and no secret.
absl::StatusOr<std::string> ReadKey(const std::string& path);

// Thread-safe.
class KeyFile {
 public:
  // `key` is what the file held when it was read at first.
  KeyFile(std::string path, std::string key);

  // The key in the file, which is looked at once a second at most. While it
  // cannot be read, or holds no key, the last one counts. `elapsed` is the
  // time since some moment.
  std::string Get(absl::Duration elapsed);

 private:
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t size = 0;
    absl::Time modified;
    bool operator==(const Version& other) const {
      return device == other.device && inode == other.inode &&
             size == other.size && modified == other.modified;
    }
  };
  // A default one if the file is not there.
  static Version VersionOf(const std::string& path);

  const std::string path_;
  Mutex mutex_;
  std::string key_ ABSL_GUARDED_BY(mutex_);
  Version version_ ABSL_GUARDED_BY(mutex_);
  absl::Duration next_look_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_KEY_FILE_H_
