// Request ids and W3C trace context (https://www.w3.org/TR/trace-context/) as
// callers send them. Pure functions.

#ifndef VALETKEY_RPC_TRACE_CONTEXT_H_
#define VALETKEY_RPC_TRACE_CONTEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "service/base/log.h"

namespace valetkey::rpc {

// 1 to 128 characters [A-Za-z0-9._:/+=-], so that it can go into a log line
// and a header as it is.
bool IsValidRequestId(absl::string_view id);

// 32 hexadecimal digits at random.
std::string NewRequestId();

// The caller's request id if it is valid, a new one otherwise; the ids of
// `traceparent` if that is valid.
RequestContext MakeRequestContext(absl::string_view request_id,
                                  absl::string_view traceparent);

// Takes the ids from a traceparent header. False, and nothing is changed, for
// anything that the specification calls invalid: version ff, wrong lengths,
// upper case, an id of zeros alone. A later version may have more fields.
bool ParseTraceparent(absl::string_view traceparent, RequestContext* context);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_TRACE_CONTEXT_H_
