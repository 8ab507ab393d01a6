// What the PostgreSQL store asks outside Update, as statements and as readers
// of their results. Each pair is one call of service/store/store.h. Pure
// functions.
//
// `clock` is the time in microseconds in place of the server's own, or null.
// Limits are at least 1.

#ifndef VALETKEY_STORE_POSTGRES_QUERIES_H_
#define VALETKEY_STORE_POSTGRES_QUERIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/net/sql/postgres_value.h"
#include "service/store/postgres/tables.h"
#include "service/store/store.h"

namespace valetkey::store::postgres {

// One bigint: microseconds by the server's clock.
inline constexpr char kServerClock[] =
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

template <class T>
sql::PostgresStatement GetRow(const std::string& name) {
  return {absl::StrCat("SELECT ", Table<T>::kColumns, " FROM ", Table<T>::kName,
                       " WHERE name = $1"),
          {sql::PostgresValue::Text(name)}};
}
sql::PostgresStatement GetKeyByDigest(const std::string& digest);

sql::PostgresStatement SelectApplications(const std::string& after, int limit);
// ApiKey or Provider.
template <class T>
sql::PostgresStatement SelectOfApplication(const std::string& application,
                                           const std::string& after,
                                           int limit) {
  return {
      absl::StrCat("SELECT ", Table<T>::kColumns, " FROM ", Table<T>::kName,
                   " WHERE application = $1 AND name > $2 "
                   "ORDER BY name LIMIT $3"),
      {sql::PostgresValue::Text(application), sql::PostgresValue::Text(after),
       sql::PostgresValue::Int(std::int64_t{limit} + 1)}};
}
sql::PostgresStatement SelectConnections(const ConnectionFilter& filter,
                                         const std::string& after, int limit);
// The statements of pages ask for one more than `limit`, which tells whether
// there is more.
template <class T>
absl::StatusOr<Page<T>> TakePage(const sql::PostgresResult& result, int limit) {
  absl::StatusOr<std::vector<T>> items = ReadAll<T>(result);
  if (!items.ok()) return items.status();
  Page<T> page;
  page.items = *std::move(items);
  if (page.items.size() > static_cast<std::size_t>(limit)) {
    page.items.pop_back();
    page.next = page.items.back().name;
  }
  return page;
}

sql::PostgresStatement TakeDue(const sql::PostgresValue& clock, int limit,
                               absl::Duration claim,
                               const std::vector<std::string>& without);
std::vector<DueConnection> DueOf(const sql::PostgresResult& result);
sql::PostgresStatement SelectBacklog(const sql::PostgresValue& clock);
Backlog BacklogOf(const sql::PostgresResult& result);
sql::PostgresStatement SelectCounts();
std::vector<ConnectionCount> CountsOf(const sql::PostgresResult& result);
sql::PostgresStatement SelectGroups(const std::string& application,
                                    const std::string& provider);
std::vector<ConnectionGroup> GroupsOf(const sql::PostgresResult& result);
sql::PostgresStatement DeleteExpired(absl::Time before, int limit);

sql::PostgresStatement SelectEvents(std::int64_t after, int limit,
                                    const std::string& application);
sql::PostgresStatement SelectEventsBack(const EventFilter& filter,
                                        std::int64_t before, int limit);
sql::PostgresStatement SelectEventRange();
EventRange EventRangeOf(const sql::PostgresResult& result);
sql::PostgresStatement SelectUnpublished(int limit);
sql::PostgresStatement Publish(const std::vector<std::int64_t>& sequences);
sql::PostgresStatement Trim(absl::Time before, std::int64_t keep, int limit);

Batch WriteBeat(const sql::PostgresValue& clock, const Replica& replica,
                absl::Duration keep);
sql::PostgresStatement SelectReplicas();
std::vector<Replica> ReplicasOf(const sql::PostgresResult& result);
sql::PostgresStatement WriteCheck();

}  // namespace valetkey::store::postgres

#endif  // VALETKEY_STORE_POSTGRES_QUERIES_H_
