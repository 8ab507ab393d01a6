// The messages of google.rpc that errors carry, under our own namespace.

#ifndef VALETKEY_RPC_ERROR_DETAILS_H_
#define VALETKEY_RPC_ERROR_DETAILS_H_

#include "service/rpc/error_details.pb.h"

namespace valetkey::rpc {

using ::google::rpc::BadRequest;
using ::google::rpc::ErrorInfo;
using ::google::rpc::RetryInfo;
using ::google::rpc::Status;

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_ERROR_DETAILS_H_
