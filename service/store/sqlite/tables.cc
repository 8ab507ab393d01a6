#include "service/store/sqlite/tables.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/search.h"

namespace valetkey::store {
namespace {

absl::Status DamagedRecord(absl::string_view name) {
  return MakeError(Reason::kStoreUnavailable,
                   absl::StrCat("the record of ", name, " is damaged"));
}

// The columns that all named records begin with.
template <class T>
absl::Status ReadCommon(const sql::Statement& row, T* record) {
  record->name = std::string(row.Text(0));
  record->revision = row.Int(1);
  if (!Decode(row.Blob(2), record)) return DamagedRecord(record->name);
  return absl::OkStatus();
}

template <class T>
std::string EncodeOver(const T& record, const Loaded<T>& before) {
  std::string blob = before.blob;
  Encode(record, &blob);
  return blob;
}

// Binds ?1 to ?3 as every statement here has them.
template <class T>
void BindCommon(sql::Statement& statement, const T& record,
                const Loaded<T>& before) {
  statement.BindText(1, record.name);
  statement.BindInt(2, record.revision);
  statement.BindBlob(3, EncodeOver(record, before));
}

std::optional<std::int64_t> EncodeOptional(
    const std::optional<absl::Time>& time) {
  if (!time) return std::nullopt;
  return EncodeTime(*time);
}

absl::Status SaveLabels(sql::Sqlite& db, const Connection& record,
                        const Loaded<Connection>& before) {
  if (before.record && before.record->labels == record.labels &&
      before.record->application == record.application) {
    return absl::OkStatus();
  }
  if (before.record) {
    VK_ASSIGN_OR_RETURN(
        sql::Statement remove,
        db.Prepare("DELETE FROM connection_labels WHERE connection = ?1"));
    remove.BindText(1, record.name);
    VK_RETURN_IF_ERROR(remove.Run());
  }
  for (const auto& [key, value] : record.labels) {
    VK_ASSIGN_OR_RETURN(
        sql::Statement insert,
        db.Prepare("INSERT INTO connection_labels (application, key, value, "
                   "connection) VALUES (?1, ?2, ?3, ?4)"));
    insert.BindText(1, record.application);
    insert.BindText(2, key);
    insert.BindText(3, value);
    insert.BindText(4, record.name);
    VK_RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

// Written again with new tokens, so that a row that a program without search
// has written is found at last.
absl::Status SaveWords(sql::Sqlite& db, const Connection& record,
                       const Loaded<Connection>& before) {
  const std::string words = SearchText(record);
  if (before.record && before.record->generation == record.generation &&
      SearchText(*before.record) == words) {
    return absl::OkStatus();
  }
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO connection_words (connection, words) "
                 "VALUES (?1, ?2) ON CONFLICT (connection) DO UPDATE SET "
                 "words = excluded.words WHERE words <> excluded.words"));
  save.BindText(1, record.name);
  save.BindBlob(2, words);
  return save.Run();
}

// The least statement that writes what has changed: SQLite rewrites every
// index of which a column is named, changed or not. A program without the
// column "ailing" may have left it wrong, so it is named while it is 1.
absl::string_view ConnectionStatement(const Connection& record,
                                      const Loaded<Connection>& before) {
  if (!before.record) {
    return "INSERT INTO connections (name, revision, record, application, "
           "provider, subject, state, due_time, ailing) "
           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
  }
  const Connection& old = *before.record;
  if (record.application != old.application ||
      record.provider != old.provider || record.subject != old.subject) {
    return "UPDATE connections SET revision = ?2, record = ?3, "
           "application = ?4, provider = ?5, subject = ?6, state = ?7, "
           "due_time = ?8, ailing = ?9 WHERE name = ?1";
  }
  if (record.state != old.state || IsAiling(record) || IsAiling(old)) {
    return "UPDATE connections SET revision = ?2, record = ?3, state = ?7, "
           "due_time = ?8, ailing = ?9 WHERE name = ?1";
  }
  if (record.due_time != old.due_time) {
    return "UPDATE connections SET revision = ?2, record = ?3, due_time = ?8 "
           "WHERE name = ?1";
  }
  // ?8 is named lest there be parameters that the statement does not have.
  return "UPDATE connections SET revision = ?2, record = ?3 "
         "WHERE name = ?1 AND due_time IS ?8";
}

}  // namespace

absl::Status ReadRow(const sql::Statement& row, Application* record) {
  return ReadCommon(row, record);
}

absl::Status ReadRow(const sql::Statement& row, ApiKey* record) {
  record->application = std::string(row.Text(3));
  record->digest = std::string(row.Blob(4));
  return ReadCommon(row, record);
}

absl::Status ReadRow(const sql::Statement& row, Provider* record) {
  record->application = std::string(row.Text(3));
  return ReadCommon(row, record);
}

absl::Status ReadRow(const sql::Statement& row, Authorization* record) {
  record->application = std::string(row.Text(3));
  record->provider = std::string(row.Text(4));
  record->connection = std::string(row.Text(5));
  record->status = static_cast<AuthorizationStatus>(row.Int(6));
  record->expire_time = DecodeTime(row.Int(7));
  return ReadCommon(row, record);
}

absl::Status ReadRow(const sql::Statement& row, Connection* record) {
  record->application = std::string(row.Text(3));
  record->provider = std::string(row.Text(4));
  record->subject = std::string(row.Text(5));
  record->state = static_cast<ConnectionState>(row.Int(6));
  record->due_time.reset();
  if (!row.IsNull(7)) record->due_time = DecodeTime(row.Int(7));
  return ReadCommon(row, record);
}

absl::Status ReadRow(const sql::Statement& row, AddedDefinition* record) {
  ReadCommon(row, record).IgnoreError();
  return absl::OkStatus();
}

absl::Status ReadRow(const sql::Statement& row, Event* record) {
  record->sequence = row.Int(0);
  record->time = DecodeTime(row.Int(1));
  record->application = std::string(row.Text(3));
  if (!Decode(row.Blob(2), record)) {
    return DamagedRecord(absl::StrCat("event ", record->sequence));
  }
  return absl::OkStatus();
}

absl::Status Save(sql::Sqlite& db, const Application& record,
                  const Loaded<Application>& before) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO applications (name, revision, record) "
                 "VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "
                 "revision = excluded.revision, record = excluded.record"));
  BindCommon(save, record, before);
  return save.Run();
}

absl::Status Save(sql::Sqlite& db, const ApiKey& record,
                  const Loaded<ApiKey>& before) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO keys (name, revision, record, application, "
                 "digest) VALUES (?1, ?2, ?3, ?4, ?5) "
                 "ON CONFLICT (name) DO UPDATE SET "
                 "revision = excluded.revision, record = excluded.record, "
                 "application = excluded.application, "
                 "digest = excluded.digest"));
  BindCommon(save, record, before);
  save.BindText(4, record.application);
  save.BindBlob(5, record.digest);
  return save.Run();
}

absl::Status Save(sql::Sqlite& db, const Provider& record,
                  const Loaded<Provider>& before) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO providers (name, revision, record, application) "
                 "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET "
                 "revision = excluded.revision, record = excluded.record, "
                 "application = excluded.application"));
  BindCommon(save, record, before);
  save.BindText(4, record.application);
  return save.Run();
}

absl::Status Save(sql::Sqlite& db, const Authorization& record,
                  const Loaded<Authorization>& before) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO authorizations (name, revision, record, "
                 "application, provider, connection, status, expire_time) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                 "ON CONFLICT (name) DO UPDATE SET "
                 "revision = excluded.revision, record = excluded.record, "
                 "application = excluded.application, "
                 "provider = excluded.provider, "
                 "connection = excluded.connection, "
                 "status = excluded.status, "
                 "expire_time = excluded.expire_time"));
  BindCommon(save, record, before);
  save.BindText(4, record.application);
  save.BindText(5, record.provider);
  save.BindText(6, record.connection);
  save.BindInt(7, static_cast<std::int64_t>(record.status));
  save.BindInt(8, EncodeTime(record.expire_time));
  return save.Run();
}

absl::Status Save(sql::Sqlite& db, const Connection& record,
                  const Loaded<Connection>& before) {
  {
    const absl::string_view sql = ConnectionStatement(record, before);
    VK_ASSIGN_OR_RETURN(sql::Statement save, db.Prepare(sql));
    BindCommon(save, record, before);
    save.BindText(4, record.application);
    save.BindText(5, record.provider);
    save.BindText(6, record.subject);
    save.BindInt(7, static_cast<std::int64_t>(record.state));
    save.BindInt(8, EncodeOptional(record.due_time));
    if (absl::StrContains(sql, "?9")) save.BindInt(9, IsAiling(record) ? 1 : 0);
    VK_RETURN_IF_ERROR(save.Run());
  }
  VK_RETURN_IF_ERROR(SaveWords(db, record, before));
  return SaveLabels(db, record, before);
}

absl::Status Save(sql::Sqlite& db, const AddedDefinition& record,
                  const Loaded<AddedDefinition>& before) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement save,
      db.Prepare("INSERT INTO definitions (name, revision, record) "
                 "VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "
                 "revision = excluded.revision, record = excluded.record"));
  BindCommon(save, record, before);
  return save.Run();
}

absl::Status Append(sql::Sqlite& db, Event* event) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement insert,
      db.Prepare("INSERT INTO events (application, time, record, connection) "
                 "VALUES (?1, ?2, ?3, ?4)"));
  std::string blob;
  Encode(*event, &blob);
  insert.BindText(1, event->application);
  insert.BindInt(2, EncodeTime(event->time));
  insert.BindBlob(3, blob);
  insert.BindText(4, event->connection);
  VK_RETURN_IF_ERROR(insert.Run());
  event->sequence = db.last_insert_id();
  return absl::OkStatus();
}

}  // namespace valetkey::store
