// The flags of valetkeyd, checked and put into options.

#ifndef VALETKEY_CMD_VALETKEYD_SERVER_FLAGS_H_
#define VALETKEY_CMD_VALETKEYD_SERVER_FLAGS_H_

#include "absl/status/statusor.h"
#include "service/cmd/valetkeyd/server.h"

namespace valetkey {

// Errors name the flag. REQUIRES: the command line has been parsed.
absl::StatusOr<ServerOptions> ServerOptionsFromFlags();

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEYD_SERVER_FLAGS_H_
