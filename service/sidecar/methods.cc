#include "service/sidecar/methods.h"

namespace valetkey::sidecar {

absl::string_view ServiceOf(absl::string_view method) {
  return method.substr(1, method.rfind('/') - 1);
}

bool IsPassedOnMetadata(absl::string_view key) {
  return key == "x-request-id" || key == "traceparent" || key == "tracestate";
}

}  // namespace valetkey::sidecar
