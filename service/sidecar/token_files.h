// Tokens as files, for programs that know no API.
//
// The path is a folder with three files: `token` (the access token alone),
// `authorization_header` ("Authorization: Bearer ..."), and `token.json`:
//
//   {"access_token": "...", "token_type": "bearer", "generation": 7,
//    "expire_time": "2026-11-26T10:00:00Z", "scopes": ["pins:read"]}
//
// All three change in one step, as the kubelet changes a Secret's volume: each
// is a link through `..data`, which is a link to the folder of the version, and
// that link alone is replaced. A program that opens `token` therefore reads an
// old or a new token and never half of one.
//
// When there is no valid token (revoked, the person has to consent again, or
// the server was away until it expired), `token.json` alone is there:
//
//   {"error": "CONNECTION_REVOKED", "message": "the connection was revoked"}

#ifndef VALETKEY_SIDECAR_TOKEN_FILES_H_
#define VALETKEY_SIDECAR_TOKEN_FILES_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/base/mutex.h"
#include "service/base/secret.h"
#include "valetkey/error.h"
#include "valetkey/token_source.h"

namespace valetkey::sidecar {

struct TokenFilesOptions {
  std::string path;
  mode_t mode = 0400;
  // Where it is not kept in memory alone (tmpfs, ramfs).
  bool allow_disk = false;
};

// Not thread-safe.
class TokenFiles {
 public:
  TokenFiles(client::TokenSource source, TokenFilesOptions options);

  // Makes the folder. FIELD_INVALID naming the path and what is wrong.
  absl::Status Prepare();
  // Writes what the source holds if that is something else than what is
  // written; true if it wrote. Keeps the source fetching.
  absl::StatusOr<bool> Update();
  // Whether there is a token in the files.
  bool has_token() const { return generation_ != 0; }
  // The reason why there is none, as token.json has it; "" with a token.
  const std::string& error() const { return error_; }

  const std::string& path() const { return options_.path; }
  const client::TokenSource& source() const { return source_; }

 private:
  struct File {
    std::string name;
    SecretString text;
  };
  // What the last fetch said; set by whoever fetches.
  struct Fetched {
    Mutex mutex;
    std::optional<client::Error> error VK_GUARDED_BY(mutex);
    bool under_way VK_GUARDED_BY(mutex) = false;
  };

  absl::Status Replace(const std::vector<File>& files);
  absl::StatusOr<bool> WriteToken(const client::Token& token);
  absl::StatusOr<bool> WriteError(const std::string& reason,
                                  const std::string& message);
  // Begins a fetch unless one is under way; how the last one failed, if so.
  std::optional<client::Error> Fetch();

  const client::TokenSource source_;
  const TokenFilesOptions options_;
  const std::shared_ptr<Fetched> fetched_ = std::make_shared<Fetched>();
  std::int64_t generation_ = 0;  // of what is written; 0: no token
  absl::Time expire_time_ = absl::InfinitePast();
  std::string error_;  // what is written in place of a token
};

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_TOKEN_FILES_H_
