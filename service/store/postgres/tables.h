// Rows of the PostgreSQL store: how each record is read and written. Pure
// functions, to and from statements.

#ifndef VALETKEY_STORE_POSTGRES_TABLES_H_
#define VALETKEY_STORE_POSTGRES_TABLES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/net/sql/postgres_value.h"
#include "service/store/records.h"

namespace valetkey::store::postgres {

// For each record, `kName` is its table and `kColumns` what ReadRow expects a
// SELECT to give, `kCount` of them; the first being the name.
template <class T>
struct Table;

template <>
struct Table<Application> {
  static constexpr char kName[] = "applications";
  static constexpr char kColumns[] = "name, revision, record";
  static constexpr int kCount = 3;
};
template <>
struct Table<ApiKey> {
  static constexpr char kName[] = "keys";
  static constexpr char kColumns[] =
      "name, revision, record, application, digest";
  static constexpr int kCount = 5;
};
template <>
struct Table<Provider> {
  static constexpr char kName[] = "providers";
  static constexpr char kColumns[] = "name, revision, record, application";
  static constexpr int kCount = 4;
};
template <>
struct Table<Authorization> {
  static constexpr char kName[] = "authorizations";
  static constexpr char kColumns[] =
      "name, revision, record, application, provider, connection, status, "
      "expire_time";
  static constexpr int kCount = 8;
};
template <>
struct Table<Connection> {
  static constexpr char kName[] = "connections";
  static constexpr char kColumns[] =
      "name, revision, record, application, provider, subject, state, "
      "due_time";
  static constexpr int kCount = 8;
};
template <>
struct Table<AddedDefinition> {
  static constexpr char kName[] = "definitions";
  static constexpr char kColumns[] = "name, revision, record";
  static constexpr int kCount = 3;
};
template <>
struct Table<Event> {
  static constexpr char kName[] = "events";
  static constexpr char kColumns[] = "sequence, time, record, application";
  static constexpr int kCount = 4;
};

// The columns of a table as "c.name, c.revision, ...".
std::string Qualified(absl::string_view alias, absl::string_view columns);

// A row of a result, of which `first` is the first of these columns.
// STORE_UNAVAILABLE if its record is damaged; a definition then has no text,
// so that one does not take away all.
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     Application* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     ApiKey* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     Provider* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     Authorization* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     Connection* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     AddedDefinition* record);
absl::Status ReadRow(const sql::PostgresResult& result, int row, int first,
                     Event* record);

// Every row of a result that begins with these columns.
template <class T>
absl::StatusOr<std::vector<T>> ReadAll(const sql::PostgresResult& result) {
  std::vector<T> records;
  for (int row = 0; row < result.rows(); ++row) {
    absl::Status status = ReadRow(result, row, 0, &records.emplace_back());
    if (!status.ok()) return status;
  }
  return records;
}

// A record with the blob that it was read from, which a later write keeps the
// unknown fields of.
template <class T>
struct Loaded {
  std::optional<T> record;
  std::string blob;
};

// The record at these columns of a result's only row; none if the name is
// null.
template <class T>
absl::StatusOr<Loaded<T>> Load(const sql::PostgresResult& result, int first) {
  Loaded<T> loaded;
  if (result.IsNull(0, first)) return loaded;
  loaded.record.emplace();
  absl::Status status = ReadRow(result, 0, first, &*loaded.record);
  if (!status.ok()) return status;
  loaded.blob = std::string(result.Text(0, first + 2));
  return loaded;
}

using Batch = std::vector<sql::PostgresStatement>;

// Writes a record: a new row if `before` holds none; else a row that still has
// the revision of `before`, failing with a division by zero if it has not.
void Save(const Application& record, const Loaded<Application>& before,
          Batch* batch);
void Save(const ApiKey& record, const Loaded<ApiKey>& before, Batch* batch);
void Save(const Provider& record, const Loaded<Provider>& before, Batch* batch);
void Save(const Authorization& record, const Loaded<Authorization>& before,
          Batch* batch);
void Save(const Connection& record, const Loaded<Connection>& before,
          Batch* batch);
void Save(const AddedDefinition& record, const Loaded<AddedDefinition>& before,
          Batch* batch);
// Appends, and returns the row's id.
void Append(const Event& event, Batch* batch);
// Deletes a row that still has this revision; as above if it has not.
void Delete(absl::string_view table, const std::string& name,
            std::int64_t revision, Batch* batch);

}  // namespace valetkey::store::postgres

#endif  // VALETKEY_STORE_POSTGRES_TABLES_H_
