#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/crypto.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/admin_fields.h"
#include "service/broker/admin_rows.h"

namespace valetkey::broker {
namespace {

using store::ApiKey;
using store::Rows;

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kIdCharacters = 10;
constexpr std::uint32_t kKnownRights = store::kReadMetadata |
                                       store::kReadTokens | store::kConnect |
                                       store::kRevoke | store::kAdminister;

}  // namespace

FreshKey MakeFreshKey(absl::string_view application, Random& random) {
  // RFC 4648 section 6, in lower case.
  static constexpr char kBase32[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string id = "k-";
  for (const char byte : random.Bytes(kIdCharacters)) {
    id += kBase32[static_cast<unsigned char>(byte) % 32];
  }
  FreshKey fresh;
  std::string bytes = random.Bytes(kSecretBytes);
  std::string encoded = Base64UrlEncode(bytes);
  fresh.secret = SecretString::Take(absl::StrCat("vk_", encoded));
  WipeMemory(bytes.data(), bytes.size());
  WipeMemory(encoded.data(), encoded.size());
  fresh.key.name = ChildName(application, "keys", id);
  fresh.key.application = std::string(application);
  fresh.key.digest = Sha256(fresh.secret.Reveal());
  return fresh;
}

Task<absl::StatusOr<NewKey>> Admin::CreateKey(
    std::string application, std::string display_name, std::uint32_t rights,
    std::optional<absl::Time> expire_time) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("parent", application));
  VK_CO_RETURN_IF_ERROR(CheckDisplayName("display_name", display_name));
  if (rights == 0 || (rights & ~kKnownRights) != 0) {
    co_return InvalidField("rights", "at least one right, of those there are");
  }
  if (expire_time && *expire_time <= clock_.Now()) {
    co_return InvalidField("expire_time", "a time to come, or none");
  }
  FreshKey fresh = MakeFreshKey(application, random_);
  fresh.key.display_name = std::move(display_name);
  fresh.key.rights = rights;
  fresh.key.expire_time = expire_time;
  store::RowKeys keys;
  keys.application = application;
  keys.key = fresh.key.name;
  VK_CO_ASSIGN_OR_RETURN(
      Rows rows,
      co_await store_.Update(keys, [application, key = fresh.key](Rows& row) {
        if (!row.application) return NoApplication(application);
        if (row.key) {
          return MakeError(Reason::kResourceExists,
                           "there is a key of that name: try again",
                           {{"key", key.name}});
        }
        row.key = key;
        row.key->create_time = row.now;
        return absl::OkStatus();
      }));
  NewKey made;
  made.key = *std::move(rows.key);
  made.secret = std::move(fresh.secret);
  co_return made;
}

Task<absl::StatusOr<store::Page<ApiKey>>> Admin::ListKeys(
    std::string application, std::string after, int limit) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("parent", application));
  VK_CO_ASSIGN_OR_RETURN(store::Page<ApiKey> page,
                         co_await store_.ListKeys(application, after, limit));
  if (page.items.empty()) {
    VK_CO_RETURN_IF_ERROR((co_await GetApplication(application)).status());
  }
  co_return page;
}

Task<absl::StatusOr<ApiKey>> Admin::RevokeKey(std::string name) {
  VK_CO_RETURN_IF_ERROR(CheckChildName("name", "keys", name));
  store::RowKeys keys;
  keys.key = name;
  // Kept beside the outcome, which may be unknown.
  const auto digest = std::make_shared<std::string>();
  absl::StatusOr<Rows> revoked =
      co_await store_.Update(keys, [name, digest](Rows& row) {
        if (!row.key) {
          return MakeError(Reason::kKeyNotFound, "there is no such key",
                           {{"key", name}});
        }
        *digest = row.key->digest;
        if (!row.key->revoke_time) row.key->revoke_time = row.now;
        return absl::OkStatus();
      });
  if (!digest->empty() && MayHaveCommitted(revoked.status()) &&
      hooks_.key_revoked) {
    hooks_.key_revoked(*digest);
  }
  if (!revoked.ok()) co_return revoked.status();
  co_return *std::move(revoked->key);
}

}  // namespace valetkey::broker
