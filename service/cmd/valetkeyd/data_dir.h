// The files that the server makes and keeps: how they are written, and what
// must not be made anew when it is lost.

#ifndef VALETKEY_CMD_VALETKEYD_DATA_DIR_H_
#define VALETKEY_CMD_VALETKEYD_DATA_DIR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/sealer.h"

namespace valetkey {

std::string JoinPath(const std::string& folder, absl::string_view name);

// Makes the folder, mode 0700, unless it is there.
absl::Status MakePrivateFolder(const std::string& path);

// Written whole or not at all, mode 0600.
absl::Status WritePrivateFile(const std::string& path,
                              absl::string_view content);

// Reads the keyring, or makes one and says so. A keyring that was lost is not
// replaced while the store, whose grants are sealed under it, is there.
absl::StatusOr<Keyring> OpenKeyring(const std::string& keyring,
                                    const std::string& store);

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEYD_DATA_DIR_H_
