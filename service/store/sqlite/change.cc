#include "service/store/sqlite/change.h"

#include <string>

#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"
#include "service/store/sqlite/definitions.h"
#include "service/store/sqlite/tables.h"

namespace valetkey::store {
namespace {

struct Before {
  Loaded<Application> application;
  Loaded<ApiKey> key;
  Loaded<Provider> provider;
  Loaded<Authorization> authorization;
  Loaded<Connection> connection;
  Loaded<AddedDefinition> definition;
};

template <class T>
absl::Status LoadInto(sql::Sqlite& db, const std::optional<std::string>& key,
                      Loaded<T>* before, std::optional<T>* row) {
  if (!key) return absl::OkStatus();
  VK_ASSIGN_OR_RETURN(*before, Load<T>(db, *key));
  *row = before->record;
  return absl::OkStatus();
}

// Whether the query, with the name as ?1 and the time as ?2 if it is used,
// gives a row.
absl::StatusOr<bool> Any(sql::Sqlite& db, absl::string_view sql,
                         absl::string_view name) {
  VK_ASSIGN_OR_RETURN(sql::Statement query, db.Prepare(sql));
  query.BindText(1, name);
  return query.Step();
}

absl::StatusOr<bool> AnyAt(sql::Sqlite& db, absl::string_view sql,
                           absl::string_view name, absl::Time now) {
  VK_ASSIGN_OR_RETURN(sql::Statement query, db.Prepare(sql));
  query.BindText(1, name);
  query.BindInt(2, EncodeTime(now));
  return query.Step();
}

absl::Status Run(sql::Sqlite& db, absl::string_view sql,
                 absl::string_view name) {
  VK_ASSIGN_OR_RETURN(sql::Statement statement, db.Prepare(sql));
  statement.BindText(1, name);
  return statement.Run();
}

absl::Status NeedApplication(sql::Sqlite& db, absl::string_view name) {
  VK_ASSIGN_OR_RETURN(
      const bool found,
      Any(db, "SELECT 1 FROM applications WHERE name = ?1", name));
  return found ? absl::OkStatus() : ApplicationMissing(name);
}

absl::Status NeedProvider(sql::Sqlite& db, absl::string_view name) {
  VK_ASSIGN_OR_RETURN(const bool found,
                      Any(db, "SELECT 1 FROM providers WHERE name = ?1", name));
  return found ? absl::OkStatus() : ProviderMissing(name);
}

// What must exist before a row may be written. Only a new row, or one that
// has moved, can lack it.
absl::Status CheckParents(sql::Sqlite&, const Application&,
                          const std::optional<Application>&) {
  return absl::OkStatus();
}

absl::Status CheckParents(sql::Sqlite&, const AddedDefinition&,
                          const std::optional<AddedDefinition>&) {
  return absl::OkStatus();
}

absl::Status CheckParents(sql::Sqlite& db, const ApiKey& row,
                          const std::optional<ApiKey>& before) {
  if (!before || before->application != row.application) {
    VK_RETURN_IF_ERROR(NeedApplication(db, row.application));
  }
  if (before && before->digest == row.digest) return absl::OkStatus();
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare("SELECT 1 FROM keys WHERE digest = ?1 AND name <> ?2"));
  query.BindBlob(1, row.digest);
  query.BindText(2, row.name);
  VK_ASSIGN_OR_RETURN(const bool taken, query.Step());
  return taken ? KeyTaken() : absl::OkStatus();
}

absl::Status CheckParents(sql::Sqlite& db, const Provider& row,
                          const std::optional<Provider>& before) {
  if (before && before->application == row.application) {
    return absl::OkStatus();
  }
  return NeedApplication(db, row.application);
}

template <class T>
absl::Status CheckParents(sql::Sqlite& db, const T& row,
                          const std::optional<T>& before) {
  if (!before || before->application != row.application) {
    VK_RETURN_IF_ERROR(NeedApplication(db, row.application));
  }
  if (!before || before->provider != row.provider) {
    VK_RETURN_IF_ERROR(NeedProvider(db, row.provider));
  }
  return absl::OkStatus();
}

// An unchanged row is not written, and keeps its revision.
template <class T>
absl::Status SaveChanged(sql::Sqlite& db, const Loaded<T>& before,
                         std::optional<T>* row) {
  if (!row->has_value()) return absl::OkStatus();
  (*row)->revision = before.record ? before.record->revision : 0;
  if (*row == before.record) return absl::OkStatus();
  ++(*row)->revision;
  VK_RETURN_IF_ERROR(CheckParents(db, **row, before.record));
  return Save(db, **row, before);
}

absl::Status DeleteConnection(sql::Sqlite& db, const std::string& name,
                              absl::Time now) {
  {
    VK_ASSIGN_OR_RETURN(
        sql::Statement remove,
        db.Prepare("DELETE FROM authorizations WHERE connection = ?1 "
                   "AND NOT (status IN (1, 2) AND expire_time > ?2)"));
    remove.BindText(1, name);
    remove.BindInt(2, EncodeTime(now));
    VK_RETURN_IF_ERROR(remove.Run());
  }
  return Run(db, "DELETE FROM connections WHERE name = ?1", name);
}

absl::Status DeleteProvider(sql::Sqlite& db, const std::string& name,
                            absl::Time now) {
  VK_ASSIGN_OR_RETURN(
      const bool connected,
      Any(db, "SELECT 1 FROM connections WHERE provider = ?1 LIMIT 1", name));
  VK_ASSIGN_OR_RETURN(const bool open,
                      AnyAt(db,
                            "SELECT 1 FROM authorizations WHERE provider = ?1 "
                            "AND status IN (1, 2) AND expire_time > ?2 LIMIT 1",
                            name, now));
  if (connected || open) return ProviderInUse(name);
  VK_RETURN_IF_ERROR(
      Run(db, "DELETE FROM authorizations WHERE provider = ?1", name));
  return Run(db, "DELETE FROM providers WHERE name = ?1", name);
}

absl::Status DeleteApplication(sql::Sqlite& db, const std::string& name) {
  VK_ASSIGN_OR_RETURN(
      const bool used,
      Any(db,
          "SELECT 1 FROM providers WHERE application = ?1 UNION ALL "
          "SELECT 1 FROM connections WHERE application = ?1 LIMIT 1",
          name));
  if (used) return ApplicationInUse(name);
  VK_RETURN_IF_ERROR(Run(db, "DELETE FROM keys WHERE application = ?1", name));
  return Run(db, "DELETE FROM applications WHERE name = ?1", name);
}

// Deletes from the leaves up, so that an application can go together with its
// last provider.
absl::Status DeleteRows(sql::Sqlite& db, const RowKeys& keys,
                        const Before& before, Rows* rows) {
  Gone gone;
  gone.application = before.application.record && !rows->application;
  gone.provider = before.provider.record && !rows->provider;
  gone.connection = before.connection.record && !rows->connection;
  if (before.authorization.record && !rows->authorization) {
    VK_RETURN_IF_ERROR(Run(db, "DELETE FROM authorizations WHERE name = ?1",
                           *keys.authorization));
  }
  if (before.key.record && !rows->key) {
    VK_RETURN_IF_ERROR(Run(db, "DELETE FROM keys WHERE name = ?1", *keys.key));
  }
  if (gone.connection) {
    VK_RETURN_IF_ERROR(DeleteConnection(db, *keys.connection, rows->now));
  }
  if (gone.provider) {
    VK_RETURN_IF_ERROR(DeleteProvider(db, *keys.provider, rows->now));
  }
  if (gone.application) {
    VK_RETURN_IF_ERROR(DeleteApplication(db, *keys.application));
  }
  if (before.definition.record && !rows->definition) {
    VK_RETURN_IF_ERROR(DeleteDefinition(db, *keys.definition));
  }
  DropDependants(keys, gone, rows);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Rows> ApplyChange(sql::Sqlite& db, const RowKeys& keys,
                                 const Change& change, absl::Time now) {
  Rows rows;
  Before before;
  rows.now = now;
  VK_RETURN_IF_ERROR(
      LoadInto(db, keys.application, &before.application, &rows.application));
  VK_RETURN_IF_ERROR(LoadInto(db, keys.key, &before.key, &rows.key));
  VK_RETURN_IF_ERROR(
      LoadInto(db, keys.provider, &before.provider, &rows.provider));
  VK_RETURN_IF_ERROR(LoadInto(db, keys.authorization, &before.authorization,
                              &rows.authorization));
  VK_RETURN_IF_ERROR(
      LoadInto(db, keys.connection, &before.connection, &rows.connection));
  VK_RETURN_IF_ERROR(
      LoadInto(db, keys.definition, &before.definition, &rows.definition));

  VK_RETURN_IF_ERROR(change(rows));
  rows.now = now;
  VK_RETURN_IF_ERROR(CheckChanged(keys, rows));
  RoundTimes(&rows);

  VK_RETURN_IF_ERROR(SaveChanged(db, before.application, &rows.application));
  VK_RETURN_IF_ERROR(SaveChanged(db, before.key, &rows.key));
  VK_RETURN_IF_ERROR(SaveChanged(db, before.provider, &rows.provider));
  VK_RETURN_IF_ERROR(SaveChanged(db, before.connection, &rows.connection));
  VK_RETURN_IF_ERROR(
      SaveChanged(db, before.authorization, &rows.authorization));
  VK_RETURN_IF_ERROR(SaveChanged(db, before.definition, &rows.definition));
  VK_RETURN_IF_ERROR(DeleteRows(db, keys, before, &rows));
  if (rows.definition != before.definition.record) {
    VK_RETURN_IF_ERROR(RaiseDefinitionsRevision(db));
  }
  for (Event& event : rows.events) {
    event.time = now;
    VK_RETURN_IF_ERROR(Append(db, &event));
  }
  return rows;
}

}  // namespace valetkey::store
