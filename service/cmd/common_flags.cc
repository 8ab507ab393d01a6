#include "service/cmd/common_flags.h"

#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(std::string, log_format, "text", "text or json.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");

namespace valetkey {

absl::Status BadFlag(absl::string_view flag, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, ": expected ", expected));
}

absl::StatusOr<std::vector<OriginOverride>> OriginOverridesOf(
    absl::string_view flag, const std::vector<std::string>& values) {
  std::vector<OriginOverride> overrides;
  for (const std::string& value : values) {
    auto parsed = ParseOriginOverride(value);
    if (!parsed.ok()) {
      return BadFlag(flag,
                     "ORIGIN=ORIGIN, as in "
                     "https://api.pinterest.com=http://127.0.0.1:4001");
    }
    overrides.push_back(*std::move(parsed));
  }
  return overrides;
}

absl::StatusOr<LogOptions> LogOptionsFromFlags() {
  LogOptions options;
  const std::string format = absl::GetFlag(FLAGS_log_format);
  if (format == "json") {
    options.format = LogFormat::kJson;
  } else if (format != "text") {
    return BadFlag("log_format", "text or json");
  }
  const std::string level = absl::GetFlag(FLAGS_log_level);
  if (level == "debug") {
    options.level = LogLevel::kDebug;
  } else if (level == "info") {
    options.level = LogLevel::kInfo;
  } else if (level == "warning") {
    options.level = LogLevel::kWarning;
  } else if (level == "error") {
    options.level = LogLevel::kError;
  } else {
    return BadFlag("log_level", "debug, info, warning or error");
  }
  return options;
}

void DescribeProgram(absl::string_view folder, absl::string_view usage) {
  absl::SetProgramUsageMessage(usage);
  const auto is_ours =
      [folder = absl::StrCat("/", folder, "/")](absl::string_view file) {
        return absl::StrContains(file, folder) ||
               absl::StrContains(file, "cmd/common_flags");
      };
  absl::FlagsUsageConfig config;
  config.contains_help_flags = is_ours;
  config.contains_helpshort_flags = is_ours;
  config.contains_helppackage_flags = is_ours;
  config.version_string = [folder = std::string(folder)] {
    return absl::StrCat(folder, " ", VALETKEY_VERSION, "\n");
  };
  absl::SetFlagsUsageConfig(config);
}

}  // namespace valetkey
