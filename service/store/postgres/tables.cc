#include "service/store/postgres/tables.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/search.h"

namespace valetkey::store::postgres {
namespace {

using sql::PostgresResult;
using sql::PostgresStatement;
using sql::PostgresValue;

// Turns a statement that returns a row for each one written into one that
// fails unless that was exactly one.
std::string OneRow(absl::string_view write) {
  return absl::StrCat("WITH written AS (", write,
                      " RETURNING 1) SELECT 1 / count(*) FROM written");
}

// The columns that all named records begin with.
template <class T>
absl::Status ReadCommon(const PostgresResult& result, int row, int first,
                        T* record) {
  record->name = std::string(result.Text(row, first));
  record->revision = result.Int(row, first + 1);
  if (!Decode(result.Text(row, first + 2), record)) {
    return MakeError(
        Reason::kStoreUnavailable,
        absl::StrCat("the record of ", record->name, " is damaged"));
  }
  return absl::OkStatus();
}

std::string String(const PostgresResult& result, int row, int column) {
  return std::string(result.Text(row, column));
}

// The values that every Save begins with: $1 to $3.
template <class T>
std::vector<PostgresValue> Common(const T& record, const Loaded<T>& before) {
  std::string blob = before.blob;
  Encode(record, &blob);
  return {PostgresValue::Text(record.name), PostgresValue::Int(record.revision),
          PostgresValue::Bytes(blob)};
}

std::optional<std::int64_t> EncodeOptional(
    const std::optional<absl::Time>& time) {
  if (!time) return std::nullopt;
  return EncodeTime(*time);
}

// An INSERT of these columns, or an UPDATE of them; both take the columns'
// values in this order, from $1 on, and the UPDATE the old revision behind.
template <class T>
void SaveColumns(const std::vector<absl::string_view>& columns,
                 std::vector<PostgresValue> values, const Loaded<T>& before,
                 Batch* batch) {
  PostgresStatement statement;
  if (!before.record) {
    std::string parameters = "$1";
    for (std::size_t i = 2; i <= columns.size(); ++i) {
      absl::StrAppend(&parameters, ", $", i);
    }
    statement.text = absl::StrCat("INSERT INTO ", Table<T>::kName, " (",
                                  absl::StrJoin(columns, ", "), ") VALUES (",
                                  parameters, ")");
  } else {
    std::vector<std::string> sets;
    for (std::size_t i = 2; i <= columns.size(); ++i) {
      sets.push_back(absl::StrCat(columns[i - 1], " = $", i));
    }
    values.push_back(PostgresValue::Int(before.record->revision));
    statement.text = OneRow(absl::StrCat(
        "UPDATE ", Table<T>::kName, " SET ", absl::StrJoin(sets, ", "),
        " WHERE name = $1 AND revision = $", values.size()));
  }
  statement.values = std::move(values);
  batch->push_back(std::move(statement));
}

void SaveLabels(const Connection& record, const Loaded<Connection>& before,
                Batch* batch) {
  if (before.record && before.record->labels == record.labels &&
      before.record->application == record.application) {
    return;
  }
  if (before.record) {
    batch->push_back({"DELETE FROM connection_labels WHERE connection = $1",
                      {PostgresValue::Text(record.name)}});
  }
  for (const auto& [key, value] : record.labels) {
    batch->push_back(
        {"INSERT INTO connection_labels (application, key, value, connection) "
         "VALUES ($1, $2, $3, $4)",
         {PostgresValue::Text(record.application), PostgresValue::Bytes(key),
          PostgresValue::Bytes(value), PostgresValue::Text(record.name)}});
  }
}

// Written again with new tokens, so that a row that a program without search
// has written is found at last.
void SaveWords(const Connection& record, const Loaded<Connection>& before,
               Batch* batch) {
  const std::string words = SearchText(record);
  if (before.record && before.record->generation == record.generation &&
      SearchText(*before.record) == words) {
    return;
  }
  batch->push_back(
      {"INSERT INTO connection_words AS w (connection, words) VALUES ($1, $2) "
       "ON CONFLICT (connection) DO UPDATE SET words = excluded.words "
       "WHERE w.words <> excluded.words",
       {PostgresValue::Text(record.name), PostgresValue::Bytes(words)}});
}

}  // namespace

std::string Qualified(absl::string_view alias, absl::string_view columns) {
  return absl::StrCat(
      alias, ".",
      absl::StrReplaceAll(columns, {{", ", absl::StrCat(", ", alias, ".")}}));
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     Application* record) {
  return ReadCommon(result, row, first, record);
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     ApiKey* record) {
  record->application = String(result, row, first + 3);
  record->digest = String(result, row, first + 4);
  return ReadCommon(result, row, first, record);
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     Provider* record) {
  record->application = String(result, row, first + 3);
  return ReadCommon(result, row, first, record);
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     Authorization* record) {
  record->application = String(result, row, first + 3);
  record->provider = String(result, row, first + 4);
  record->connection = String(result, row, first + 5);
  record->status = static_cast<AuthorizationStatus>(result.Int(row, first + 6));
  record->expire_time = DecodeTime(result.Int(row, first + 7));
  return ReadCommon(result, row, first, record);
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     Connection* record) {
  record->application = String(result, row, first + 3);
  record->provider = String(result, row, first + 4);
  record->subject = String(result, row, first + 5);
  record->state = static_cast<ConnectionState>(result.Int(row, first + 6));
  if (!result.IsNull(row, first + 7)) {
    record->due_time = DecodeTime(result.Int(row, first + 7));
  }
  return ReadCommon(result, row, first, record);
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     AddedDefinition* record) {
  ReadCommon(result, row, first, record).IgnoreError();
  return absl::OkStatus();
}

absl::Status ReadRow(const PostgresResult& result, int row, int first,
                     Event* record) {
  record->sequence = result.Int(row, first);
  record->time = DecodeTime(result.Int(row, first + 1));
  record->application = String(result, row, first + 3);
  if (!Decode(result.Text(row, first + 2), record)) {
    return MakeError(
        Reason::kStoreUnavailable,
        absl::StrCat("the record of event ", record->sequence, " is damaged"));
  }
  return absl::OkStatus();
}

void Save(const Application& record, const Loaded<Application>& before,
          Batch* batch) {
  SaveColumns({"name", "revision", "record"}, Common(record, before), before,
              batch);
}

void Save(const ApiKey& record, const Loaded<ApiKey>& before, Batch* batch) {
  auto values = Common(record, before);
  values.push_back(PostgresValue::Text(record.application));
  values.push_back(PostgresValue::Bytes(record.digest));
  SaveColumns({"name", "revision", "record", "application", "digest"},
              std::move(values), before, batch);
}

void Save(const Provider& record, const Loaded<Provider>& before,
          Batch* batch) {
  auto values = Common(record, before);
  values.push_back(PostgresValue::Text(record.application));
  SaveColumns({"name", "revision", "record", "application"}, std::move(values),
              before, batch);
}

void Save(const Authorization& record, const Loaded<Authorization>& before,
          Batch* batch) {
  auto values = Common(record, before);
  values.push_back(PostgresValue::Text(record.application));
  values.push_back(PostgresValue::Text(record.provider));
  values.push_back(PostgresValue::Text(record.connection));
  values.push_back(
      PostgresValue::Int(static_cast<std::int64_t>(record.status)));
  values.push_back(PostgresValue::Int(EncodeTime(record.expire_time)));
  SaveColumns({"name", "revision", "record", "application", "provider",
               "connection", "status", "expire_time"},
              std::move(values), before, batch);
}

void Save(const Connection& record, const Loaded<Connection>& before,
          Batch* batch) {
  auto values = Common(record, before);
  values.push_back(PostgresValue::Text(record.application));
  values.push_back(PostgresValue::Text(record.provider));
  values.push_back(PostgresValue::Bytes(record.subject));
  values.push_back(PostgresValue::Int(static_cast<std::int64_t>(record.state)));
  values.push_back(PostgresValue::Int(IsAiling(record) ? 1 : 0));
  std::vector<absl::string_view> columns = {
      "name",     "revision", "record", "application",
      "provider", "subject",  "state",  "ailing"};
  // A due time that the change has left as it was may have been moved by a
  // claim since it was read: it stays.
  if (!before.record || before.record->due_time != record.due_time) {
    columns.push_back("due_time");
    values.push_back(PostgresValue::Int(EncodeOptional(record.due_time)));
  }
  SaveColumns(columns, std::move(values), before, batch);
  SaveWords(record, before, batch);
  SaveLabels(record, before, batch);
}

void Save(const AddedDefinition& record, const Loaded<AddedDefinition>& before,
          Batch* batch) {
  SaveColumns({"name", "revision", "record"}, Common(record, before), before,
              batch);
}

void Append(const Event& event, Batch* batch) {
  std::string blob;
  Encode(event, &blob);
  batch->push_back(
      {"INSERT INTO events (application, time, record, connection) "
       "VALUES ($1, $2, $3, $4) RETURNING id",
       {PostgresValue::Text(event.application),
        PostgresValue::Int(EncodeTime(event.time)), PostgresValue::Bytes(blob),
        PostgresValue::Text(event.connection)}});
}

void Delete(absl::string_view table, const std::string& name,
            std::int64_t revision, Batch* batch) {
  batch->push_back({OneRow(absl::StrCat("DELETE FROM ", table,
                                        " WHERE name = $1 AND revision = $2")),
                    {PostgresValue::Text(name), PostgresValue::Int(revision)}});
}

}  // namespace valetkey::store::postgres
