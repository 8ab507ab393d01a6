// Errors that pass by themselves.

#ifndef VALETKEY_SIDECAR_WEATHER_H_
#define VALETKEY_SIDECAR_WEATHER_H_

#include "absl/status/status.h"

namespace valetkey::sidecar {

// Whether waiting may help.
inline bool IsWeather(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace valetkey::sidecar

#endif  // VALETKEY_SIDECAR_WEATHER_H_
