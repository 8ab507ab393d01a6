#include "service/store/postgres/queries.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"

namespace valetkey::store::postgres {
namespace {

using sql::PostgresResult;
using sql::PostgresStatement;
using sql::PostgresValue;

// A table "moment" of one row with the time "now", from $1 or the server's
// clock. Asked for once, so that an index on a time can be used.
std::string Moment() {
  return absl::StrCat("WITH moment AS MATERIALIZED (SELECT COALESCE($1, ",
                      kServerClock, ") AS now) ");
}

// For LIKE: the word, whatever is around it.
std::string Pattern(absl::string_view word) {
  return absl::StrCat(
      "%",
      absl::StrReplaceAll(word, {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}}),
      "%");
}

// A SELECT of connections with its values.
class ConnectionQuery {
 public:
  ConnectionQuery(const ConnectionFilter& filter, const std::string& after)
      : by_words_(!filter.words.empty()) {
    absl::StrAppend(&statement_.text, "SELECT ",
                    Qualified("c", Table<Connection>::kColumns), " FROM ");
    if (by_words_) {
      StartWithWords(filter, after);
    } else {
      statement_.text += "connections c";
      Text("c.name > ", after);
    }
    if (!filter.application.empty()) {
      Text("c.application = ", filter.application);
    }
    for (const auto& [key, value] : filter.labels) {
      Value(
          "EXISTS (SELECT 1 FROM connection_labels l WHERE "
          "l.application = c.application AND l.connection = c.name "
          "AND l.key = ",
          PostgresValue::Bytes(key));
      Value("l.value = ", PostgresValue::Bytes(value));
      statement_.text += ")";
    }
    if (!filter.provider.empty()) Text("c.provider = ", filter.provider);
    if (filter.subject) {
      Value("c.subject = ", PostgresValue::Bytes(*filter.subject));
    }
    if (filter.state) {
      Value("c.state = ",
            PostgresValue::Int(static_cast<std::int64_t>(*filter.state)));
    }
    if (filter.needs_attention) {
      // As the index has it, and without what is revoked.
      And("(c.state = 2 OR c.ailing = 1) AND c.state <> 4");
    }
  }

  PostgresStatement Finish(int limit) {
    statement_.values.push_back(PostgresValue::Int(std::int64_t{limit} + 1));
    absl::StrAppend(&statement_.text,
                    by_words_ ? " OFFSET 0) c ORDER BY w.connection LIMIT $"
                              : " ORDER BY c.name LIMIT $",
                    statement_.values.size());
    return std::move(statement_);
  }

 private:
  // Connections are looked up one by one for the words that fit. OFFSET 0 keeps
  // PostgreSQL from turning that around, which costs ten times as much when few
  // fit; and it is planned for these very words, for whether to go by the index
  // or through the whole (small) table depends on how many that is.
  void StartWithWords(const ConnectionFilter& filter,
                      const std::string& after) {
    statement_.prepared = false;
    statement_.text += "(SELECT w.connection FROM connection_words w";
    std::string first = after;
    if (!filter.application.empty()) {
      first =
          std::max(first, absl::StrCat(filter.application, "/connections/"));
      Text("w.connection < ",
           absl::StrCat(filter.application, "/connections0"));
    }
    Text("w.connection > ", first);
    for (const std::string& word : filter.words) {
      Value("w.words LIKE ", PostgresValue::Bytes(Pattern(word)));
    }
    statement_.text +=
        " ORDER BY w.connection OFFSET 0) w CROSS JOIN LATERAL "
        "(SELECT * FROM connections c";
    first_condition_ = true;
    And("c.name = w.connection");
  }

  void Text(absl::string_view condition, const std::string& value) {
    Value(condition, PostgresValue::Text(value));
  }

  void Value(absl::string_view condition, PostgresValue value) {
    And(condition);
    statement_.values.push_back(std::move(value));
    absl::StrAppend(&statement_.text, "$", statement_.values.size());
  }

  void And(absl::string_view condition) {
    absl::StrAppend(&statement_.text, first_condition_ ? " WHERE " : " AND ",
                    condition);
    first_condition_ = false;
  }

  PostgresStatement statement_;
  const bool by_words_;
  bool first_condition_ = true;
};

// To a whole number of microseconds that fits.
PostgresValue Micros(absl::Duration duration) {
  return PostgresValue::Int(absl::ToInt64Microseconds(
      std::clamp(duration, -absl::Hours(24 * 36500), absl::Hours(24 * 36500))));
}

}  // namespace

PostgresStatement GetKeyByDigest(const std::string& digest) {
  return {absl::StrCat("SELECT ", Table<ApiKey>::kColumns,
                       " FROM keys WHERE digest = $1"),
          {PostgresValue::Bytes(digest)}};
}

PostgresStatement SelectApplications(const std::string& after, int limit) {
  return {absl::StrCat("SELECT ", Table<Application>::kColumns,
                       " FROM applications WHERE name > $1 "
                       "ORDER BY name LIMIT $2"),
          {PostgresValue::Text(after),
           PostgresValue::Int(std::int64_t{limit} + 1)}};
}

PostgresStatement SelectConnections(const ConnectionFilter& filter,
                                    const std::string& after, int limit) {
  return ConnectionQuery(filter, after).Finish(limit);
}

// A row that another replica is claiming at this moment is left to it.
PostgresStatement TakeDue(const PostgresValue& clock, int limit,
                          absl::Duration claim,
                          const std::vector<std::string>& without) {
  return {
      absl::StrCat(Moment(),
                   ", due AS (SELECT name, due_time FROM connections "
                   "WHERE due_time <= (SELECT now FROM moment) "
                   "AND provider <> ALL($4) ORDER BY due_time, name LIMIT $2 "
                   "FOR NO KEY UPDATE SKIP LOCKED) "
                   "UPDATE connections AS c "
                   "SET due_time = (SELECT now FROM moment) + $3 "
                   "FROM due WHERE c.name = due.name "
                   "RETURNING c.name, c.provider, due.due_time"),
      {clock, PostgresValue::Int(limit), Micros(claim),
       PostgresValue::Texts(without)}};
}

std::vector<DueConnection> DueOf(const PostgresResult& result) {
  std::vector<std::pair<std::int64_t, DueConnection>> found;
  for (int row = 0; row < result.rows(); ++row) {
    found.push_back(
        {result.Int(row, 2),
         {std::string(result.Text(row, 0)), std::string(result.Text(row, 1))}});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.name) < std::tie(b.first, b.second.name);
  });
  std::vector<DueConnection> due;
  due.reserve(found.size());
  for (auto& entry : found) due.push_back(std::move(entry.second));
  return due;
}

PostgresStatement SelectBacklog(const PostgresValue& clock) {
  return {absl::StrCat(Moment(),
                       "SELECT (SELECT count(*) FROM connections "
                       "WHERE due_time <= (SELECT now FROM moment)), "
                       "(SELECT min(due_time) FROM connections "
                       "WHERE due_time <= (SELECT now FROM moment)), "
                       "(SELECT count(*) FROM (SELECT 1 FROM events "
                       "WHERE NOT published LIMIT ",
                       Backlog::kMaxCounted, ") counted)"),
          {clock}};
}

Backlog BacklogOf(const PostgresResult& result) {
  Backlog backlog;
  backlog.due = result.Int(0, 0);
  if (!result.IsNull(0, 1)) backlog.oldest_due = DecodeTime(result.Int(0, 1));
  backlog.unpublished = result.Int(0, 2);
  return backlog;
}

PostgresStatement SelectCounts() {
  return {
      "SELECT state, count(*) FROM connections GROUP BY state "
      "ORDER BY state",
      {}};
}

std::vector<ConnectionCount> CountsOf(const PostgresResult& result) {
  std::vector<ConnectionCount> counts;
  for (int row = 0; row < result.rows(); ++row) {
    counts.push_back(
        {static_cast<ConnectionState>(result.Int(row, 0)), result.Int(row, 1)});
  }
  return counts;
}

PostgresStatement SelectGroups(const std::string& application,
                               const std::string& provider) {
  // In the order of an index that has all of it: no row is read or sorted.
  PostgresStatement statement;
  statement.values = {PostgresValue::Text(application)};
  absl::string_view condition;
  if (!provider.empty()) {
    condition = " AND provider = $2";
    statement.values.push_back(PostgresValue::Text(provider));
  }
  statement.text = absl::StrCat(
      "SELECT provider, state, ailing::bigint, count(*) FROM connections "
      "WHERE application = $1",
      condition,
      " GROUP BY provider, state, ailing ORDER BY provider, state, ailing");
  return statement;
}

std::vector<ConnectionGroup> GroupsOf(const PostgresResult& result) {
  std::vector<ConnectionGroup> groups;
  for (int row = 0; row < result.rows(); ++row) {
    AddGroup(std::string(result.Text(row, 0)),
             static_cast<ConnectionState>(result.Int(row, 1)),
             result.Int(row, 2) != 0, result.Int(row, 3), &groups);
  }
  return groups;
}

PostgresStatement DeleteExpired(absl::Time before, int limit) {
  return {
      "DELETE FROM authorizations WHERE name IN (SELECT name "
      "FROM authorizations WHERE expire_time < $1 ORDER BY expire_time "
      "LIMIT $2 FOR UPDATE SKIP LOCKED)",
      {PostgresValue::Int(EncodeTime(before)), PostgresValue::Int(limit)}};
}

PostgresStatement SelectEvents(std::int64_t after, int limit,
                               const std::string& application) {
  PostgresStatement statement;
  statement.values = {PostgresValue::Int(after), PostgresValue::Int(limit)};
  absl::string_view condition;
  if (!application.empty()) {
    condition = " AND application = $3";
    statement.values.push_back(PostgresValue::Text(application));
  }
  statement.text = absl::StrCat("SELECT ", Table<Event>::kColumns,
                                " FROM events WHERE sequence > $1", condition,
                                " ORDER BY sequence LIMIT $2");
  return statement;
}

PostgresStatement SelectEventsBack(const EventFilter& filter,
                                   std::int64_t before, int limit) {
  PostgresStatement statement;
  statement.values = {PostgresValue::Int(before), PostgresValue::Int(limit),
                      PostgresValue::Text(filter.application)};
  absl::string_view condition;
  if (!filter.connection.empty()) {
    condition = " AND connection = $4 AND connection <> ''";
    statement.values.push_back(PostgresValue::Text(filter.connection));
  }
  statement.text = absl::StrCat("SELECT ", Table<Event>::kColumns,
                                " FROM events WHERE sequence < $1 "
                                "AND application = $3",
                                condition, " ORDER BY sequence DESC LIMIT $2");
  return statement;
}

PostgresStatement SelectEventRange() {
  return {
      "SELECT (SELECT min(sequence) FROM events), "
      "(SELECT newest FROM outbox WHERE one = 1)",
      {}};
}

EventRange EventRangeOf(const PostgresResult& result) {
  EventRange range;
  range.newest = result.Int(0, 1);
  range.oldest = result.OptionalInt(0, 0).value_or(range.newest + 1);
  return range;
}

PostgresStatement SelectUnpublished(int limit) {
  return {absl::StrCat("SELECT ", Table<Event>::kColumns,
                       " FROM events WHERE NOT published AND sequence > 0 "
                       "ORDER BY sequence LIMIT $1"),
          {PostgresValue::Int(limit)}};
}

PostgresStatement Publish(const std::vector<std::int64_t>& sequences) {
  return {
      "UPDATE events SET published = true WHERE sequence = ANY($1) "
      "AND NOT published",
      {PostgresValue::Ints(sequences)}};
}

// Only ever a beginning of the log is deleted: were there holes, a reader
// could not tell that it has missed something. "young" is the first event that
// is young enough, among those that may go.
PostgresStatement Trim(absl::Time before, std::int64_t keep, int limit) {
  return {
      "WITH ends AS MATERIALIZED (SELECT newest, COALESCE((SELECT "
      "min(sequence) FROM events), newest + 1) AS oldest FROM outbox "
      "WHERE one = 1), "
      "bounds AS MATERIALIZED (SELECT "
      "newest - LEAST(GREATEST($2, 0), newest) AS by_number, "
      "oldest + $3 - 1 AS last FROM ends), "
      "young AS MATERIALIZED (SELECT sequence FROM events WHERE "
      "sequence <= (SELECT last FROM bounds) AND time >= $1 "
      "ORDER BY sequence LIMIT 1) "
      "DELETE FROM events WHERE sequence <= (SELECT LEAST(last, "
      "GREATEST(by_number, COALESCE((SELECT sequence - 1 FROM young), last))) "
      "FROM bounds)",
      {PostgresValue::Int(EncodeTime(before)), PostgresValue::Int(keep),
       PostgresValue::Int(limit)}};
}

Batch WriteBeat(const PostgresValue& clock, const Replica& replica,
                absl::Duration keep) {
  Batch batch;
  batch.push_back(
      {absl::StrCat("INSERT INTO replicas (instance, host, version, "
                    "start_time, beat_time, status) VALUES ($2, $3, $4, $5, "
                    "COALESCE($1, ",
                    kServerClock,
                    "), $6) ON CONFLICT (instance) DO UPDATE SET "
                    "host = excluded.host, version = excluded.version, "
                    "start_time = excluded.start_time, "
                    "beat_time = excluded.beat_time, "
                    "status = excluded.status"),
       {clock, PostgresValue::Bytes(replica.instance),
        PostgresValue::Bytes(replica.host),
        PostgresValue::Bytes(replica.version),
        PostgresValue::Int(EncodeTime(replica.start_time)),
        PostgresValue::Bytes(replica.status)}});
  batch.push_back(
      {absl::StrCat(Moment(),
                    "DELETE FROM replicas WHERE instance IN (SELECT instance "
                    "FROM replicas WHERE beat_time < (SELECT now FROM moment) "
                    "- $2 FOR UPDATE SKIP LOCKED)"),
       {clock, Micros(keep)}});
  return batch;
}

PostgresStatement SelectReplicas() {
  return {
      "SELECT instance, host, version, start_time, beat_time, status "
      "FROM replicas ORDER BY instance",
      {}};
}

std::vector<Replica> ReplicasOf(const PostgresResult& result) {
  std::vector<Replica> replicas;
  for (int row = 0; row < result.rows(); ++row) {
    Replica replica;
    replica.instance = std::string(result.Text(row, 0));
    replica.host = std::string(result.Text(row, 1));
    replica.version = std::string(result.Text(row, 2));
    replica.start_time = DecodeTime(result.Int(row, 3));
    replica.beat_time = DecodeTime(result.Int(row, 4));
    replica.status = std::string(result.Text(row, 5));
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

PostgresStatement WriteCheck() {
  return {absl::StrCat("UPDATE store SET checked = ", kServerClock,
                       " WHERE one = 1"),
          {}};
}

}  // namespace valetkey::store::postgres
