// Rows of the SQLite store: how each record is read and written. All functions
// work in the transaction that the connection is in.

#ifndef VALETKEY_STORE_SQLITE_TABLES_H_
#define VALETKEY_STORE_SQLITE_TABLES_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/net/sql/sqlite.h"
#include "service/store/records.h"

namespace valetkey::store {

// For each record, `kName` is its table and `kColumns` what ReadRow expects a
// SELECT to give, the first column being the name.
template <class T>
struct Table;

template <>
struct Table<Application> {
  static constexpr char kName[] = "applications";
  static constexpr char kColumns[] = "name, revision, record";
};
template <>
struct Table<ApiKey> {
  static constexpr char kName[] = "keys";
  static constexpr char kColumns[] =
      "name, revision, record, application, digest";
};
template <>
struct Table<Provider> {
  static constexpr char kName[] = "providers";
  static constexpr char kColumns[] = "name, revision, record, application";
};
template <>
struct Table<Authorization> {
  static constexpr char kName[] = "authorizations";
  static constexpr char kColumns[] =
      "name, revision, record, application, provider, connection, status, "
      "expire_time";
};
template <>
struct Table<Connection> {
  static constexpr char kName[] = "connections";
  static constexpr char kColumns[] =
      "name, revision, record, application, provider, subject, state, "
      "due_time";
};
template <>
struct Table<AddedDefinition> {
  static constexpr char kName[] = "definitions";
  static constexpr char kColumns[] = "name, revision, record";
};
template <>
struct Table<Event> {
  static constexpr char kName[] = "events";
  static constexpr char kColumns[] = "sequence, time, record, application";
};

// The row under the cursor of a SELECT of these columns. STORE_UNAVAILABLE if
// its record is damaged; a definition then has no text, so that one does not
// take away all.
absl::Status ReadRow(const sql::Statement& row, Application* record);
absl::Status ReadRow(const sql::Statement& row, ApiKey* record);
absl::Status ReadRow(const sql::Statement& row, Provider* record);
absl::Status ReadRow(const sql::Statement& row, Authorization* record);
absl::Status ReadRow(const sql::Statement& row, Connection* record);
absl::Status ReadRow(const sql::Statement& row, AddedDefinition* record);
absl::Status ReadRow(const sql::Statement& row, Event* record);

// A record with the blob that it was read from, which a later write keeps the
// unknown fields of.
template <class T>
struct Loaded {
  std::optional<T> record;
  std::string blob;
};

template <class T>
absl::StatusOr<Loaded<T>> Load(sql::Sqlite& db, absl::string_view name) {
  Loaded<T> loaded;
  auto select = db.Prepare(absl::StrCat("SELECT ", Table<T>::kColumns, " FROM ",
                                        Table<T>::kName, " WHERE name = ?1"));
  if (!select.ok()) return select.status();
  select->BindText(1, name);
  auto found = select->Step();
  if (!found.ok()) return found.status();
  if (!*found) return loaded;
  loaded.record.emplace();
  absl::Status status = ReadRow(*select, &*loaded.record);
  if (!status.ok()) return status;
  loaded.blob = std::string(select->Blob(2));
  return loaded;
}

// Writes a record: a new row if `before` holds none.
absl::Status Save(sql::Sqlite& db, const Application& record,
                  const Loaded<Application>& before);
absl::Status Save(sql::Sqlite& db, const ApiKey& record,
                  const Loaded<ApiKey>& before);
absl::Status Save(sql::Sqlite& db, const Provider& record,
                  const Loaded<Provider>& before);
absl::Status Save(sql::Sqlite& db, const Authorization& record,
                  const Loaded<Authorization>& before);
absl::Status Save(sql::Sqlite& db, const Connection& record,
                  const Loaded<Connection>& before);
absl::Status Save(sql::Sqlite& db, const AddedDefinition& record,
                  const Loaded<AddedDefinition>& before);
// Appends, and sets the sequence.
absl::Status Append(sql::Sqlite& db, Event* event);

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_SQLITE_TABLES_H_
