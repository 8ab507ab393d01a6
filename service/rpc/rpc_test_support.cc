#include "service/rpc/rpc_test_support.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"

namespace valetkey::rpc {

std::string TestKey(absl::string_view tail) {
  return absl::StrCat("vk_", std::string(43 - tail.size(), 'A'), tail);
}

std::string AddKey(store::FakeStore& store, const std::string& application,
                   std::uint32_t rights, absl::string_view tail) {
  const std::string secret = TestKey(tail);
  store::RowKeys keys;
  keys.application = application;
  keys.key = absl::StrCat(application, "/keys/k-", tail);
  const auto rows = store.UpdateNow(keys, [&](store::Rows& r) {
    if (!r.application) {
      r.application.emplace();
      r.application->name = application;
      r.application->create_time = r.application->update_time = r.now;
    }
    r.key.emplace();
    r.key->name = *keys.key;
    r.key->application = application;
    r.key->digest = Sha256(secret);
    r.key->rights = rights;
    r.key->create_time = r.now;
    return absl::OkStatus();
  });
  EXPECT_TRUE(rows.ok()) << rows.status();
  return absl::StrCat("Bearer ", secret);
}

}  // namespace valetkey::rpc
