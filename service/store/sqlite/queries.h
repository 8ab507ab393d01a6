// What the SQLite store reads, and what it writes outside Update. Each function
// is one call of service/store/store.h, on a connection.

#ifndef VALETKEY_STORE_SQLITE_QUERIES_H_
#define VALETKEY_STORE_SQLITE_QUERIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/net/sql/sqlite.h"
#include "service/store/store.h"

namespace valetkey::store {

// The query of ClaimDue: ?1 is now, ?2 the limit, ?3 and on the providers to
// leave out, so many.
std::string DueSql(int without);

absl::StatusOr<std::optional<ApiKey>> FindKey(sql::Sqlite& db,
                                              const std::string& digest);
absl::StatusOr<Page<Application>> ListApplications(sql::Sqlite& db,
                                                   const std::string& after,
                                                   int limit);
// ApiKey or Provider.
template <class T>
absl::StatusOr<Page<T>> ListOfApplication(sql::Sqlite& db,
                                          const std::string& application,
                                          const std::string& after, int limit);
absl::StatusOr<Page<Connection>> ListConnections(sql::Sqlite& db,
                                                 const ConnectionFilter& filter,
                                                 const std::string& after,
                                                 int limit);
absl::StatusOr<std::vector<DueConnection>> ClaimDue(
    sql::Sqlite& db, absl::Time now, absl::Time until, int limit,
    const std::vector<std::string>& without);
absl::StatusOr<Backlog> GetBacklog(sql::Sqlite& db, absl::Time now);
absl::Status Beat(sql::Sqlite& db, const Replica& replica, absl::Time now,
                  absl::Duration keep);
absl::StatusOr<std::vector<Replica>> ListReplicas(sql::Sqlite& db);
absl::StatusOr<std::vector<ConnectionCount>> CountConnections(sql::Sqlite& db);
absl::StatusOr<std::vector<ConnectionGroup>> GroupConnections(
    sql::Sqlite& db, const std::string& application,
    const std::string& provider);
absl::StatusOr<std::vector<Event>> ReadEvents(sql::Sqlite& db,
                                              std::int64_t after, int limit,
                                              const std::string& application);
absl::StatusOr<std::vector<Event>> ReadEventsBack(sql::Sqlite& db,
                                                  const EventFilter& filter,
                                                  std::int64_t before,
                                                  int limit);
absl::StatusOr<EventRange> GetEventRange(sql::Sqlite& db);
absl::StatusOr<std::vector<Event>> ReadUnpublished(sql::Sqlite& db, int limit);

absl::StatusOr<int> DeleteExpiredAuthorizations(sql::Sqlite& db,
                                                absl::Time before, int limit);
absl::Status MarkPublished(sql::Sqlite& db,
                           const std::vector<std::int64_t>& sequences);
absl::StatusOr<int> TrimEvents(sql::Sqlite& db, absl::Time before,
                               std::int64_t keep, int limit);
absl::Status CheckWritable(sql::Sqlite& db, absl::Time now);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_QUERIES_H_
