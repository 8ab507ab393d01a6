#include <utility>

#include "service/base/name.h"
#include "service/base/status.h"
#include "service/broker/admin.h"
#include "service/broker/admin_fields.h"
#include "service/broker/admin_rows.h"
#include "service/broker/types.h"

namespace valetkey::broker {
namespace {

using store::Application;
using store::Rows;

absl::Status CheckSettings(const ApplicationChange& change) {
  if (change.display_name) {
    VK_RETURN_IF_ERROR(
        CheckDisplayName("application.display_name", *change.display_name));
  }
  if (change.return_uris) {
    VK_RETURN_IF_ERROR(
        CheckReturnUris("application.return_uris", *change.return_uris));
  }
  return absl::OkStatus();
}

void Apply(const ApplicationChange& change, absl::Time now,
           Application& application) {
  const Application before = application;
  if (change.display_name) application.display_name = *change.display_name;
  if (change.return_uris) application.return_uris = *change.return_uris;
  if (application != before) application.update_time = now;
}

}  // namespace

absl::Status NoApplication(absl::string_view name) {
  return MakeError(Reason::kApplicationNotFound, "there is no such application",
                   {{"application", std::string(name)}});
}

Task<absl::StatusOr<Application>> Admin::CreateApplication(
    std::string id, ApplicationChange settings) {
  if (!IsValidId(id)) {
    co_return InvalidField("application_id",
                           "1 to 63 characters [a-z0-9-], a letter first, no "
                           "- at the end");
  }
  const std::string name = ApplicationName(id);
  if (name == kSystemApplication) {
    co_return InvalidField("application_id",
                           "another id, for this one is the server's own");
  }
  VK_CO_RETURN_IF_ERROR(CheckSettings(settings));
  store::RowKeys keys;
  keys.application = name;
  VK_CO_ASSIGN_OR_RETURN(
      Rows rows, co_await store_.Update(keys, [name, settings](Rows& row) {
        if (row.application) {
          return MakeError(Reason::kResourceExists,
                           "there is an application of that name",
                           {{"application", name}});
        }
        row.application.emplace();
        row.application->name = name;
        row.application->create_time = row.now;
        row.application->update_time = row.now;
        Apply(settings, row.now, *row.application);
        return absl::OkStatus();
      }));
  co_return *std::move(rows.application);
}

Task<absl::StatusOr<Application>> Admin::GetApplication(std::string name) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("name", name));
  VK_CO_ASSIGN_OR_RETURN(std::optional<Application> found,
                         co_await store_.GetApplication(name));
  if (!found) co_return NoApplication(name);
  co_return *std::move(found);
}

Task<absl::StatusOr<store::Page<Application>>> Admin::ListApplications(
    std::string after, int limit) {
  co_return co_await store_.ListApplications(std::move(after), limit);
}

Task<absl::StatusOr<Application>> Admin::UpdateApplication(
    std::string name, std::string etag, ApplicationChange change) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("application.name", name));
  VK_CO_RETURN_IF_ERROR(CheckSettings(change));
  store::RowKeys keys;
  keys.application = name;
  VK_CO_ASSIGN_OR_RETURN(
      Rows rows, co_await store_.Update(keys, [name, etag, change](Rows& row) {
        if (!row.application) return NoApplication(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, row.application->revision));
        Apply(change, row.now, *row.application);
        return absl::OkStatus();
      }));
  co_return *std::move(rows.application);
}

Task<absl::Status> Admin::DeleteApplication(std::string name,
                                            std::string etag) {
  VK_CO_RETURN_IF_ERROR(CheckApplicationName("name", name));
  if (name == kSystemApplication) {
    co_return MakeError(Reason::kResourceInUse,
                        "the server's own application cannot be deleted",
                        {{"application", name}});
  }
  // Its keys go with it: memory is to forget them too.
  std::vector<std::string> digests;
  std::string after;
  do {
    VK_CO_ASSIGN_OR_RETURN(store::Page<store::ApiKey> page,
                           co_await store_.ListKeys(name, after, 1000));
    for (store::ApiKey& key : page.items) {
      digests.push_back(std::move(key.digest));
    }
    after = std::move(page.next);
  } while (!after.empty());
  store::RowKeys keys;
  keys.application = name;
  const absl::StatusOr<Rows> deleted =
      co_await store_.Update(keys, [name, etag](Rows& row) {
        if (!row.application) return NoApplication(name);
        VK_RETURN_IF_ERROR(CheckEtag(name, etag, row.application->revision));
        row.application.reset();
        return absl::OkStatus();
      });
  if (MayHaveCommitted(deleted.status()) && hooks_.key_revoked) {
    for (const std::string& digest : digests) hooks_.key_revoked(digest);
  }
  co_return deleted.status();
}

}  // namespace valetkey::broker
