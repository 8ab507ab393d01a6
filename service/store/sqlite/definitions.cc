#include "service/store/sqlite/definitions.h"

#include "service/base/status.h"
#include "service/store/record_codec.h"
#include "service/store/rules.h"
#include "service/store/sqlite/tables.h"

namespace valetkey::store {

// One statement, so that all of it is of one moment.
absl::StatusOr<AddedDefinitions> ListDefinitions(sql::Sqlite& db) {
  VK_ASSIGN_OR_RETURN(
      sql::Statement query,
      db.Prepare("SELECT d.name, d.revision, d.record, s.definitions_revision "
                 "FROM store AS s LEFT JOIN definitions AS d ON 1 "
                 "ORDER BY d.name"));
  AddedDefinitions all;
  for (;;) {
    VK_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return all;
    all.revision = query.Int(3);
    if (query.IsNull(0)) continue;
    VK_RETURN_IF_ERROR(ReadRow(query, &all.items.emplace_back()));
  }
}

absl::StatusOr<std::int64_t> DefinitionsRevision(sql::Sqlite& db) {
  return db.QueryInt("SELECT definitions_revision FROM store");
}

absl::Status DeleteDefinition(sql::Sqlite& db, const std::string& name) {
  {
    VK_ASSIGN_OR_RETURN(
        sql::Statement query,
        db.Prepare("SELECT 1 FROM providers WHERE instr(record, ?1) > 0 "
                   "LIMIT 1"));
    query.BindBlob(1, EncodedCatalogEntry(name));
    VK_ASSIGN_OR_RETURN(const bool used, query.Step());
    if (used) return DefinitionInUse(name);
  }
  VK_ASSIGN_OR_RETURN(sql::Statement remove,
                      db.Prepare("DELETE FROM definitions WHERE name = ?1"));
  remove.BindText(1, name);
  return remove.Run();
}

absl::Status RaiseDefinitionsRevision(sql::Sqlite& db) {
  return db.Execute(
      "UPDATE store SET definitions_revision = definitions_revision + 1");
}

}  // namespace valetkey::store
