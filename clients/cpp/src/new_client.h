// A client with a scheduler and an environment of a test's own.

#ifndef VALETKEY_CLIENT_SRC_NEW_CLIENT_H_
#define VALETKEY_CLIENT_SRC_NEW_CLIENT_H_

#include <memory>

#include "src/config.h"
#include "src/scheduler.h"
#include "valetkey/client.h"

namespace valetkey::client::internal {

absl::StatusOr<Client> NewClient(const ClientOptions& options,
                                 const Environment& environment,
                                 std::shared_ptr<Scheduler> scheduler);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_NEW_CLIENT_H_
