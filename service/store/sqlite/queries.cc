#include "service/store/sqlite/queries.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"
#include "service/store/sqlite/tables.h"

namespace valetkey::store {
namespace {

template <class T>
absl::StatusOr<std::vector<T>> ReadAll(sql::Statement& query) {
  std::vector<T> rows;
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return rows;
    VK_RETURN_IF_ERROR(ReadRow(query, &rows.emplace_back()));
  }
}

// REQUIRES: the query's LIMIT is one above `limit`, which tells whether there
// is more.
template <class T>
absl::StatusOr<Page<T>> ReadPage(sql::Statement& query, int limit) {
  Page<T> page;
  VK_ASSIGN_OR_RETURN(page.items, ReadAll<T>(query));
  if (page.items.size() > static_cast<std::size_t>(limit)) {
    page.items.pop_back();
    page.next = page.items.back().name;
  }
  return page;
}

// The columns of a connection as "c.name, c.revision, ...".
std::string ConnectionColumns() {
  std::string columns = "c.";
  for (const char* at = Table<Connection>::kColumns; *at != '\0'; ++at) {
    columns += *at;
    if (*at == ' ') columns += "c.";
  }
  return columns;
}

// A SELECT of connections with the values that it is to be bound with, in the
// order of its parameters.
class ConnectionQuery {
 public:
  explicit ConnectionQuery(const ConnectionFilter& filter) {
    Start(filter);
    if (!filter.provider.empty()) Text("c.provider = ", filter.provider);
    if (filter.subject) Text("c.subject = ", *filter.subject);
    if (filter.state) {
      Int("c.state = ", static_cast<std::int64_t>(*filter.state));
    }
    if (filter.needs_attention) {
      // As the index has it, and without what is revoked.
      And("(state = 2 OR ailing = 1) AND c.state <> 4");
    }
  }

  absl::StatusOr<Page<Connection>> Read(sql::Sqlite& db,
                                        const std::string& after, int limit) {
    first_ = std::max(first_, after);
    Text(absl::StrCat(name_, " > "), first_);
    absl::StrAppend(&sql_, " ORDER BY ", name_, " LIMIT ");
    Value(std::int64_t{limit} + 1);
    VK_ASSIGN_OR_RETURN(sql::Statement query, db.Prepare(sql_));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const int parameter = static_cast<int>(i) + 1;
      if (values_[i].is_blob) {
        query.BindBlob(parameter, *values_[i].text);
      } else if (values_[i].text != nullptr) {
        query.BindText(parameter, *values_[i].text);
      } else {
        query.BindInt(parameter, values_[i].number);
      }
    }
    return ReadPage<Connection>(query, limit);
  }

 private:
  struct Bound {
    const std::string* text = nullptr;
    std::int64_t number = 0;
    bool is_blob = false;
  };

  // What leads gives its connections in the order of their names. (CROSS JOIN
  // keeps SQLite from turning that around.) Words do, if there are any: their
  // table is small, and read from where the page begins to where it is full.
  // Else the first label does: its index gives exactly the connections that
  // have it. The other labels are looked up row by row.
  void Start(const ConnectionFilter& filter) {
    absl::StrAppend(&sql_, "SELECT ", ConnectionColumns(), " FROM ");
    if (!filter.words.empty()) {
      name_ = "w.connection";
      sql_ +=
          "connection_words w CROSS JOIN connections c "
          "ON c.name = w.connection";
      for (const std::string& word : filter.words) {
        And("instr(w.words, ");
        values_.push_back({&word, 0, /*is_blob=*/true});
        absl::StrAppend(&sql_, "?", values_.size(), ") > 0");
      }
      if (!filter.application.empty()) {
        Text("c.application = ", filter.application);
        first_ = absl::StrCat(filter.application, "/connections/");
        last_ = absl::StrCat(filter.application, "/connections0");
        Text("w.connection < ", last_);
      }
      for (const auto& label : filter.labels) Label(label);
      return;
    }
    if (filter.labels.empty()) {
      sql_ += "connections c";
      if (!filter.application.empty()) {
        Text("c.application = ", filter.application);
      }
      return;
    }
    name_ = "l.connection";
    sql_ +=
        "connection_labels l CROSS JOIN connections c "
        "ON c.name = l.connection";
    if (!filter.application.empty()) {
      Text("l.application = ", filter.application);
    }
    auto label = filter.labels.begin();
    Text("l.key = ", label->first);
    Text("l.value = ", label->second);
    for (++label; label != filter.labels.end(); ++label) Label(*label);
  }

  void Label(const Labels::value_type& label) {
    Text(
        "EXISTS (SELECT 1 FROM connection_labels m WHERE "
        "m.application = c.application AND m.connection = c.name "
        "AND m.key = ",
        label.first);
    Text("m.value = ", label.second);
    sql_ += ")";
  }

  void Text(absl::string_view condition, const std::string& value) {
    And(condition);
    values_.push_back({&value, 0});
    absl::StrAppend(&sql_, "?", values_.size());
  }

  void Int(absl::string_view condition, std::int64_t value) {
    And(condition);
    Value(value);
  }

  void Value(std::int64_t value) {
    values_.push_back({nullptr, value});
    absl::StrAppend(&sql_, "?", values_.size());
  }

  void And(absl::string_view condition) {
    absl::StrAppend(&sql_, first_condition_ ? " WHERE " : " AND ", condition);
    first_condition_ = false;
  }

  std::string sql_;
  bool first_condition_ = true;
  std::string name_ = "c.name";
  std::string first_;  // names after it
  std::string last_;
  std::vector<Bound> values_;
};

}  // namespace

absl::StatusOr<std::optional<ApiKey>> FindKey(sql::Sqlite& db,
                                              const std::string& digest) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat("SELECT ", Table<ApiKey>::kColumns,
                              " FROM keys WHERE digest = ?1")));
  query.BindBlob(1, digest);
  VK_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  std::optional<ApiKey> key(std::in_place);
  VK_RETURN_IF_ERROR(ReadRow(query, &*key));
  return key;
}

absl::StatusOr<Page<Application>> ListApplications(sql::Sqlite& db,
                                                   const std::string& after,
                                                   int limit) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat("SELECT ", Table<Application>::kColumns,
                              " FROM applications WHERE name > ?1 "
                              "ORDER BY name LIMIT ?2")));
  query.BindText(1, after);
  query.BindInt(2, std::int64_t{limit} + 1);
  return ReadPage<Application>(query, limit);
}

template <class T>
absl::StatusOr<Page<T>> ListOfApplication(sql::Sqlite& db,
                                          const std::string& application,
                                          const std::string& after, int limit) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat("SELECT ", Table<T>::kColumns, " FROM ",
                              Table<T>::kName,
                              " WHERE application = ?1 AND name > ?2 "
                              "ORDER BY name LIMIT ?3")));
  query.BindText(1, application);
  query.BindText(2, after);
  query.BindInt(3, std::int64_t{limit} + 1);
  return ReadPage<T>(query, limit);
}

template absl::StatusOr<Page<ApiKey>> ListOfApplication<ApiKey>(
    sql::Sqlite&, const std::string&, const std::string&, int);
template absl::StatusOr<Page<Provider>> ListOfApplication<Provider>(
    sql::Sqlite&, const std::string&, const std::string&, int);

absl::StatusOr<Page<Connection>> ListConnections(sql::Sqlite& db,
                                                 const ConnectionFilter& filter,
                                                 const std::string& after,
                                                 int limit) {
  return ConnectionQuery(filter).Read(db, after, limit);
}

std::string DueSql(int without) {
  std::string others;
  for (int i = 0; i < without; ++i) {
    absl::StrAppend(&others, i == 0 ? " AND provider NOT IN (" : ", ", "?",
                    i + 3);
  }
  if (without > 0) others += ")";
  return absl::StrCat(
      "SELECT name, provider FROM connections WHERE due_time IS NOT NULL "
      "AND due_time <= ?1",
      others, " ORDER BY due_time, name LIMIT ?2");
}

absl::StatusOr<std::vector<DueConnection>> ClaimDue(
    sql::Sqlite& db, absl::Time now, absl::Time until, int limit,
    const std::vector<std::string>& without) {
  std::vector<DueConnection> claimed;
  {
    VK_ASSIGN_OR_RETURN(sql::Statement query,
                        db.Prepare(DueSql(static_cast<int>(without.size()))));
    query.BindInt(1, EncodeTime(now));
    query.BindInt(2, limit);
    for (std::size_t i = 0; i < without.size(); ++i) {
      query.BindText(static_cast<int>(i) + 3, without[i]);
    }
    for (;;) {
      VK_ASSIGN_OR_RETURN(const bool found, query.Step());
      if (!found) break;
      claimed.push_back({.name = std::string(query.Text(0)),
                         .provider = std::string(query.Text(1))});
    }
  }
  VK_ASSIGN_OR_RETURN(
      sql::Statement claim,
      db.Prepare("UPDATE connections SET due_time = ?2 WHERE name = ?1"));
  for (const DueConnection& due : claimed) {
    claim.BindText(1, due.name);
    claim.BindInt(2, EncodeTime(until));
    VK_RETURN_IF_ERROR(claim.Run());
    claim.Reset();
  }
  return claimed;
}

absl::StatusOr<Backlog> GetBacklog(sql::Sqlite& db, absl::Time now) {
  VK_ASSIGN_OR_RETURN(sql::Statement query,
                      db.Prepare("SELECT count(*), min(due_time), "
                                 "(SELECT count(*) FROM (SELECT 1 FROM events "
                                 "WHERE published = 0 LIMIT ?2)) "
                                 "FROM connections WHERE due_time <= ?1"));
  query.BindInt(1, EncodeTime(now));
  query.BindInt(2, Backlog::kMaxCounted);
  VK_ASSIGN_OR_RETURN(const bool found, query.Step());
  Backlog backlog;
  if (found) {
    backlog.due = query.Int(0);
    if (!query.IsNull(1)) backlog.oldest_due = DecodeTime(query.Int(1));
    backlog.unpublished = query.Int(2);
  }
  return backlog;
}

absl::Status Beat(sql::Sqlite& db, const Replica& replica, absl::Time now,
                  absl::Duration keep) {
  VK_ASSIGN_OR_RETURN(sql::Statement forget,
                      db.Prepare("DELETE FROM replicas WHERE beat_time < ?1"));
  forget.BindInt(1, EncodeTime(RoundTime(now) - keep));
  VK_RETURN_IF_ERROR(forget.Run());
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT OR REPLACE INTO replicas (instance, host, version, "
                 "start_time, beat_time, status) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  save.BindText(1, replica.instance);
  save.BindText(2, replica.host);
  save.BindText(3, replica.version);
  save.BindInt(4, EncodeTime(replica.start_time));
  save.BindInt(5, EncodeTime(now));
  save.BindBlob(6, replica.status);
  return save.Run();
}

absl::StatusOr<std::vector<Replica>> ListReplicas(sql::Sqlite& db) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare("SELECT instance, host, version, start_time, beat_time, "
                 "status FROM replicas ORDER BY instance"));
  std::vector<Replica> replicas;
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return replicas;
    replicas.push_back({.instance = std::string(query.Text(0)),
                        .host = std::string(query.Text(1)),
                        .version = std::string(query.Text(2)),
                        .start_time = DecodeTime(query.Int(3)),
                        .beat_time = DecodeTime(query.Int(4)),
                        .status = std::string(query.Blob(5))});
  }
}

absl::StatusOr<std::vector<ConnectionCount>> CountConnections(sql::Sqlite& db) {
  VK_ASSIGN_OR_RETURN(sql::Statement query,
                      db.Prepare("SELECT state, count(*) FROM connections "
                                 "GROUP BY state ORDER BY state"));
  std::vector<ConnectionCount> counts;
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return counts;
    counts.push_back(
        {static_cast<ConnectionState>(query.Int(0)), query.Int(1)});
  }
}

absl::StatusOr<std::vector<ConnectionGroup>> GroupConnections(
    sql::Sqlite& db, const std::string& application,
    const std::string& provider) {
  // In the order of an index that has all of it: no row is read or sorted.
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat(
          "SELECT provider, state, ailing, count(*) FROM connections "
          "WHERE application = ?1",
          provider.empty() ? "" : " AND provider = ?2",
          " GROUP BY provider, state, ailing "
          "ORDER BY provider, state, ailing")));
  query.BindText(1, application);
  if (!provider.empty()) query.BindText(2, provider);
  std::vector<ConnectionGroup> groups;
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return groups;
    AddGroup(std::string(query.Text(0)),
             static_cast<ConnectionState>(query.Int(1)), query.Int(2) != 0,
             query.Int(3), &groups);
  }
}

absl::StatusOr<std::vector<Event>> ReadEventsBack(sql::Sqlite& db,
                                                  const EventFilter& filter,
                                                  std::int64_t before,
                                                  int limit) {
  const bool one = !filter.connection.empty();
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat(
          "SELECT ", Table<Event>::kColumns,
          " FROM events WHERE sequence < ?1 AND ",
          one ? "connection = ?3 AND connection <> '' AND +application = ?4"
              : "application = ?3",
          " ORDER BY sequence DESC LIMIT ?2")));
  query.BindInt(1, before);
  query.BindInt(2, limit);
  query.BindText(3, one ? filter.connection : filter.application);
  if (one) query.BindText(4, filter.application);
  return ReadAll<Event>(query);
}

absl::StatusOr<std::vector<Event>> ReadEvents(sql::Sqlite& db,
                                              std::int64_t after, int limit,
                                              const std::string& application) {
  const bool all = application.empty();
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat(
          "SELECT ", Table<Event>::kColumns, " FROM events WHERE sequence > ?1",
          all ? "" : " AND application = ?3", " ORDER BY sequence LIMIT ?2")));
  query.BindInt(1, after);
  query.BindInt(2, limit);
  if (!all) query.BindText(3, application);
  return ReadAll<Event>(query);
}

absl::StatusOr<EventRange> GetEventRange(sql::Sqlite& db) {
  // One statement, so that both are of one moment. sqlite_sequence is where
  // AUTOINCREMENT keeps the number last given; it has no row before the first.
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare("SELECT (SELECT min(sequence) FROM events), "
                 "(SELECT seq FROM sqlite_sequence WHERE name = 'events')"));
  VK_ASSIGN_OR_RETURN(const bool found, query.Step());
  EventRange range;
  if (found) {
    range.newest = query.Int(1);
    range.oldest = query.IsNull(0) ? range.newest + 1 : query.Int(0);
  }
  return range;
}

absl::StatusOr<std::vector<Event>> ReadUnpublished(sql::Sqlite& db, int limit) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare(absl::StrCat("SELECT ", Table<Event>::kColumns,
                              " FROM events WHERE published = 0 "
                              "ORDER BY sequence LIMIT ?1")));
  query.BindInt(1, limit);
  return ReadAll<Event>(query);
}

absl::StatusOr<int> DeleteExpiredAuthorizations(sql::Sqlite& db,
                                                absl::Time before, int limit) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement remove,
      db.Prepare("DELETE FROM authorizations WHERE rowid IN ("
                 "SELECT rowid FROM authorizations WHERE expire_time < ?1 "
                 "ORDER BY expire_time LIMIT ?2)"));
  remove.BindInt(1, EncodeTime(before));
  remove.BindInt(2, limit);
  VK_RETURN_IF_ERROR(remove.Run());
  return db.changes();
}

absl::Status MarkPublished(sql::Sqlite& db,
                           const std::vector<std::int64_t>& sequences) {
  VK_ASSIGN_OR_RETURN(sql::Statement mark,
                      db.Prepare("UPDATE events SET published = 1 "
                                 "WHERE sequence = ?1 AND published = 0"));
  for (std::int64_t sequence : sequences) {
    mark.BindInt(1, sequence);
    VK_RETURN_IF_ERROR(mark.Run());
    mark.Reset();
  }
  return absl::OkStatus();
}

// Only ever a beginning of the log is deleted: were there holes, a reader
// could not tell that it has missed something. Sequence numbers have no gaps
// here, as a change that is rolled back gives its numbers back.
absl::StatusOr<int> TrimEvents(sql::Sqlite& db, absl::Time before,
                               std::int64_t keep, int limit) {
  VK_ASSIGN_OR_RETURN(const EventRange range, GetEventRange(db));
  keep = std::clamp<std::int64_t>(keep, 0, range.newest);
  const std::int64_t last = range.oldest + limit - 1;
  std::int64_t cut = range.newest - keep;
  {
    // The first event that is young enough, among those that may go.
    VK_ASSIGN_OR_RETURN(
        sql::Statement query,
        db.Prepare("SELECT sequence FROM events WHERE sequence <= ?1 "
                   "AND time >= ?2 ORDER BY sequence LIMIT 1"));
    query.BindInt(1, last);
    query.BindInt(2, EncodeTime(before));
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    cut = std::max(cut, found ? query.Int(0) - 1 : last);
  }
  VK_ASSIGN_OR_RETURN(sql::Statement remove,
                      db.Prepare("DELETE FROM events WHERE sequence <= ?1"));
  remove.BindInt(1, std::min(cut, last));
  VK_RETURN_IF_ERROR(remove.Run());
  return db.changes();
}

absl::Status CheckWritable(sql::Sqlite& db, absl::Time now) {
  VK_ASSIGN_OR_RETURN(sql::Statement write,
                      db.Prepare("UPDATE store SET checked = ?1"));
  write.BindInt(1, EncodeTime(now));
  return write.Run();
}

}  // namespace valetkey::store
