// Errors as a server encodes them.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_ERRORS_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_ERRORS_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "valetkey/testing/fake_valetkey.h"
#include "valetkey/v1/errors.pb.h"

namespace valetkey::client::internal {

grpc::Status FakeError(const FakeFailure& failure);
grpc::Status FakeError(v1::ErrorReason reason,
                       std::map<std::string, std::string> metadata = {});

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_ERRORS_H_
