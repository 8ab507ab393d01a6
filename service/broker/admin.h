// Applications, keys, providers and connections as an operator manages them.
// Rights are checked by the RPC layer; whether the caller reaches a name, too.
// Thread-safe. Errors carry a Reason.

#ifndef VALETKEY_BROKER_ADMIN_H_
#define VALETKEY_BROKER_ADMIN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/async/task.h"
#include "service/base/clock.h"
#include "service/base/sealer.h"
#include "service/base/secret.h"
#include "service/catalog/catalog.h"
#include "service/store/store.h"

namespace valetkey::broker {

// nullopt fields stay as they are.
struct ApplicationChange {
  std::optional<std::string> display_name;
  std::optional<std::vector<std::string>> return_uris;
};
struct ProviderChange {
  std::optional<std::string> display_name;
  std::optional<std::string> client_id;
  std::optional<SecretString> client_secret;
  std::optional<SecretString> second_secret;
  std::optional<std::vector<std::string>> scopes;
  std::optional<std::string> redirect_uri;
  std::optional<store::Pkce> pkce;
  std::optional<std::map<std::string, std::string>> inputs;
};
struct NewProvider {
  std::string name;  // applications/{a}/providers/{p}
  std::string catalog_entry;
  std::string environment;
  ProviderChange settings;
};
struct NewKey {
  store::ApiKey key;
  SecretString secret;  // shown this once
};

// Called after a change was committed, so that memory forgets what was.
struct AdminHooks {
  std::function<void(const std::string& provider)> provider_changed;
  std::function<void(const std::string& connection)> connection_deleted;
  std::function<void(const std::string& digest)> key_revoked;
};

class Admin {
 public:
  // All outlive this object.
  Admin(store::Store& store, const catalog::Catalog& catalog,
        const Sealer& sealer, const Clock& clock, Random& random,
        AdminHooks hooks);

  // On an empty store makes `applications/system` and a key of it with all
  // rights, and returns its secret; nullopt if there is one already.
  Task<absl::StatusOr<std::optional<SecretString>>> Bootstrap();

  Task<absl::StatusOr<store::Application>> CreateApplication(
      std::string id, ApplicationChange settings);
  Task<absl::StatusOr<store::Application>> GetApplication(std::string name);
  Task<absl::StatusOr<store::Page<store::Application>>> ListApplications(
      std::string after, int limit);
  // `etag` "" : whatever it is.
  Task<absl::StatusOr<store::Application>> UpdateApplication(
      std::string name, std::string etag, ApplicationChange change);
  Task<absl::Status> DeleteApplication(std::string name, std::string etag);

  Task<absl::StatusOr<NewKey>> CreateKey(std::string application,
                                         std::string display_name,
                                         std::uint32_t rights,
                                         std::optional<absl::Time> expire_time);
  Task<absl::StatusOr<store::Page<store::ApiKey>>> ListKeys(
      std::string application, std::string after, int limit);
  Task<absl::StatusOr<store::ApiKey>> RevokeKey(std::string name);

  Task<absl::StatusOr<store::Provider>> CreateProvider(NewProvider provider);
  Task<absl::StatusOr<store::Provider>> GetProvider(std::string name);
  Task<absl::StatusOr<store::Page<store::Provider>>> ListProviders(
      std::string application, std::string after, int limit);
  Task<absl::StatusOr<store::Provider>> UpdateProvider(std::string name,
                                                       std::string etag,
                                                       ProviderChange change);
  Task<absl::Status> DeleteProvider(std::string name, std::string etag);

  Task<absl::StatusOr<store::Connection>> GetConnection(std::string name);
  // Where the provider's API is found for a connection; "" if its definition
  // does not say, or what it depends on is not known.
  Task<absl::StatusOr<std::string>> ApiBaseUrl(store::Connection connection);
  Task<absl::StatusOr<store::Page<store::Connection>>> ListConnections(
      store::ConnectionFilter filter, std::string after, int limit);
  // Of one provider, or of all if it is "".
  Task<absl::StatusOr<std::vector<store::ConnectionGroup>>> CountConnections(
      std::string application, std::string provider);
  Task<absl::StatusOr<store::Connection>> UpdateConnectionLabels(
      std::string name, std::string etag, store::Labels labels);
  Task<absl::Status> DeleteConnection(std::string name, std::string etag);

 private:
  store::Store& store_;
  const catalog::Catalog& catalog_;
  const Sealer& sealer_;
  const Clock& clock_;
  Random& random_;
  const AdminHooks hooks_;
};

// The etag of a revision, and whether one matches ("" always does).
std::string EtagOf(std::int64_t revision);
bool EtagMatches(absl::string_view etag, std::int64_t revision);

// FIELD_INVALID unless labels keep to their bounds (api: at most 32, keys of 1
// to 63 characters [a-z0-9_.-/], values of at most 255 bytes of UTF-8).
absl::Status CheckLabels(absl::string_view field, const store::Labels& labels);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_ADMIN_H_
