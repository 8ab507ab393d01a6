// Messages as JSON by protobuf's canonical mapping
// (https://protobuf.dev/programming-guides/json/). Pure functions.

#ifndef VALETKEY_RPC_JSON_H_
#define VALETKEY_RPC_JSON_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace valetkey::rpc {

// FIELD_INVALID, naming the field where it can be told: for text that is no
// JSON, values of the wrong type, unknown fields, and nesting beyond 32. The
// error never quotes a value, for it may be a secret.
absl::Status ParseJson(absl::string_view json,
                       google::protobuf::Message* message);

std::string ToJson(const google::protobuf::Message& message);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_JSON_H_
