// What the tests of this folder share: a store with an application and keys,
// and an authenticator over it.

#ifndef VALETKEY_RPC_RPC_TEST_SUPPORT_H_
#define VALETKEY_RPC_RPC_TEST_SUPPORT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "service/base/clock.h"
#include "service/broker/authenticator.h"
#include "service/store/fake_store.h"

namespace valetkey::rpc {

// A well-formed key that ends in `tail`.
std::string TestKey(absl::string_view tail);

// Makes the application unless it is there, and a key of it; returns the value
// of the authorization header.
std::string AddKey(store::FakeStore& store, const std::string& application,
                   std::uint32_t rights, absl::string_view tail);

inline constexpr std::uint32_t kAllRights = 31;

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_RPC_TEST_SUPPORT_H_
