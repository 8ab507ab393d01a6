// Copies all of one store into another: added definitions, applications, keys,
// providers and connections. Consents under way and events are not copied: a
// person begins again, a watcher lists again.

#ifndef VALETKEY_CMD_VALETKEY_STORE_COPY_H_
#define VALETKEY_CMD_VALETKEY_STORE_COPY_H_

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/store/store.h"

namespace valetkey::cli {

struct CopiedStore {
  int definitions = 0;
  int applications = 0;
  int keys = 0;
  int providers = 0;
  int connections = 0;
};

// Nobody else uses either. What is there already must be the same:
// RESOURCE_EXISTS, so that it may be repeated after an interruption.
Task<absl::StatusOr<CopiedStore>> CopyStore(store::Store& from,
                                            store::Store& to);

}  // namespace valetkey::cli

#endif  // VALETKEY_CMD_VALETKEY_STORE_COPY_H_
