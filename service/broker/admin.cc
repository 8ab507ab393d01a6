// What all parts of Admin share, and the first start. The parts:
//
//   admin_fields.cc        bounds and forms of fields
//   admin_applications.cc  applications
//   admin_keys.cc          API keys
//   admin_providers.cc     configured providers
//   admin_connections.cc   connections
//
// Hooks run after each change that was committed, and after one that may have
// been: forgetting what is still true costs one more read.

#include "service/broker/admin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/admin_rows.h"
#include "service/broker/types.h"

namespace valetkey::broker {
namespace {

constexpr std::uint32_t kAllRights = store::kReadMetadata | store::kReadTokens |
                                     store::kConnect | store::kRevoke |
                                     store::kAdminister;

}  // namespace

std::string EtagOf(std::int64_t revision) {
  return absl::StrCat("r", absl::Hex(revision));
}

bool EtagMatches(absl::string_view etag, std::int64_t revision) {
  return etag.empty() || etag == EtagOf(revision);
}

absl::Status CheckEtag(absl::string_view name, absl::string_view etag,
                       std::int64_t revision) {
  if (EtagMatches(etag, revision)) return absl::OkStatus();
  return MakeError(Reason::kEtagMismatch,
                   "the resource has changed since its etag was read",
                   {{"name", std::string(name)}, {"etag", EtagOf(revision)}});
}

bool MayHaveCommitted(const absl::Status& status) {
  return status.ok() || ReasonOf(status) == Reason::kStoreUnavailable;
}

Admin::Admin(store::Store& store, const catalog::Catalog& catalog,
             const Sealer& sealer, const Clock& clock, Random& random,
             AdminHooks hooks)
    : store_(store),
      catalog_(catalog),
      sealer_(sealer),
      clock_(clock),
      random_(random),
      hooks_(std::move(hooks)) {}

Task<absl::StatusOr<std::optional<SecretString>>> Admin::Bootstrap() {
  const std::string application(kSystemApplication);
  FreshKey fresh = MakeFreshKey(application, random_);
  fresh.key.display_name = "made at the first start";
  fresh.key.rights = kAllRights;
  store::RowKeys keys;
  keys.application = application;
  keys.key = fresh.key.name;
  const absl::StatusOr<store::Rows> made = co_await store_.Update(
      keys, [application, key = fresh.key](store::Rows& rows) {
        if (rows.application) return absl::AlreadyExistsError("not the first");
        rows.application.emplace();
        rows.application->name = application;
        rows.application->display_name = "System";
        rows.application->create_time = rows.now;
        rows.application->update_time = rows.now;
        rows.key = key;
        rows.key->create_time = rows.now;
        return absl::OkStatus();
      });
  if (absl::IsAlreadyExists(made.status())) co_return std::nullopt;
  if (!made.ok()) {
    // The outcome may be unknown. A secret that is stored and not told would
    // lock everybody out.
    const absl::StatusOr<std::optional<store::ApiKey>> found =
        co_await store_.FindKey(fresh.key.digest);
    if (!found.ok() || !found->has_value()) co_return made.status();
  }
  Log(LogLevel::kInfo, "system application and its first key made",
      {{"key", fresh.key.name}});
  co_return std::optional<SecretString>(std::move(fresh.secret));
}

}  // namespace valetkey::broker
