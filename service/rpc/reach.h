// Whether a caller reaches what it names: a resource of another application is
// as unknown to it as one that does not exist. Thread-safe.

#ifndef VALETKEY_RPC_REACH_H_
#define VALETKEY_RPC_REACH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/async/task.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/types.h"
#include "service/rpc/method.h"

namespace valetkey::rpc {

// The name has its form (FIELD_INVALID naming `field`) and the caller reaches
// it (the NOT_FOUND reason of the resource type).
absl::Status CheckConnection(const broker::Caller& caller,
                             absl::string_view field, absl::string_view name);
absl::Status CheckProvider(const broker::Caller& caller,
                           absl::string_view field, absl::string_view name);
absl::Status CheckKey(const broker::Caller& caller, absl::string_view field,
                      absl::string_view name);
absl::Status CheckApplication(const broker::Caller& caller,
                              absl::string_view field, absl::string_view name);

// The same for the parent of a list, which must exist: a caller's own
// application does, for its key does.
Task<absl::Status> CheckParent(const CallContext& context, broker::Admin& admin,
                               std::string parent);

// FIELD_INVALID unless a filter is empty, or a name of that collection below
// the parent.
absl::Status CheckFilter(absl::string_view parent, absl::string_view field,
                         absl::string_view collection, absl::string_view name);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_REACH_H_
