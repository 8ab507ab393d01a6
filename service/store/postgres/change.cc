#include "service/store/postgres/change.h"

#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/base/status.h"
#include "service/net/sql/postgres_error.h"
#include "service/store/postgres/definitions.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"

namespace valetkey::store::postgres {
namespace {

using sql::PostgresValue;
using Kind = Write::Step::Kind;

// Collects a Write.
class Writer {
 public:
  explicit Writer(Write* write) : write_(*write) {}

  Batch* batch() { return &write_.batch; }
  // All that has been added to the batch since the last call is this step.
  void Mark(Write::Step step) {
    write_.steps.resize(write_.batch.size(), std::move(step));
  }

 private:
  Write& write_;
};

Write::Step StepOf(const Application& row) { return {Kind::kSave, row.name}; }
Write::Step StepOf(const ApiKey& row) { return {Kind::kSave, row.application}; }
Write::Step StepOf(const Provider& row) {
  return {Kind::kSave, row.application};
}
Write::Step StepOf(const AddedDefinition&) { return {}; }
template <class T>
Write::Step StepOf(const T& row) {
  return {Kind::kSave, row.application, row.provider};
}

// An unchanged row is not written, and keeps its revision.
template <class T>
void SaveChanged(const Loaded<T>& before, std::optional<T>* row,
                 Writer* writer) {
  if (!row->has_value()) return;
  (*row)->revision = before.record ? before.record->revision : 0;
  if (*row == before.record) return;
  ++(*row)->revision;
  Save(**row, before, writer->batch());
  writer->Mark(StepOf(**row));
}

// Whether the change has deleted it.
template <class T>
bool IsGone(const Loaded<T>& before, const std::optional<T>& row) {
  return before.record.has_value() && !row.has_value();
}

template <class T>
void DeleteRow(const T& row, Writer* writer) {
  Delete(Table<T>::kName, row.name, row.revision, writer->batch());
}

// The authorizations that go with a connection or a provider. Those that stay
// hold their provider by its foreign key.
void DeleteEnded(absl::string_view column, const std::string& name,
                 absl::Time now, Writer* writer) {
  writer->batch()->push_back(
      {absl::StrCat("DELETE FROM authorizations WHERE ", column,
                    " = $1 AND NOT (status IN (1, 2) AND expire_time > $2)"),
       {PostgresValue::Text(name), PostgresValue::Int(EncodeTime(now))}});
}

// Deletes from the leaves up, so that an application can go together with its
// last provider.
void DeleteRows(const RowKeys& keys, const Before& before, Rows* rows,
                Writer* writer) {
  Gone gone;
  gone.application = IsGone(before.application, rows->application);
  gone.provider = IsGone(before.provider, rows->provider);
  gone.connection = IsGone(before.connection, rows->connection);
  if (IsGone(before.authorization, rows->authorization)) {
    DeleteRow(*before.authorization.record, writer);
  }
  if (IsGone(before.key, rows->key)) DeleteRow(*before.key.record, writer);
  if (gone.connection) {
    DeleteEnded("connection", *keys.connection, rows->now, writer);
    DeleteRow(*before.connection.record, writer);
  }
  if (gone.provider) {
    DeleteEnded("provider", *keys.provider, rows->now, writer);
    writer->Mark({});
    DeleteRow(*before.provider.record, writer);
    writer->Mark({Kind::kDeleteProvider, "", *keys.provider});
  }
  if (gone.application) {
    writer->batch()->push_back({"DELETE FROM keys WHERE application = $1",
                                {PostgresValue::Text(*keys.application)}});
    writer->Mark({});
    DeleteRow(*before.application.record, writer);
    writer->Mark({Kind::kDeleteApplication, *keys.application});
  }
  if (IsGone(before.definition, rows->definition)) {
    DeleteRow(*before.definition.record, writer);
    writer->Mark({});
    writer->batch()->push_back(CheckUnused(*keys.definition));
    writer->Mark({Kind::kCheckUnused, "", "", *keys.definition});
  }
  writer->Mark({});
  DropDependants(keys, gone, rows);
}

// A new provider holds its definition in place.
void HoldDefinitionOf(const Before& before, const Rows& rows, Writer* writer) {
  if (before.provider.record || !rows.provider || !before.definition.record ||
      rows.provider->catalog_entry != before.definition.record->name) {
    return;
  }
  writer->batch()->push_back(HoldDefinition(rows.provider->catalog_entry));
  writer->Mark({});
}

PostgresValue Name(const std::optional<std::string>& key) {
  // No row has the name "".
  return PostgresValue::Text(key.value_or(""));
}

template <class T>
absl::Status Take(const sql::PostgresResult& result, int* column,
                  Loaded<T>* loaded) {
  VK_ASSIGN_OR_RETURN(*loaded, Load<T>(result, *column));
  *column += Table<T>::kCount;
  return absl::OkStatus();
}

}  // namespace

sql::PostgresStatement ReadRows(const RowKeys& keys) {
  static const auto* const columns = new std::string(absl::StrCat(
      "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, ",
      Qualified("a", Table<Application>::kColumns), ", ",
      Qualified("k", Table<ApiKey>::kColumns), ", ",
      Qualified("p", Table<Provider>::kColumns), ", ",
      Qualified("z", Table<Authorization>::kColumns), ", ",
      Qualified("c", Table<Connection>::kColumns)));
  static const auto* const tables = new std::string(
      " FROM (SELECT 1) AS one "
      "LEFT JOIN applications AS a ON a.name = $1 "
      "LEFT JOIN keys AS k ON k.name = $2 "
      "LEFT JOIN providers AS p ON p.name = $3 "
      "LEFT JOIN authorizations AS z ON z.name = $4 "
      "LEFT JOIN connections AS c ON c.name = $5");
  sql::PostgresStatement statement = {
      absl::StrCat(*columns, *tables),
      {Name(keys.application), Name(keys.key), Name(keys.provider),
       Name(keys.authorization), Name(keys.connection)}};
  // Most changes are of connections; what they need not read they do not.
  if (keys.definition) {
    statement.text = absl::StrCat(
        *columns, ", ", Qualified("d", Table<AddedDefinition>::kColumns),
        *tables, " LEFT JOIN definitions AS d ON d.name = $6");
    statement.values.push_back(Name(keys.definition));
  }
  return statement;
}

absl::StatusOr<Before> TakeRows(const RowKeys& keys,
                                const sql::PostgresResult& result) {
  Before before;
  before.now = DecodeTime(result.Int(0, 0));
  int column = 1;
  VK_RETURN_IF_ERROR(Take(result, &column, &before.application));
  VK_RETURN_IF_ERROR(Take(result, &column, &before.key));
  VK_RETURN_IF_ERROR(Take(result, &column, &before.provider));
  VK_RETURN_IF_ERROR(Take(result, &column, &before.authorization));
  VK_RETURN_IF_ERROR(Take(result, &column, &before.connection));
  if (keys.definition) {
    VK_RETURN_IF_ERROR(Take(result, &column, &before.definition));
  }
  return before;
}

Write WriteRows(const RowKeys& keys, const Before& before, Rows* rows) {
  Write write;
  Writer writer(&write);
  SaveChanged(before.application, &rows->application, &writer);
  SaveChanged(before.key, &rows->key, &writer);
  HoldDefinitionOf(before, *rows, &writer);
  SaveChanged(before.provider, &rows->provider, &writer);
  SaveChanged(before.connection, &rows->connection, &writer);
  SaveChanged(before.authorization, &rows->authorization, &writer);
  SaveChanged(before.definition, &rows->definition, &writer);
  DeleteRows(keys, before, rows, &writer);
  if (rows->definition != before.definition.record) {
    write.batch.push_back(RaiseDefinitionsRevision());
    writer.Mark({});
  }
  write.first_event = static_cast<int>(write.batch.size());
  for (Event& event : rows->events) {
    event.time = rows->now;
    event.sequence = 0;
    Append(event, &write.batch);
  }
  writer.Mark({});
  return write;
}

absl::Status ExplainWrite(const std::vector<Write::Step>& steps,
                          const absl::Status& failed, bool* again) {
  *again = false;
  const auto error = sql::PostgresErrorOf(failed);
  if (!error) return failed;
  if (error->sqlstate == sql::kUniqueViolation &&
      error->constraint == "keys_digest") {
    return KeyTaken();
  }
  const auto index = static_cast<std::size_t>(error->statement);
  const Write::Step step = index < steps.size() ? steps[index] : Write::Step();
  if (error->sqlstate == sql::kDivisionByZero &&
      step.kind == Kind::kCheckUnused) {
    return DefinitionInUse(step.definition);
  }
  if (error->sqlstate == sql::kForeignKeyViolation) {
    switch (step.kind) {
      case Kind::kDeleteApplication:
        return ApplicationInUse(step.application);
      case Kind::kDeleteProvider:
        return ProviderInUse(step.provider);
      case Kind::kSave:
        if (absl::EndsWith(error->constraint, "_application")) {
          return ApplicationMissing(step.application);
        }
        if (absl::EndsWith(error->constraint, "_provider")) {
          return ProviderMissing(step.provider);
        }
        return failed;
      case Kind::kCheckUnused:
      case Kind::kOther:
        return failed;
    }
  }
  *again = error->sqlstate == sql::kDivisionByZero ||
           error->sqlstate == sql::kUniqueViolation || IsTransient(failed);
  return failed;
}

bool IsTransient(const absl::Status& status) {
  const auto error = sql::PostgresErrorOf(status);
  return error && (error->sqlstate == sql::kSerializationFailure ||
                   error->sqlstate == sql::kDeadlockDetected ||
                   error->sqlstate == sql::kLockNotAvailable);
}

}  // namespace valetkey::store::postgres
