// What the programs that serve have in common of their flags.

#ifndef VALETKEY_CMD_COMMON_FLAGS_H_
#define VALETKEY_CMD_COMMON_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/base/log.h"
#include "service/net/http/curl_http_client.h"

namespace valetkey {

// INVALID_ARGUMENT: "--listen: expected an address".
absl::Status BadFlag(absl::string_view flag, absl::string_view expected);

// A flag's values as origins to be replaced.
absl::StatusOr<std::vector<OriginOverride>> OriginOverridesOf(
    absl::string_view flag, const std::vector<std::string>& values);

// Of --log_format and --log_level.
absl::StatusOr<LogOptions> LogOptionsFromFlags();

// Makes --help show the flags of that program and these, not those of
// libraries, and --version say its name. `folder` is where its flags are
// defined: "valetkeyd".
void DescribeProgram(absl::string_view folder, absl::string_view usage);

}  // namespace valetkey

#endif  // VALETKEY_CMD_COMMON_FLAGS_H_
