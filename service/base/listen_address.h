// Where servers listen: "127.0.0.1:7070", "[::1]:7070", "0.0.0.0:7070",
// "localhost:7070" or "unix:/run/valetkey/valetkey.sock".

#ifndef VALETKEY_BASE_LISTEN_ADDRESS_H_
#define VALETKEY_BASE_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey {

struct ListenAddress {
  bool is_unix = false;
  std::string path;  // of the socket, if is_unix
  std::string host;  // without brackets
  int port = 0;      // 0: any free one
};

// FIELD_INVALID naming the address.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address);

// Whether only this machine can reach it: a Unix socket, 127.0.0.0/8, ::1 or
// localhost.
bool IsLocal(const ListenAddress& address);

// FIELD_INVALID, saying which flags mend it, for plaintext on an address that
// other machines can reach, unless `allow_plaintext` insists.
absl::Status CheckPlaintext(absl::string_view address, bool tls,
                            bool allow_plaintext);

// Makes way for a Unix socket: removes the file that a killed server left
// behind. FIELD_INVALID if a server still listens there, which gRPC would take
// it from, or if the file is no socket.
absl::Status ClearSocketPath(const std::string& path);

}  // namespace valetkey

#endif  // VALETKEY_BASE_LISTEN_ADDRESS_H_
