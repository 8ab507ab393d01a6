// Where servers listen: "127.0.0.1:7070", "[::1]:7070", "0.0.0.0:7070",
// "localhost:7070" or "unix:/run/valetkey/valetkey.sock". Pure functions.

#ifndef VALETKEY_RPC_LISTEN_H_
#define VALETKEY_RPC_LISTEN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace valetkey::rpc {

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

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_LISTEN_H_
