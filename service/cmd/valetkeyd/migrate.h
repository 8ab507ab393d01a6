// --migrate_only: brings a shared store's tables up to date and ends.

#ifndef VALETKEY_CMD_VALETKEYD_MIGRATE_H_
#define VALETKEY_CMD_VALETKEYD_MIGRATE_H_

#include "absl/status/status.h"
#include "service/cmd/valetkeyd/server.h"

namespace valetkey {

// What each server does at its start, without a server: for a job that runs
// before the first of a new version. Safe beside servers and beside others of
// its kind. Needs no keyring, for it reads no secret. Blocks. Errors name the
// flag or the database.
absl::Status MigrateStore(const ServerOptions& options);

}  // namespace valetkey

#endif  // VALETKEY_CMD_VALETKEYD_MIGRATE_H_
