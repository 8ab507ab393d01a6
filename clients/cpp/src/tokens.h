// Between the contract's Token and the library's.

#ifndef VALETKEY_CLIENT_SRC_TOKENS_H_
#define VALETKEY_CLIENT_SRC_TOKENS_H_

#include <memory>

#include "valetkey/token.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::client::internal {

std::shared_ptr<const TokenData> TokenDataOf(const v1::Token& token);

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TOKENS_H_
