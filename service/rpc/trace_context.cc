#include "service/rpc/trace_context.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "service/base/clock.h"
#include "service/base/crypto.h"

namespace valetkey::rpc {
namespace {

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsZeros(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

bool IsValidRequestId(absl::string_view id) {
  constexpr absl::string_view kExtra = "._:/+=-";
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [&](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  kExtra.find(c) != absl::string_view::npos;
         });
}

std::string NewRequestId() { return HexEncode(Random::System().Bytes(16)); }

RequestContext MakeRequestContext(absl::string_view request_id,
                                  absl::string_view traceparent) {
  RequestContext context;
  context.request_id =
      IsValidRequestId(request_id) ? std::string(request_id) : NewRequestId();
  if (!traceparent.empty()) ParseTraceparent(traceparent, &context);
  return context;
}

bool ParseTraceparent(absl::string_view traceparent, RequestContext* context) {
  // version "-" trace-id "-" parent-id "-" trace-flags
  constexpr std::size_t kSize = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (traceparent.size() < kSize) return false;
  const absl::string_view version = traceparent.substr(0, 2);
  const absl::string_view trace_id = traceparent.substr(3, 32);
  const absl::string_view parent_id = traceparent.substr(36, 16);
  const absl::string_view flags = traceparent.substr(53, 2);
  if (traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-') {
    return false;
  }
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(trace_id) ||
      !IsLowerHex(parent_id) || !IsLowerHex(flags) || IsZeros(trace_id) ||
      IsZeros(parent_id)) {
    return false;
  }
  if (traceparent.size() > kSize &&
      (version == "00" || traceparent[kSize] != '-')) {
    return false;
  }
  context->trace_id = std::string(trace_id);
  context->span_id = std::string(parent_id);
  return true;
}

}  // namespace valetkey::rpc
