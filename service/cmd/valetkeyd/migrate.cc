#include "service/cmd/valetkeyd/migrate.h"

#include <utility>

#include "service/async/reactor.h"
#include "service/base/log.h"
#include "service/base/status.h"
#include "service/net/sql/postgres_url.h"
#include "service/store/postgres/postgres_store.h"

namespace valetkey {

absl::Status MigrateStore(const ServerOptions& options) {
  if (options.store_url.empty()) {
    return absl::InvalidArgumentError(
        "--migrate_only: expected together with --store; an embedded store is "
        "brought up to date when its server starts");
  }
  VK_ASSIGN_OR_RETURN(const sql::PostgresUrl url,
                      sql::ParsePostgresUrl(options.store_url));
  ReactorPool reactors(1);
  store::PostgresStoreOptions store_options;
  store_options.url = options.store_url;
  store_options.reactors = &reactors;
  store_options.connections = 1;
  VK_RETURN_IF_ERROR(
      store::NewPostgresStore(std::move(store_options)).status());
  Log(LogLevel::kInfo, "the store is up to date",
      {{"version", VALETKEY_VERSION}, {"store", url.Endpoint()}});
  return absl::OkStatus();
}

}  // namespace valetkey
